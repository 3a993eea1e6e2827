from __future__ import annotations

import pytest

from ritornello.analysis.phrase_grid import phrase_grid, usual_step_ticks
from ritornello.errors import UnsuitableSongError
from ritornello.score import Form, Meter, Part, Song
from ritornello.score.song import make_notes


def test_bars_of_another_length_are_made_regular() -> None:
    notes = make_notes([0, 12, 48, 60, 72, 84], [12] * 6, [60, 62, 64, 65, 67, 69], 80)
    song = Song(
        parts=(Part("Tune", notes, role="melody"),), meters=(Meter(0, 4, 4), Meter(48, 2, 4), Meter(72, 4, 4)),
        form=Form.parse("A4"),
    )  # fmt: skip
    grid = phrase_grid(song)
    assert grid.steps_per_bar == 16
    assert grid.onsets.tolist() == [0, 4, 16, 20, 32, 36]
    with pytest.raises(UnsuitableSongError, match="form"):
        phrase_grid(song.replace(form=None))


@pytest.mark.parametrize(("onsets", "step"), [([0, 4, 8, 12], 4), ([0, 3, 6, 12], 3), ([0, 12, 24], 3)])
def test_a_song_in_triplets_has_a_grid_of_triplets(onsets: list[int], step: int) -> None:
    song = Song(parts=(Part("Tune", make_notes(onsets, [3] * len(onsets), [60] * len(onsets), 80), role="melody"),))
    assert usual_step_ticks(song) == step
