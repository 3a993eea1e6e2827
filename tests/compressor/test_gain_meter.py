"""The gain seen from outside: a known one is found, blocks do not matter, kernel and NumPy agree."""

from __future__ import annotations

import numpy as np
import pytest

from ritornello.compressor import gain_meter
from ritornello.compressor.gain_meter import GainMeter


def noise(frames: int = 2000) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((2, frames)) * 0.1


@pytest.fixture(params=["compiled", "numpy"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "numpy":
        monkeypatch.setattr(gain_meter, "_kernel", lambda: None)


@pytest.mark.usefixtures("way")
def test_a_steady_gain_is_found_from_the_first_frame_on_and_silence_has_none() -> None:
    signal = noise()
    found = GainMeter(2, 44_100)(signal, signal * np.array([[0.5], [2.0]]))
    assert np.allclose(found, [[20 * np.log10(0.5)], [20 * np.log10(2)]], atol=1e-9)
    assert not GainMeter(2, 44_100)(signal * 0, signal * 0).any()


@pytest.mark.usefixtures("way")
def test_a_step_of_gain_is_seen_after_five_milliseconds() -> None:
    tone = np.ones((1, 4000))
    after = tone.copy()
    after[:, 2000:] = 0.0
    found = GainMeter(1, 44_100)(tone, after)[0]
    assert abs(found[1999]) < 1e-9
    assert abs(found[2000 + 220] - 10 * np.log10(np.exp(-1))) < 0.05


def test_blocks_do_not_matter_and_kernel_and_numpy_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = noise(), noise()[:, ::-1]
    whole = GainMeter(2, 44_100)(before, after)
    for _ in range(2):
        meter = GainMeter(2, 44_100)
        parts = [meter(before[:, a:b], after[:, a:b]) for a, b in ((0, 1), (1, 65), (65, 900), (900, 2000))]
        assert np.abs(np.concatenate(parts, axis=1) - whole).max() < 1e-10
        monkeypatch.setattr(gain_meter, "_kernel", lambda: None)
