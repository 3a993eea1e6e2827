"""Pictures of the levelling amplifier: they are PNGs, the same bytes each time, and show what they are given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ritornello.errors import ArgumentError
from ritornello.show.bench_curves import Burst, write_attack_and_release, write_transfer_curves
from ritornello.show.gain_reduction import write_gain_trace

LEVELS = (-60.0, -30.0, 0.0)


def test_curves_and_bursts_are_drawn_alike_each_time_and_differ_by_what_they_show(tmp_path: Path) -> None:
    time = np.linspace(-0.01, 2, 400)
    pictures = []
    for slope in (0.5, 0.5, 0.7):
        curves = {"ours": {"compress": {30.0: slope * np.array([0, 0, 10.0]), 80.0: slope * np.array([0, 10.0, 30])}}}
        gain = -slope * 20 * np.exp(-np.maximum(time - 1, 0) / 0.1) * (time > 0)
        bursts = {"ours": {mode: {1.0: Burst(time, gain, 1.0)} for mode in ("compress", "limit")}}
        write_transfer_curves(LEVELS, curves, -10, tmp_path / "curves.png")
        write_attack_and_release(bursts, tmp_path / "bursts.png")
        write_gain_trace(time, np.stack([gain, gain / 2]), tmp_path / "trace.png", np.abs(np.stack([time, gain / 9])))
        pictures.append([(tmp_path / name).read_bytes() for name in ("curves.png", "bursts.png", "trace.png")])
    for first, again, other in zip(*pictures, strict=True):
        assert first.startswith(b"\x89PNG")
        assert first == again != other


def test_nothing_to_draw_is_refused(tmp_path: Path) -> None:
    for draw in (
        lambda: write_transfer_curves(LEVELS, {"ours": {"compress": {}}}, -10, tmp_path / "a.png"),
        lambda: write_attack_and_release({"ours": {"compress": {}}}, tmp_path / "a.png"),
        lambda: write_gain_trace(np.zeros(0), np.zeros((1, 0)), tmp_path / "a.png"),
    ):
        with pytest.raises(ArgumentError):
            draw()
    assert not list(tmp_path.iterdir())
