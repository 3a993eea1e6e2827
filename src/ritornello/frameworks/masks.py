"""What is possible for a rhythm, given its rhythm form: locks and forms as hard constraints of every step.

A complexity fixes the number of onsets. A label that points to an earlier unit asks for a pattern that is the same as
that one's to `SAME_RHYTHM`; a label that points to the unit itself asks for a pattern that is not the same as any that
leads a label already (`rhythm_labels`). Classes are onset patterns, 0..255.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.segments import SAME_RHYTHM, rhythm_similarity
from ritornello.frameworks.data import IntArray
from ritornello.frameworks.features import CLASSES, UNKNOWN, Features

BoolArray = NDArray[np.bool_]

_PATTERNS = CLASSES["rhythm"]
ONSETS: IntArray = np.array([pattern.bit_count() for pattern in range(_PATTERNS)])
"""``(256,)`` number of onsets of each pattern."""


@cache
def same_rhythm(size: int) -> BoolArray:
    """Return ``(256, 256)`` whether two patterns of a unit of so many steps share a label; larger ones never do."""
    table = np.zeros((_PATTERNS, _PATTERNS), np.bool_)
    inside = range(1 << size)
    for one in inside:
        for other in inside:
            table[one, other] = rhythm_similarity(one, other, size) >= SAME_RHYTHM
    return table


def rhythm_allowed(features: Features, history: IntArray) -> BoolArray:
    """Return which patterns are possible at the unit after a history.

    Args:
        features: of the phrase; its labels and complexities are the constraints, UNKNOWN ones are none.
        history: ``(beams, t)`` patterns chosen so far.

    Returns:
        ``(beams, 256)``. A row without any true value has no continuation that fits the form.
    """
    unit = history.shape[1]
    size = int(features.unit_steps[unit])
    allowed = np.broadcast_to(np.arange(_PATTERNS) < 1 << size, (len(history), _PATTERNS)).copy()
    if features.complexities[unit] != UNKNOWN:
        allowed &= features.complexities[unit] == ONSETS
    label = int(features.labels[unit])
    same = same_rhythm(size)
    if label == UNKNOWN:
        return allowed
    if label < unit:
        return allowed & same[history[:, label]]
    for earlier in range(unit):
        if features.labels[earlier] == earlier and features.unit_steps[earlier] == size:
            allowed &= ~same[history[:, earlier]]
    return allowed


def rhythm_mask(features: Features, patterns: IntArray) -> BoolArray:
    """Return ``(T, 256)`` what is possible at each unit of a rhythm that is known, given what stands before it."""
    rows = [rhythm_allowed(features, patterns[None, :unit])[0] for unit in range(len(features))]
    return np.array(rows, np.bool_).reshape(len(features), _PATTERNS)
