"""The bench finds what units of known behaviour do."""

from __future__ import annotations

import numpy as np
import pytest

from ritornello.compressor.characteristics import (
    StepResponse,
    distortion_percent,
    level_of,
    measure,
    ratio,
    static_reduction_db,
    step_response,
)
from ritornello.compressor.process import Leveller
from ritornello.errors import ArgumentError

RATE = 44_100


class Known:
    """Falls by 10 dB with 20 ms towards a loud level, comes back with 100 ms; bends the signal."""

    def __init__(self, second: float = 0.0, third: float = 0.0) -> None:
        self.second, self.third = second, third

    def process(self, block: np.ndarray) -> np.ndarray:
        loud = np.convolve(np.abs(block), np.ones(100) / 100)[: len(block)] > 0.05
        gain, state = np.empty(len(block)), 0.0
        for index, is_loud in enumerate(loud):
            seconds = 0.02 if is_loud else 0.1
            state += (1 - np.exp(-1 / (seconds * RATE))) * (10.0 * is_loud - state)
            gain[index] = state
        return block * 10 ** ((6 - gain) / 20) + self.second * block**2 + self.third * block**3


def test_attack_and_release_of_known_times_are_found() -> None:
    response = step_response(lambda *_: Known(), "compress", 50, -6, 0.3, 0.6)
    assert response.attack_s() == pytest.approx(0.02, rel=0.08)
    assert response.release_s(0.5) == pytest.approx(0.1 * np.log(2), rel=0.08)
    assert response.release_s(0.1) == pytest.approx(0.1 * np.log(10), rel=0.05)
    assert StepResponse(response.time_s, 0 * response.time_s + 1, 0.3).release_s() == float("inf")


def test_reduction_is_told_against_the_gain_of_a_quiet_signal() -> None:
    found = static_reduction_db(lambda *_: Known(), "compress", 50, [-50, -6], hold_s=0.4)
    assert found == pytest.approx([0, 10], abs=0.02)


def test_harmonics_of_a_bent_line_are_the_formula_s() -> None:
    class Bent:
        def process(self, block: np.ndarray) -> np.ndarray:
            return block + 0.1 * block**2 - 0.2 * block**3

    total, second, third = distortion_percent(lambda *_: Bent(), "compress", 50, 0.0)
    fundamental = 1 - 0.2 * 3 / 4
    assert (second, third) == pytest.approx((5 / fundamental, 5 / fundamental), rel=1e-6)
    assert total == pytest.approx(np.hypot(second, third))


def test_ratio_and_level_of_a_straight_line() -> None:
    levels = list(np.arange(-40.0, 1, 2))
    curve = np.maximum(0.0, 0.75 * (np.array(levels) + 30))
    assert ratio(levels, curve) == pytest.approx(4)
    assert level_of(levels, curve, 6.0) == pytest.approx(-22)
    assert np.isnan(ratio(levels, curve / 4))
    with pytest.raises(ArgumentError, match="at most"):
        level_of(levels, curve, 30.0)


def test_a_sheet_of_our_model_is_complete() -> None:
    def maker(mode: str, knob: float) -> Leveller:
        return Leveller(RATE, mode=mode, peak_reduction=knob, model="ours")

    sheet = measure(maker, long_exposure_s=0.6, long_recovery_s=0.5)
    assert sheet.reduction_at_zero_vu_db[0] == pytest.approx(0, abs=0.05)
    assert sheet.reduction_at_zero_vu_db[30] < sheet.reduction_at_zero_vu_db[50] < sheet.reduction_at_zero_vu_db[100]
    assert min(sheet.compress_ratio, sheet.limit_ratio) > 2
    assert 0 < sheet.deep_attack_ms < 100 < 1e3 * sheet.long_release_s[10]
    assert set(sheet.as_json()) >= {"treble_db", "third_percent"}
