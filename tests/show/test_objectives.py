from __future__ import annotations

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from ritornello.errors import ArgumentError
from ritornello.show.objectives import write_comparison

STEPS = [0, 10, 20]
RISING = np.array([[0.1, 0.5, 0.8], [0.1, 0.6, np.nan]])  # the second run diverged


def colors(path: Path) -> int:
    return len({tuple(pixel) for pixel in matplotlib.image.imread(path).reshape(-1, 4).tolist()})


def test_every_objective_has_its_colour(tmp_path: Path) -> None:
    write_comparison({"CE": (STEPS, RISING)}, {}, tmp_path / "one.png")
    write_comparison(
        {"CE": (STEPS, RISING), "expGB": (STEPS, RISING / 2)}, {"expGB": (0.8, 0.7, 0.9)}, tmp_path / "two.png", "Title"
    )
    assert colors(tmp_path / "two.png") > colors(tmp_path / "one.png")


def test_nothing_to_draw_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="at least one objective"):
        write_comparison({}, {}, tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()
