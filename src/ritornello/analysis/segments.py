"""Rhythm segments of a phrase: its basic melody and its rhythm form.

After Dai, Jin, Gomes and Dannenberg, *Controllable deep melody generation via hierarchical music structure
representation* (ISMIR 2021). A segment is two beats of 4/4, else a bar (`PhraseGrid.segment_steps`). Its basic pitch is
the one that sounds longest in it; its rhythm label is the first segment of the phrase with the same onsets, where two
patterns are the same from a similarity of `SAME_RHYTHM` on, either of them shifted by a step or not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

SAME_RHYTHM = 0.85
"""Two patterns share a rhythm label from this similarity on."""


def pattern_of(onsets: IntArray, start: int, size: int) -> int:
    """Return the onset pattern of a segment as a whole number, its first step the lowest bit."""
    inside = onsets[(onsets >= start) & (onsets < start + size)] - start
    return int((1 << inside).sum()) if len(inside) else 0


def basic_pitches(onsets: IntArray, durations: IntArray, pitches: IntArray, steps: int, size: int) -> list[int | None]:
    """Return for each segment the pitch that sounds longest in it (the first of equals), None where nothing sounds."""
    weights: list[dict[int, int]] = [{} for _ in range(0, steps, size)]
    for onset, duration, pitch in zip(onsets.tolist(), durations.tolist(), pitches.tolist(), strict=True):
        for segment in range(onset // size, min((onset + duration - 1) // size + 1, len(weights))):
            overlap = min(onset + duration, (segment + 1) * size) - max(onset, segment * size)
            weights[segment][pitch] = weights[segment].get(pitch, 0) + overlap
    return [max(weight, key=lambda pitch: weight[pitch]) if weight else None for weight in weights]


def rhythm_labels(patterns: Sequence[int], size: int) -> list[int]:
    """Return for each pattern the index of the first that is the same to `SAME_RHYTHM`, shifted by a step or not."""
    labels: list[int] = []
    for index, pattern in enumerate(patterns):
        same = (
            i for i in range(index) if labels[i] == i and rhythm_similarity(patterns[i], pattern, size) >= SAME_RHYTHM
        )
        labels.append(next(same, index))
    return labels


def rhythm_similarity(one: int, other: int, size: int) -> float:
    """Return the share (0..1) of steps on which two patterns agree, the best of no shift and either one step later."""
    mask = (1 << size) - 1
    shifted = ((one, other), (one << 1 & mask, other), (one, other << 1 & mask))
    return max(1 - (a ^ b).bit_count() / size for a, b in shifted)
