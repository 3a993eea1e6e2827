"""Metrics of repeated-pattern discovery: establishment, occurrence and three-layer precision, recall and F1.

The task of MIREX *Discovery of Repeated Themes & Sections* (Collins, 2013): a piece is a set of notes (onset in beats,
pitch); a pattern is a list of its occurrences; an occurrence is a set of notes. Two occurrences are as alike as their
common notes, over the larger of the two: ``s(P, Q) = |P n Q| / max(|P|, |Q|)``.

- establishment: was each pattern of the reference found at least once;
- occurrence: were, of those found, all occurrences found;
- three-layer (Meredith, 2013): F1 of notes, of occurrences and of patterns, one in the other.

The numbers are those of `mir_eval.pattern` to 1e-9. Its `evaluate` (0.8.2) computes both occurrence figures at .75,
because the threshold goes by another name inside; here .5 is .5.

Axes: I patterns of the reference, J of the estimate.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError

Point = tuple[float, float]
"""A note as (onset in beats, pitch)."""

Occurrence = Collection[Point]
Pattern = Sequence[Occurrence]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scores:
    """One metric.

    Attributes:
        f1: harmonic mean of precision and recall, 0 to 1.
        precision: of the estimated patterns.
        recall: of the reference's patterns.
    """

    f1: float
    precision: float
    recall: float


@dataclass(frozen=True, slots=True)
class PatternScores:
    """All metrics of one piece.

    Attributes:
        establishment: establishment scores.
        occurrence_50: occurrence scores of pairs that are alike by at least .5.
        occurrence_75: the same at .75.
        three_layer: three-layer scores.
    """

    establishment: Scores
    occurrence_50: Scores
    occurrence_75: Scores
    three_layer: Scores


def validate(patterns: Sequence[Pattern], whose: str) -> list[list[frozenset[Point]]]:
    """Return patterns as lists of sets of notes.

    Args:
        patterns: the patterns.
        whose: "reference" or "estimate", for the error.

    Raises:
        ArgumentError: if a pattern has no occurrence or an occurrence no note.
    """
    checked = [
        [frozenset((float(on), float(pitch)) for on, pitch in notes) for notes in pattern] for pattern in patterns
    ]
    if any(not pattern or not all(pattern) for pattern in checked):
        raise ArgumentError(f"a pattern of the {whose} has no occurrence, or an occurrence no note")
    return checked


def pattern_scores(reference: Sequence[Pattern], estimate: Sequence[Pattern]) -> PatternScores:
    """Return all metrics; without any pattern on either side they are 0.

    Args:
        reference: patterns as people heard them.
        estimate: patterns that were found.

    Raises:
        ArgumentError: if a pattern has no occurrence or an occurrence no note.
    """
    known, found = validate(reference, "reference"), validate(estimate, "estimate")
    if not known or not found:
        nothing = Scores(0.0, 0.0, 0.0)
        return PatternScores(nothing, nothing, nothing, nothing)
    common = [[_common(known_one, found_one) for found_one in found] for known_one in known]
    return PatternScores(
        _establishment(common), _occurrence(common, 0.5), _occurrence(common, 0.75), _three_layer(common)
    )


def establishment(reference: Sequence[Pattern], estimate: Sequence[Pattern]) -> Scores:
    """Return the establishment scores alone; see `pattern_scores`."""
    return pattern_scores(reference, estimate).establishment


@dataclass(frozen=True, slots=True)
class _Common:
    """Two patterns side by side: ``(occurrences of one, of the other)`` common notes, and the sizes of both."""

    shared: FloatArray
    known_sizes: FloatArray
    found_sizes: FloatArray

    @property
    def cardinality(self) -> FloatArray:
        score: FloatArray = self.shared / np.maximum(self.known_sizes[:, None], self.found_sizes[None, :])
        return score


def _common(known: list[frozenset[Point]], found: list[frozenset[Point]]) -> _Common:
    shared = np.array([[len(one & other) for other in found] for one in known], np.float64)
    sizes = [np.array([len(notes) for notes in pattern], np.float64) for pattern in (known, found)]
    return _Common(shared, *sizes)


def _establishment(common: list[list[_Common]]) -> Scores:
    best = np.array([[pair.cardinality.max() for pair in row] for row in common])  # (I, J)
    return _scores(best.max(0).mean(), best.max(1).mean())


def _occurrence(common: list[list[_Common]], threshold: float) -> Scores:
    precision, recall = np.zeros((len(common), len(common[0]))), np.zeros((len(common), len(common[0])))
    pairs = []
    for i, row in enumerate(common):
        for j, pair in enumerate(row):
            score = pair.cardinality
            if score.max() >= threshold:
                precision[i, j], recall[i, j] = score.max(0).mean(), score.max(1).mean()
                pairs.append((i, j))
    if not pairs:
        return Scores(0.0, 0.0, 0.0)
    # A pattern in several pairs counts as often: so it is defined, and so mir_eval has it.
    known, found = (np.array(side) for side in zip(*pairs, strict=True))
    chosen = np.ix_(known, found)
    return _scores(precision[chosen].max(0).mean(), recall[chosen].max(1).mean())


def _three_layer(common: list[list[_Common]]) -> Scores:
    patterns = np.array([[_second_layer(pair) for pair in row] for row in common])
    return _scores(patterns.max(0).mean(), patterns.max(1).mean())


def _second_layer(pair: _Common) -> float:
    # F1 of two sets of notes is twice the common ones over the sum of the sizes.
    notes = 2 * pair.shared / (pair.known_sizes[:, None] + pair.found_sizes[None, :])
    return _f1(float(notes.max(0).mean()), float(notes.max(1).mean()))


def _scores(precision: float, recall: float) -> Scores:
    return Scores(_f1(float(precision), float(recall)), float(precision), float(recall))


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0
