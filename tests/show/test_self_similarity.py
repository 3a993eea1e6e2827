from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from ritornello.errors import ArgumentError
from ritornello.score import Form
from ritornello.show import write_self_similarity


def test_equal_bars_are_bright_and_unequal_ones_dark(tmp_path: Path) -> None:
    write_self_similarity(np.ones((8, 8)), tmp_path / "bright.png")
    write_self_similarity(np.zeros((8, 8)), tmp_path / "dark.png")
    bright, dark = (imread(tmp_path / name)[300:600, 200:600, :3] for name in ("bright.png", "dark.png"))
    assert bright.mean() > 0.8
    assert dark.mean() < 0.1


def test_the_form_is_drawn_along_the_edge(tmp_path: Path) -> None:
    write_self_similarity(np.eye(8), tmp_path / "plain.png")
    write_self_similarity(np.eye(8), tmp_path / "form.png", Form.parse("A4B9"))
    assert not np.array_equal(imread(tmp_path / "plain.png"), imread(tmp_path / "form.png"))


@pytest.mark.parametrize("shape", [(0, 0), (3, 4), (5,)])
def test_what_is_not_square_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ArgumentError, match="square"):
        write_self_similarity(np.zeros(shape), tmp_path / "x.png")
    assert not list(tmp_path.iterdir())
