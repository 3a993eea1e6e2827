from __future__ import annotations

import numpy as np
import pytest

from ritornello.errors import ArgumentError, UnsuitableSongError
from ritornello.evaluation.bar_notes import BAR_TICKS, DRUMS, MELODY, bars_of_notes, joined
from ritornello.score import Part, Song
from ritornello.score.song import make_notes
from ritornello.score.timeline import Meter

SONG = Song(
    parts=(
        Part("Lead", make_notes([0, 100, 47], [12, 96, 1], [60, 62, 64]), program=80),
        Part("Kit", make_notes([48, 0], 3, [38, 36]), is_drums=True),
    )
)


def test_notes_stand_in_the_bar_of_their_onset() -> None:
    bars = bars_of_notes(SONG)
    assert [bar.tolist() for bar in bars] == [
        [[0, 60, 12, MELODY], [0, 36, 3, DRUMS], [47, 64, 1, MELODY]],
        [[0, 38, 3, DRUMS]],
        [[4, 62, 96, MELODY]],
        [],  # the last note sounds on into a bar where none starts
        [],
    ]
    index, notes = joined(bars)
    assert sorted((index * BAR_TICKS + notes[:, 0]).tolist()) == [0, 0, 47, 48, 100]


def test_families_can_be_named_and_parts_left_out() -> None:
    bars = bars_of_notes(SONG, [5, -1])
    assert [bar[:, 3].tolist() for bar in bars] == [[5, 5], [], [5], [], []]
    assert [len(bar) for bar in bars_of_notes(Song())] == [0] * Song().bars


def test_other_metres_and_wrong_numbers_are_refused() -> None:
    with pytest.raises(UnsuitableSongError, match="3/4"):
        bars_of_notes(SONG.replace(meters=(Meter(0, 3, 4),)))
    with pytest.raises(UnsuitableSongError):
        bars_of_notes(SONG.replace(meters=(Meter(0, 4, 4), Meter(48, 2, 4))))
    for families in ([0], [0, 6], [0, -2]):
        with pytest.raises(ArgumentError):
            bars_of_notes(SONG, families)
    for row, reason in (
        ([48, 60, 1, 0], "onset"),
        ([0, 128, 1, 0], "pitch"),
        ([0, 60, 0, 0], "duration"),
        ([0, 60, 1, 6], "family"),
    ):
        with pytest.raises(ArgumentError, match=f"bar 2: {reason}"):
            joined([np.zeros((0, 4), np.int64), np.array([row])])
    with pytest.raises(ArgumentError, match="bar 1"):
        joined([np.zeros((1, 3), np.int64)])
