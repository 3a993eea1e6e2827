from __future__ import annotations

from pathlib import Path

import matplotlib.image
import pytest

from ritornello.errors import ArgumentError
from ritornello.show.training_curve import write_training_curves


def lines(loss: float) -> list[dict[str, float]]:
    return [{"targets": 1000.0 * step, "loss": loss / step} for step in range(1, 60)]


def test_two_runs_are_drawn_in_two_colours(tmp_path: Path) -> None:
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    write_training_curves({"a": lines(6.0)}, one)
    write_training_curves(
        {"a": lines(6.0), "b": [*lines(5.0), {"targets": 6e4, "loss": 0.1, "perplexity_10240": 1.2}]}, two
    )
    colors = [
        len({tuple(pixel) for pixel in matplotlib.image.imread(path).reshape(-1, 4).tolist()}) for path in (one, two)
    ]
    assert colors[1] > colors[0]


def test_a_run_without_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="at least one line"):
        write_training_curves({"a": []}, tmp_path / "curve.png")
    assert not list(tmp_path.iterdir())
