from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ritornello.analysis.phrase_grid import phrase_grid
from ritornello.datasets.pop909 import Pop909
from ritornello.evaluation.adherence import LAYERS, figure, last_notes, layer_agreements, pooled, song_measures
from ritornello.evaluation.imitation import phrase_agreements
from ritornello.score import Chord, ChordSpan, Form, Key, KeyRegion, Part, Song, make_notes


def make_song(form: str, pitches: list[int], lengths: list[int], roots: list[int]) -> Song:
    """Notes of so many sixteenths (pitch 0: a rest), a chord a bar, in C."""
    onsets = np.cumsum([0, *lengths[:-1]])
    rows = [(on * 3, length * 3, pitch) for on, length, pitch in zip(onsets, lengths, pitches, strict=True) if pitch]
    notes = make_notes(*np.array(rows).T)
    return Song(
        parts=(Part("Tune", notes, role="melody"),),
        keys=(KeyRegion(0, Key(0)),),
        chords=tuple(ChordSpan(48 * bar, 48, Chord(root)) for bar, root in enumerate(roots)),
        form=Form.parse(form),
    )


SONG = make_song(
    "A2A2B2",
    [60, 62, 64, 60, 60, 62, 64, 67, 72, 0, 71, 72],
    [8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 4, 12],
    [0, 7, 0, 0, 7, 0],
)


def test_layers_are_compared_position_by_position() -> None:
    found = layer_agreements(phrase_grid(SONG))
    assert tuple(found) == LAYERS
    # A and A: the last of four half bars differs in pitch alone; the second chord differs.
    assert [found[layer].all_same for layer in LAYERS] == [[0.75], [1.0], [0.75], [0.5]]
    # B against both A: no pitch in common; of four half bars one begins alike, and one has its only onset there.
    assert found["pitch"].other == [0.0, 0.0]
    assert found["rhythm"].other == [0.25, 0.25]
    assert found["chord_root"].other == [0.0, 0.5]


def test_the_pitch_layer_is_that_of_imitation() -> None:
    grid = phrase_grid(SONG)
    assert layer_agreements(grid)["pitch"] == phrase_agreements(grid)


@pytest.mark.parametrize("tonic", [1, 6, 11])
def test_no_measure_depends_on_the_key(tonic: int) -> None:
    assert song_measures(phrase_grid(SONG.transpose(tonic))) == song_measures(phrase_grid(SONG))


def test_ends_of_phrases() -> None:
    measures = song_measures(phrase_grid(SONG)).values
    assert measures["v_to_i_section_end"] == [1.0]
    assert measures["tonic_last_section_end"] == [1.0]
    assert measures["tonic_last_phrase_end"] == [1.0, 0.0]
    assert last_notes(phrase_grid(SONG)) == {"section_end": [12.0], "phrase_end": [8.0, 8.0]}


def test_a_last_note_is_cut_at_the_end_of_its_phrase() -> None:
    song = make_song("A1B1", [60, 62, 64], [12, 8, 12], [0, 0])
    assert last_notes(phrase_grid(song)) == {"section_end": [12.0], "phrase_end": [4.0]}


def test_figures_pool_values_and_count_them() -> None:
    found = figure("share", [[1.0, 0.0], [], [1.0]])
    assert found["share"] == 0.6667 and found["share_cases"] == 3
    assert found["share_interval"][0] <= found["share"] <= found["share_interval"][1]
    assert figure("none", [[]]) == {"none": None, "none_interval": None, "none_cases": 0}
    measures = song_measures(phrase_grid(SONG))
    assert pooled([[measures, measures]])["same_letter_agreement_cases"] == 2


def test_anchors_of_the_specification(data_folder: Path) -> None:
    dataset = Pop909(data_folder / "pop909.zip")
    entries = [dataset.load(id) for id in dataset.split("all")[::3]]
    human = pooled(
        [[song_measures(phrase_grid(e.song))] for e in entries if e.is_one_key_major and e.beats_per_bar == 4]
    )
    for layer, same, other in (("", 0.846, 0.209), ("_rhythm", 0.825, 0.19), ("_basic_melody", 0.848, 0.159)):
        assert human[f"same_letter_agreement{layer}"] == pytest.approx(same, abs=0.04)
        assert human[f"other_letter_agreement{layer}"] == pytest.approx(other, abs=0.05)
