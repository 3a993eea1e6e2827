"""The longest runs of notes that two melodies share, wherever they start and in whatever key.

Our design: a *rhythmic* run has equal intervals and equal times to the next onset, a
*melodic* run equal intervals in any rhythm. Both are longest common substrings of difference sequences, so they do not
depend on transposition, nor on where in the bar a run stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Run:
    """A run of successive notes found in two melodies.

    Attributes:
        length: notes in the run; 0 if a melody has no notes, 1 if not even two notes in a row are alike.
        start_a: index of its first note in the first melody.
        start_b: index of its first note in the second melody.
    """

    length: int
    start_a: int
    start_b: int


@dataclass(frozen=True, slots=True)
class SharedRuns:
    """The longest run of each kind; of several equally long ones, the first in the first melody.

    Attributes:
        rhythmic: intervals and times to the next onset are equal.
        melodic: intervals are equal, in any rhythm.
    """

    rhythmic: Run
    melodic: Run


def longest_shared_runs(notes_a: NDArray[np.void], notes_b: NDArray[np.void]) -> SharedRuns:
    """Return the longest runs that two melodies share, transposition aside.

    Args:
        notes_a: notes of `NOTE_DTYPE` ``(n,)`` in order of onset, one at a time (a chord counts as notes in a row).
        notes_b: likewise ``(m,)``.

    Returns:
        The two runs. Time and memory are O(n·m) and O(n + m), with one array operation per note of the shorter line.
    """
    if not len(notes_a) or not len(notes_b):
        return SharedRuns(Run(0, 0, 0), Run(0, 0, 0))
    steps_a, steps_b = np.diff(notes_a["pitch"]).astype(np.int64), np.diff(notes_b["pitch"]).astype(np.int64)
    waits_a, waits_b = np.diff(notes_a["onset"]).astype(np.int64), np.diff(notes_b["onset"]).astype(np.int64)
    # One whole number a pair: intervals lie in -127..127, so 256 apart they never meet.
    return SharedRuns(
        rhythmic=_longest_common_run(waits_a * 256 + steps_a, waits_b * 256 + steps_b),
        melodic=_longest_common_run(steps_a, steps_b),
    )


def _longest_common_run(a: NDArray[np.int64], b: NDArray[np.int64]) -> Run:
    """Longest common substring of two difference sequences ``(n - 1,)`` and ``(m - 1,)``, as a run of notes."""
    if len(a) > len(b):
        swapped = _longest_common_run(b, a)
        return _first_in_a(Run(swapped.length, swapped.start_b, swapped.start_a), a, b)
    best, end_a, end_b = 0, 0, 0
    ending_here = np.zeros(len(b) + 1, np.int64)  # at j + 1: length of the common run that ends with a[i], b[j]
    for i, value in enumerate(a):
        ending_here[1:] = np.where(b == value, ending_here[:-1] + 1, 0)
        j = int(ending_here.argmax())
        if ending_here[j] > best:
            best, end_a, end_b = int(ending_here[j]), i + 1, j
    return Run(best + 1, end_a - best, end_b - best)


def _first_in_a(run: Run, a: NDArray[np.int64], b: NDArray[np.int64]) -> Run:
    """Among runs as long as `run`, return the first in `a`, then in `b` (the scan above went through `b` first)."""
    size = run.length - 1
    if size == 0:
        return Run(run.length, 0, 0)
    windows_a = np.lib.stride_tricks.sliding_window_view(a, size)
    windows_b = np.lib.stride_tricks.sliding_window_view(b, size)
    known = {window.tobytes(): index for index, window in reversed(list(enumerate(windows_b)))}
    for index, window in enumerate(windows_a):
        if window.tobytes() in known:
            return Run(run.length, index, known[window.tobytes()])
    return run
