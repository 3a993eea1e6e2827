"""The balance of a song that says nothing about volumes: the melody in front, whatever the presets' own levels are.

Presets of one SoundFont differ by 15 dB and more at the same velocity. Each accompanying part is therefore measured
against the melody and moved to the nearest edge of a window around the level that its role has in a usual mix; inside
the window the velocities of the song decide.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ritornello.score import Song
from ritornello.score.song import Role
from ritornello.sound.loudness import integrated_lufs
from ritornello.sound.performance import VOLUME

ROLE_LEVEL_LU: dict[Role | None, float] = {
    "melody": 0.0, "bridge": -3.0, "chords": -6.0, "bass": -4.0, "drums": -5.0, "other": -6.0, None: -6.0,
}  # fmt: skip
"""Loudness of a role below the melody, in LU."""

WINDOW_LU = (-4.0, 2.0)
"""How far a part may be from the level of its role, down and up."""


def is_balanced_by_us(song: Song) -> bool:
    """Whether a song leaves its balance to us: it has a melody, and no part sets a volume (CC7)."""
    return song.part("melody") is not None and not any(np.any(part.controls["number"] == VOLUME) for part in song.parts)


def balance_gain(lufs: float, melody_lufs: float, role: Role | None) -> float:
    """Return the gain that brings a part into the window of its role; 1 inside it and for silence."""
    if not (np.isfinite(lufs) and np.isfinite(melody_lufs)):
        return 1.0
    wanted = melody_lufs + ROLE_LEVEL_LU[role]
    change_db = min(max(lufs, wanted + WINDOW_LU[0]), wanted + WINDOW_LU[1]) - lufs
    return float(10.0 ** (change_db / 20.0))


def sampled_lufs(samples: NDArray[np.float32], sample_rate: int) -> float:
    """Return the loudness of a part, measured on one second in four if it is longer than 20 seconds."""
    if samples.shape[1] <= 20 * sample_rate:
        return integrated_lufs(samples, sample_rate)
    starts = range(0, samples.shape[1] - sample_rate, 4 * sample_rate)
    return integrated_lufs(np.concatenate([samples[:, i : i + sample_rate] for i in starts], axis=1), sample_rate)
