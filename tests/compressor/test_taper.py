"""The published map of settings, and the taper that makes the simulated knob follow it."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from ritornello.compressor.simulation import KNOB, Simulation
from ritornello.compressor.taper import MAP, RATE, fit_taper, map_gain_db
from ritornello.compressor.unit import CALIBRATED, ZERO_VU_DBFS


def test_a_steady_level_comes_to_the_curve_of_the_map() -> None:
    threshold, ratio, *_, makeup = MAP[65][1]
    steady = np.full(RATE, 10 ** (-6 / 20))
    assert map_gain_db(steady, 65, True)[-1] == pytest.approx((1 - 1 / ratio) * (threshold + 6) + makeup, abs=1e-3)
    assert map_gain_db(steady * 1e-3, 65, True)[-1] == pytest.approx(makeup)


def test_the_taper_makes_the_simulation_move_as_the_map() -> None:
    time = np.arange(RATE // 4) / RATE
    sound = 0.5 * np.sin(2 * np.pi * 330 * time) * np.exp(-2 * time)
    found = dict(zip(KNOB, fit_taper(CALIBRATED, [sound], ZERO_VU_DBFS), strict=True))
    assert found[65] == 0
    assert all(found[low] < found[high] for low, high in itertools.pairwise(KNOB))
    assert found[20] - found[10] == pytest.approx(found[40] - found[30], abs=0.02)
    unit = dataclasses.replace(CALIBRATED, taper_db=tuple(found.values()))
    moves = []
    for knob in (65, 80):
        gain = 20 * np.log10(Simulation(RATE, 1, knob, False, unit).process(sound[None])[1])
        moves.append((gain - map_gain_db(sound, knob, False))[len(sound) // 2 :].mean())
    assert moves[0] == pytest.approx(moves[1], abs=1.0)
