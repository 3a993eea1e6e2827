"""One voice, the tune inside a mixed part, and the bass line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.analysis.melody import bass_line, is_mixed, melody_line, melody_of_mixed, note_features, one_voice
from ritornello.analysis.roles import with_roles
from ritornello.score import Part, Song, make_notes

from .songs import TUNE, band


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20), st.integers(30, 90)), max_size=30), st.booleans())
def test_one_voice_never_overlaps_and_keeps_every_onset(notes: list[tuple[int, int, int]], lowest: bool) -> None:
    given_notes = Part("", make_notes(*zip(*notes, strict=True)) if notes else make_notes()).notes
    line = one_voice(given_notes, lowest)
    assert set(line["onset"].tolist()) == set(given_notes["onset"].tolist())
    assert (np.diff(line["onset"]) > 0).all()
    assert (line["onset"][:-1] + line["duration"][:-1] <= line["onset"][1:]).all()
    for note in line:
        together = given_notes["pitch"][given_notes["onset"] == note["onset"]]
        assert note["pitch"] == (together.min() if lowest else together.max())


def test_parts_that_mix_voices_are_told_from_single_lines() -> None:
    song = band()
    assert not is_mixed(song.parts[0].notes)
    assert is_mixed(Part("", np.concatenate([part.notes for part in song.parts])).notes)
    assert not is_mixed(make_notes())


@pytest.mark.parametrize("tonic", [-5, 0, 4])
def test_the_tune_is_found_among_chords_and_bass(tonic: int) -> None:
    song = band(tonic=tonic)
    notes = Part("", np.concatenate([part.notes for part in song.parts])).notes
    chosen = notes[melody_of_mixed(notes)]
    found = set(zip(chosen["onset"].tolist(), chosen["pitch"].tolist(), strict=True))
    tune = {(3 * onset, pitch + tonic) for onset, _, pitch in TUNE}
    assert len(tune & found) > 0.9 * len(tune)
    assert (np.diff(chosen["onset"]) > 0).all()


def test_note_features_move_with_time() -> None:
    notes = Part("", np.concatenate([part.notes for part in band().parts])).notes
    later = notes.copy()
    later["onset"] += 48
    assert np.allclose(note_features(notes)[:50], note_features(later)[:50])
    assert not melody_of_mixed(notes[:0]).any()


def test_melody_line_is_the_part_with_that_role() -> None:
    song, _ = with_roles(band())
    assert melody_line(song)["pitch"][:4].tolist() == [64, 65, 67, 67]
    assert len(melody_line(band())) == 0
    assert len(melody_line(Song())) == 0


def test_bass_line_from_its_part_and_from_the_accompaniment() -> None:
    song, _ = with_roles(band())
    stated = bass_line(song)
    poured = Part("", np.concatenate([part.notes for part in song.parts[1:]]), role="chords")
    found = bass_line(Song(parts=(song.parts[0], poured)))
    assert np.array_equal(stated, song.parts[1].notes)
    assert set(found["onset"].tolist()) >= set(stated["onset"].tolist())
    on_bar = found[found["onset"] % 48 == 0]
    assert np.array_equal(on_bar["pitch"], stated["pitch"][stated["onset"] % 48 == 0])
    assert len(bass_line(Song(parts=(song.parts[0],)))) == 0
