"""Invented songs to search in: random tunes with a motif planted where a test wants it."""

from __future__ import annotations

import numpy as np

from ritornello.motifs.lines import Line
from ritornello.score import Meter, Part, Song, make_notes

MOTIF_ONSET = np.array([0, 6, 12, 15, 18, 24, 36, 42, 48, 60, 66, 72])
MOTIF_PITCH = np.array([67, 69, 71, 72, 74, 67, 64, 76, 74, 71, 69, 67])
"""A tune of a bar and a half in 4/4, 12 ticks a quarter note."""


def line_of(onset: np.ndarray, pitch: np.ndarray, part: int = 0) -> Line:
    length = np.append(np.diff(onset), 12)
    return Line("tune", part, np.asarray(onset, np.int64), length.astype(np.int64), np.asarray(pitch, np.int64))


def motif_line() -> Line:
    return line_of(MOTIF_ONSET, MOTIF_PITCH)


def random_song(seed: int, bars: int = 16, motif: tuple[np.ndarray, np.ndarray] | None = None, at: int = 192) -> Song:
    """A random tune over a random bass; the motif, if given, takes the tune's place from a tick on."""
    rng = np.random.default_rng(seed)
    parts = []
    for name, low, high in (("tune", 60, 84), ("bass", 36, 55)):
        onset = np.cumsum(rng.choice([3, 6, 6, 6, 12, 12, 18], 400))
        onset = onset[onset < bars * 48]
        pitch = np.clip(np.cumsum(rng.integers(-4, 5, len(onset))) + (low + high) // 2, low, high)
        if motif is not None and name == "tune":
            times = motif[0] + at
            keep = (onset < at - 1) | (onset > times[-1] + 5)
            onset, pitch = np.concatenate([onset[keep], times]), np.concatenate([pitch[keep], motif[1]])
            order = np.argsort(onset, kind="stable")
            onset, pitch = onset[order], pitch[order]
        parts.append(Part(name, make_notes(onset, np.minimum(np.append(np.diff(onset), 12), 24), pitch)))
    return Song(tuple(parts), meters=(Meter(0, 4, 4),), title=f"song {seed}")
