"""Envelope curves: times and levels of the specification."""

from __future__ import annotations

import numpy as np
import pytest

from ritornello.sound.envelope import (
    low_frequency_oscillator,
    modulation_envelope,
    release_curve,
    release_frames,
    volume_envelope,
)
from ritornello.sound.zones import _GENERATORS

RATE = 1000
DEFAULTS = {name: row[1] for name, row in _GENERATORS.items()}


def timecents(seconds: float) -> int:
    return round(1200 * np.log2(seconds))


def db(value: float) -> float:
    return float(20 * np.log10(value))


def test_delay_attack_hold_decay_sustain() -> None:
    generators = DEFAULTS | {
        "vol_env_delay": timecents(0.1), "vol_env_attack": timecents(0.2), "vol_env_hold": timecents(0.3),
        "vol_env_decay": timecents(1.0), "vol_env_sustain": 400,
    }  # fmt: skip
    envelope = volume_envelope(generators, 60, RATE, 2000)
    assert not envelope[:100].any()
    assert envelope[199] == pytest.approx(0.5, abs=0.01)
    assert (envelope[300:600] == 1).all()
    assert db(envelope[800]) == pytest.approx(-20, abs=0.1)  # 100 dB a second
    assert db(envelope[1500]) == pytest.approx(-40, abs=0.01)


def test_a_decay_to_nothing_ends_the_sound() -> None:
    generators = DEFAULTS | {"vol_env_decay": timecents(1.0), "vol_env_sustain": 1000}
    assert len(volume_envelope(generators, 60, RATE, 5000)) == pytest.approx(800, abs=5)


def test_decay_gets_shorter_up_the_keyboard() -> None:
    generators = DEFAULTS | {"vol_env_decay": 0, "vol_env_sustain": 1000, "key_to_vol_env_decay": 100}
    lengths = [len(volume_envelope(generators, key, RATE, 5000)) for key in (48, 60, 72)]
    assert lengths[0] == pytest.approx(2 * lengths[1], rel=0.01)
    assert lengths[2] == pytest.approx(lengths[1] / 2, rel=0.01)


def test_release_falls_100_db_in_its_time_and_ends_at_zero() -> None:
    frames = release_frames(DEFAULTS | {"vol_env_release": timecents(1.0)}, RATE)
    curve = release_curve(frames)
    assert frames == 800
    assert db(curve[200]) == pytest.approx(-20, abs=0.1)
    assert curve[-1] == pytest.approx(0, abs=2e-5)
    assert release_frames(DEFAULTS, 44100) > 400  # never a click


def test_modulation_envelope_rises_sustains_and_is_released() -> None:
    generators = DEFAULTS | {
        "mod_env_attack": 0, "mod_env_decay": 0, "mod_env_sustain": 400, "mod_env_release": timecents(2.0),
    }  # fmt: skip
    times = np.array([0.5, 1.2, 1.7, 2.5, 3.0, 4.5])
    values = modulation_envelope(generators, 60, times, 2.0)
    assert values == pytest.approx([0.5, 0.8, 0.6, 0.35, 0.1, 0.0], abs=0.01)


def test_oscillator_waits_then_swings() -> None:
    times = np.array([0.5, 1.0, 1.25, 1.5, 1.75, 2.0])
    one_hz = 1200 * np.log2(1 / 8.175798915643707)
    wave = low_frequency_oscillator(0, one_hz, times)
    assert wave == pytest.approx([0, 0, 1, 0, -1, 0], abs=1e-6)
