"""Envelopes and low-frequency oscillators of a SoundFont voice, from generator values to curves.

Follows the *SoundFont Technical Specification 2.04*, sections 8.1.2 and 9.1: the volume envelope rises linearly in
amplitude and falls linearly in decibels (100 dB in the decay or release time), the modulation envelope is linear in
its own units. Times are in timecents, lengths here in frames.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FLOOR_DB = 80.0
"""A voice that is this far below full scale has ended; a release fades out to exactly zero there."""

_SLOPE_DB = 100.0
_LEAST_RELEASE_S = 0.012  # a shorter release is heard as a click
_LEAST_ATTACK_S = 0.0005


def timecents_to_seconds(timecents: float) -> float:
    """Return the time in seconds; the lowest value, -12000, means none at all."""
    return 0.0 if timecents <= -12000 else float(2.0 ** (timecents / 1200.0))


def absolute_cents_to_hz(cents: float) -> float:
    """Return the frequency in Hz of a value in absolute cents (0 is MIDI key 0)."""
    return float(8.175798915643707 * 2.0 ** (cents / 1200.0))


def key_scaled_seconds(generators: dict[str, int], name: str, scaling: str, key: int) -> float:
    """Return a hold or decay time that changes with the key: none at key 60, ``scaling`` timecents per key below."""
    return timecents_to_seconds(generators[name] + generators[scaling] * (60 - key) * (generators[name] > -12000))


def volume_envelope(generators: dict[str, int], key: int, rate: int, frames: int) -> NDArray[np.float32]:
    """Return the amplitude of a key that is held for ever.

    Returns:
        float32 array ``(n,)`` with values 0..1; ``n`` is ``frames``, or less if the envelope falls below `FLOOR_DB`.
    """
    delay_s = timecents_to_seconds(generators["vol_env_delay"])
    attack_s = max(timecents_to_seconds(generators["vol_env_attack"]), _LEAST_ATTACK_S)
    hold_s = key_scaled_seconds(generators, "vol_env_hold", "key_to_vol_env_hold", key)
    decay_s = key_scaled_seconds(generators, "vol_env_decay", "key_to_vol_env_decay", key)
    sustain_db = min(generators["vol_env_sustain"] / 10.0, _SLOPE_DB)
    start, peak, turn = (round(t * rate) for t in (delay_s, delay_s + attack_s, delay_s + attack_s + hold_s))
    peak = max(peak, start + 1)
    fall = max(round(decay_s * sustain_db / _SLOPE_DB * rate), 0)
    floor_db = min(sustain_db, FLOOR_DB)
    if sustain_db >= FLOOR_DB:
        fall = round(decay_s * FLOOR_DB / _SLOPE_DB * rate)
        frames = min(frames, max(turn, peak) + fall)
    envelope = np.full(frames, 10.0 ** (-floor_db / 20.0), np.float32)
    envelope[:start] = 0.0
    rise = np.arange(1, peak - start + 1, dtype=np.float32) / np.float32(peak - start)
    envelope[start:peak] = rise[: max(frames - start, 0)]
    envelope[peak:turn] = 1.0
    turn = max(turn, peak)
    length = min(fall, frames - turn)
    if length > 0:
        envelope[turn : turn + length] = decay_curve(floor_db / fall, length)
    return envelope


def release_frames(generators: dict[str, int], rate: int) -> int:
    """Return the frames in which a release falls from full scale to `FLOOR_DB`."""
    seconds = max(timecents_to_seconds(generators["vol_env_release"]), _LEAST_RELEASE_S)
    return max(round(min(seconds, 20.0) * FLOOR_DB / _SLOPE_DB * rate), 1)


@lru_cache(maxsize=64)
def release_curve(frames: int) -> NDArray[np.float32]:
    """Return the fall from 1 to `FLOOR_DB`, bent so that it ends at exactly zero: float32 ``(frames,)``."""
    curve = decay_curve(FLOOR_DB / frames, frames)
    end = np.float32(10.0 ** (-FLOOR_DB / 20.0))
    curve = (curve - end) / (1 - end)
    curve.flags.writeable = False
    return curve


def decay_curve(db_per_frame: float, frames: int) -> NDArray[np.float32]:
    """Return amplitudes that fall from 1 by a number of decibels per frame: float32 ``(frames,)``."""
    exponent = np.arange(frames, dtype=np.float32) * np.float32(-db_per_frame * np.log(10.0) / 20.0)
    curve: NDArray[np.float32] = np.exp(exponent, out=exponent)
    return curve


def modulation_envelope(
    generators: dict[str, int], key: int, times_s: NDArray[np.float64], release_s: float | None
) -> NDArray[np.float64]:
    """Return the modulation envelope at some times since the onset.

    Args:
        generators: the region's generator values.
        key: MIDI key.
        times_s: ``(n,)`` times in seconds.
        release_s: when the key is released, or None if never.

    Returns:
        float64 array ``(n,)`` with values 0..1.
    """
    delay = timecents_to_seconds(generators["mod_env_delay"])
    attack = timecents_to_seconds(generators["mod_env_attack"])
    hold = key_scaled_seconds(generators, "mod_env_hold", "key_to_mod_env_hold", key)
    decay = key_scaled_seconds(generators, "mod_env_decay", "key_to_mod_env_decay", key)
    sustain = 1.0 - generators["mod_env_sustain"] / 1000.0
    corners = np.cumsum([delay, attack, hold, max(decay * (1.0 - sustain), 0.0)]) + np.arange(4) * 1e-6
    levels = [0.0, 1.0, 1.0, sustain]
    values: NDArray[np.float64] = np.interp(times_s, corners, levels)
    if release_s is not None:
        level = float(np.interp(release_s, corners, levels))
        fall_s = max(timecents_to_seconds(generators["mod_env_release"]), 1e-6)
        falling = np.maximum(level - (times_s - release_s) / fall_s, 0.0)
        values = np.where(times_s < release_s, values, falling)
    return values


def low_frequency_oscillator(
    delay_timecents: float, freq_cents: float, times_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return a triangle wave (-1..1) that starts at zero, rising, after a delay."""
    phase = np.maximum(times_s - timecents_to_seconds(delay_timecents), 0.0) * absolute_cents_to_hz(freq_cents)
    phase = (phase + 0.25) % 1.0
    triangle: NDArray[np.float64] = 1.0 - 4.0 * np.abs(phase - 0.5)
    return triangle
