"""The fit of the analysis' tables: shapes that the analysis expects, and that a few songs already teach something."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ritornello.analysis.parameters import table
from ritornello.datasets.pop909 import Pop909
from ritornello.evaluation import analysis_fit
from ritornello.evaluation.analysis_fit import Example


@pytest.fixture(scope="module")
def few(data_folder: Path) -> list[Example]:
    path = data_folder / "pop909.zip"
    if not path.is_file():
        pytest.skip("pop909.zip is not in the data folder")
    dataset = Pop909(path)
    examples = analysis_fit.examples(dataset)
    return [example for example, _ in zip(examples, range(6), strict=False)]


def test_only_train_songs_are_read(few: list[Example]) -> None:
    assert {example.reference.id[-1] for example in few}.isdisjoint({"3", "5"})


def test_places_of_the_structure_grid_are_found_in_the_file(few: list[Example]) -> None:
    for example in few:
        melody = example.reference.song.part("melody")
        file_melody = example.song.part("melody")
        assert melody is not None
        assert file_melody is not None
        ticks = example.file_ticks(melody.notes["onset"].astype(np.int64) // 3)
        gap = np.abs(ticks[:, None] - file_melody.notes["onset"][None, :]).min(axis=1)
        assert np.mean(gap <= 3) > 0.95


def test_tables_have_the_shapes_of_the_shipped_ones(few: list[Example]) -> None:
    fitted = {
        **analysis_fit.fit_melody_part(few, ()),
        **analysis_fit.fit_melody_notes(few, count=3),
        **analysis_fit.fit_chords(few, beats_per_song=30),
        **analysis_fit.fit_keys(few),
    }
    for name, values in fitted.items():
        assert np.shape(values) == table(name).shape, name
        assert np.isfinite(values).all()


def test_a_window_tells_its_phase() -> None:
    features = np.zeros((16 * 40, 1))
    downbeats = np.arange(5, 16 * 40, 16)
    features[downbeats] = 1
    windows = list(analysis_fit._windows(features, downbeats, 16))
    assert windows
    for window, phase in windows:
        assert phase == 5
        assert window[:, 0].argmax() == 5
