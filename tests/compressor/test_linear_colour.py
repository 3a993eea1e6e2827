"""The filter of the colour: as measured up to 10 kHz, and no louder above than where the measurement ends."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from ritornello.compressor.linear_colour import colour_filter

LOW_HZ, HIGH_HZ, HIGH_Q = 8.0, 23_200.0, 1.0


def _response(sample_rate: float, frequency: NDArray[np.float64]) -> NDArray[np.complex128]:
    numerator, pole = colour_filter(sample_rate, LOW_HZ, HIGH_HZ, HIGH_Q)
    delay = np.exp(-2j * np.pi * frequency / sample_rate)
    response: NDArray[np.complex128] = np.polyval(numerator[::-1], delay) / (1 - pole * delay)
    return response


@pytest.mark.parametrize("rate", [44_100, 48_000, 88_200, 96_000, 192_000])
def test_the_filter_has_the_measured_level_and_phase_at_any_rate(rate: float) -> None:
    frequency = np.array([50.0, 100.0, 1000.0, 5000.0, 10_000.0])
    analog = 1 / (1 + 1j * frequency / (HIGH_Q * HIGH_HZ) - (frequency / HIGH_HZ) ** 2) / (1 - 1j * LOW_HZ / frequency)
    assert np.abs(_response(rate, frequency) / analog - 1).max() < 0.025


@pytest.mark.parametrize("rate", [44_100, 48_000, 88_200, 96_000, 192_000])
def test_what_was_not_measured_is_not_made_louder(rate: float) -> None:
    level_db = 20 * np.log10(np.abs(_response(rate, np.linspace(12_000, 20_000, 100))))
    assert level_db.min() > -0.5 and level_db.max() < 2.6
