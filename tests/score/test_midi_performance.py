from __future__ import annotations

import numpy as np
import pytest
from midi_builder import midi_file, note, tempo

from ritornello.errors import ArgumentError
from ritornello.score import Part, Song, Tempo, make_notes
from ritornello.score.midi_performance import performance
from ritornello.score.midi_reader import read_midi


def test_times_are_exact_and_in_the_order_of_the_notes():
    # On the grid both notes start together, so the lower comes first in the part though it was played later.
    song = read_midi(
        midi_file([tempo(0, 500_000), tempo(960, 1_000_000)], note(5, 475, 64) + note(7, 1000, 60)), "x.mid"
    )
    assert song.parts[0].notes["pitch"].tolist() == [60, 64]
    (times,) = performance(song)
    assert times.onset_s == pytest.approx([7 / 960, 5 / 960])
    assert times.end_s == pytest.approx([1 + 47 / 480, 480 / 960])


def test_a_song_without_midi_file_has_the_times_of_its_grid():
    song = Song(parts=[Part("Tune", make_notes([0, 12], [12, 6], [60, 62]))], tempi=[Tempo(0, 60.0)])
    (times,) = performance(song)
    assert times.onset_s.tolist() == [0.0, 1.0]
    assert times.end_s.tolist() == [1.0, 1.5]


def test_changed_notes_are_refused():
    song = read_midi(midi_file(note(0, 480, 60)), "x.mid")
    with pytest.raises(ArgumentError, match="have changed"):
        performance(song.transpose(1).replace(original=song.original))
    with pytest.raises(ArgumentError, match="have changed"):
        performance(song.replace(parts=()))


def test_exact_times_are_within_half_a_tick_of_the_grid():
    rng = np.random.default_rng(1)
    events = [event for onset in rng.integers(0, 20_000, 50) for event in note(int(onset), 200, int(onset) % 128)]
    song = read_midi(midi_file(events), "x.mid")
    (times,) = performance(song)
    assert np.abs(times.onset_s - song.seconds(song.parts[0].notes["onset"])).max() <= 0.5 / 24 + 1e-9
