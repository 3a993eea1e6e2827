"""The copy check while notes are drawn: which next note would make a run shared with the seed too long.

Our design. A run of more than the limit is a known string of differences, so the guard keeps the seed's
strings of that length; the runs of a finished song are measured by `analysis.originality`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError

DEFAULT_RHYTHMIC_LIMIT = 8
"""Longest run, in notes, with intervals and times to the next onset equal (unrelated songs: median 4, most 7)."""

DEFAULT_MELODIC_LIMIT = 12
"""Longest run, in notes, with intervals equal in any rhythm (unrelated songs: median 6, most 11)."""


LIKENESS_LIMIT = 0.5
"""Most that a new phrase may be like a phrase of the seed (our addition; unrelated songs: see CARD.md)."""

LEAST_PHRASE_BARS = 2
"""Shorter phrases are not compared: one bar is soon alike."""


def likeness(one: NDArray[np.integer], other: NDArray[np.integer]) -> float:
    """Return the share of steps at which two lines of scale degrees are equal, of those at which either sounds.

    Args:
        one: scale degree (0..11) at each step, -1 for a rest.
        other: likewise; the longer of the two is cut.
    """
    length = min(len(one), len(other))
    one, other = one[:length], other[:length]
    sounding = (one >= 0) | (other >= 0)
    return float((one == other)[sounding].mean()) if sounding.any() else 0.0


@dataclass(frozen=True, slots=True)
class CopyLimits:
    """The longest runs that may be shared with the seed, in notes.

    Attributes:
        rhythmic: intervals and times to the next onset equal, 2 to 8.
        melodic: intervals equal in any rhythm, 2 to 12.
    """

    rhythmic: int = DEFAULT_RHYTHMIC_LIMIT
    melodic: int = DEFAULT_MELODIC_LIMIT

    def __post_init__(self) -> None:
        for name, most in (("rhythmic", DEFAULT_RHYTHMIC_LIMIT), ("melodic", DEFAULT_MELODIC_LIMIT)):
            if not 2 <= getattr(self, name) <= most:
                raise ArgumentError(f"copy limit {name}={getattr(self, name)} is out of range; use 2 to {most} notes")


class CopyGuard:
    """Knows the seed's strings of differences that a copy of more than the limit would contain.

    Args:
        onsets: ``(n,)`` steps of the seed's melody.
        pitches: ``(n,)`` its pitches.
        limits: the limits.
    """

    def __init__(self, onsets: NDArray[np.integer], pitches: NDArray[np.integer], limits: CopyLimits) -> None:
        self.limits = limits
        waits, steps = np.diff(onsets).tolist(), np.diff(pitches).tolist()
        pairs = list(zip(waits, steps, strict=True))
        self._rhythmic: dict[tuple[tuple[int, int], ...], set[tuple[int, int]]] = {}
        self._melodic: dict[tuple[int, ...], set[int]] = {}
        for start in range(len(steps) - limits.rhythmic + 1):
            head = tuple(pairs[start : start + limits.rhythmic - 1])
            self._rhythmic.setdefault(head, set()).add(pairs[start + limits.rhythmic - 1])
        for start in range(len(steps) - limits.melodic + 1):
            head_steps = tuple(steps[start : start + limits.melodic - 1])
            self._melodic.setdefault(head_steps, set()).add(steps[start + limits.melodic - 1])

    def forbidden(self, onsets: list[int], pitches: list[int], next_onset: int) -> set[int]:
        """Return the intervals that the next note must not make, after the notes so far."""
        found: set[int] = set()
        length = self.limits.rhythmic
        if len(pitches) >= length:
            tail_onsets, tail = onsets[-length:], pitches[-length:]
            head = tuple((tail_onsets[i + 1] - tail_onsets[i], tail[i + 1] - tail[i]) for i in range(length - 1))
            wait = next_onset - tail_onsets[-1]
            found |= {step for known, step in self._rhythmic.get(head, ()) if known == wait}
        length = self.limits.melodic
        if len(pitches) >= length:
            tail = pitches[-length:]
            found |= self._melodic.get(tuple(tail[i + 1] - tail[i] for i in range(length - 1)), set())
        return found

    def violations(self, onsets: list[int], pitches: list[int]) -> list[int]:
        """Return the indices of the notes that complete a run over a limit."""
        waits, steps = np.diff(onsets).tolist(), np.diff(pitches).tolist()
        pairs = list(zip(waits, steps, strict=True))
        found = []
        for end in range(len(steps)):
            start = end - self.limits.rhythmic + 1
            if start >= 0 and pairs[end] in self._rhythmic.get(tuple(pairs[start:end]), ()):
                found.append(end + 1)
                continue
            start = end - self.limits.melodic + 1
            if start >= 0 and steps[end] in self._melodic.get(tuple(steps[start:end]), ()):
                found.append(end + 1)
        return found
