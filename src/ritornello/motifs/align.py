"""Align a tune with places where it may come back varied: semi-global edit alignment of note sequences.

Our design, in the family of Mongeau and Sankoff, *Comparison of musical sequences* (1990). Notes of the query are
paired with notes of the target in order; the query must be used, the ends of the target are free. What is compared is
each step from one pair to the next, so any transposition fits: its interval in semitones, the ratio of its inter-onset
intervals, and its direction. A step may pass over notes of the query (missing) or of the target (inserted, such as
ornaments). Inversion, retrograde and stretch are put into the query beforehand (`search_forms.forms_of`).

With m notes in the query, and f the notes that a step goes forward in it, each of the three similarities is

    s = (sum over the steps of f * credit - MISSING_COST * missing - INSERTED_COST * inserted) / (m - 1),  at least 0,

so that notes of the query before the first pair and after the last earn nothing. The score is the mean of the three
under the weights, 0 to 1.

Axes: C candidates, m notes of the query, n notes of the target.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.errors import ArgumentError

PITCH_CREDIT = (1.0, 0.8, 0.6, 0.2, 0.0)
"""Credit of a step whose interval differs by 0, 1, 2, 3, more semitones: within two it may be a step of the scale."""

MISSING_COST, INSERTED_COST = 0.5, 0.25
"""Cost of each note of the query, and of the target, that is passed over between two pairs, in steps."""

STEPS = ((1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2), (3, 1))
"""Allowed steps from pair to pair: notes forward in the query, in the target."""

LEAST_SHARE = 0.6
"""A hit holds at least this share of the query's notes."""

FloatArray = NDArray[np.float64]
SingleArray = NDArray[np.float32]
Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Weights:
    """How much pitch, rhythm and contour count; each at least 0, not all 0."""

    pitch: float = 1.0
    rhythm: float = 1.0
    contour: float = 0.5

    def __post_init__(self) -> None:
        values = (self.pitch, self.rhythm, self.contour)
        if not all(0 <= value <= 1e6 for value in values) or not sum(values) > 0:
            raise ArgumentError(f"weights {values} must be at least 0, and one above 0")

    @classmethod
    def parse(cls, text: str) -> Weights:
        """Read weights such as ``"pitch=1,rhythm=1,contour=.5"``; one that is not named is 0.

        Raises:
            ArgumentError: if the text is something else.
        """
        values = {"pitch": 0.0, "rhythm": 0.0, "contour": 0.0}
        for word in text.split(","):
            name, _, number = word.partition("=")
            try:
                if name.strip() not in values:
                    raise ValueError
                values[name.strip()] = float(number)
            except ValueError:
                raise ArgumentError(
                    f"weights '{text[:60]}' are not read; write them as pitch=1,rhythm=1,contour=.5"
                ) from None
        return cls(**values)

    @property
    def shares(self) -> tuple[float, float, float]:
        """The weights as shares that sum to 1."""
        total = self.pitch + self.rhythm + self.contour
        return self.pitch / total, self.rhythm / total, self.contour / total


@dataclass(frozen=True, slots=True)
class Score:
    """How alike a query and its hit are, each from 0 to 1.

    Attributes:
        total: mean of the three under the weights.
        pitch: of intervals.
        rhythm: of inter-onset intervals.
        contour: of directions.
    """

    total: float
    pitch: float
    rhythm: float
    contour: float


def step_credits(
    query_interval: FloatArray, query_time: FloatArray, target_interval: FloatArray, target_time: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the credits (pitch, rhythm, contour) of steps with given intervals in semitones and times in ticks.

    Times are above 0; the arrays broadcast.
    """
    difference = np.minimum(np.abs(query_interval - target_interval), len(PITCH_CREDIT) - 1)
    pitch = np.asarray(PITCH_CREDIT)[np.rint(difference).astype(np.int64)]
    rhythm = np.maximum(0.0, 1.0 - np.abs(np.log2(target_time / query_time)))
    contour = 1.0 - 0.5 * np.abs(np.sign(query_interval) - np.sign(target_interval))
    return pitch, rhythm, contour


def score_pairs(
    query_onset: ArrayLike, query_pitch: ArrayLike,
    target_onset: ArrayLike, target_pitch: ArrayLike,
    pairs: Pairs, weights: Weights,
) -> Score:  # fmt: skip
    """Return the score of given pairs (note of the query, note of the target), both rising.

    Raises:
        ArgumentError: if the pairs do not rise.
    """
    chosen = np.asarray(pairs, np.int64).reshape(-1, 2)
    steps = np.diff(chosen, axis=0)
    if len(steps) and steps.min() < 1:
        raise ArgumentError("pairs of an alignment must rise in both sequences")
    if not len(steps):
        return Score(0.0, 0.0, 0.0, 0.0)
    columns = [np.asarray(column, np.float64) for column in (query_pitch, query_onset, target_pitch, target_onset)]
    differences = [np.diff(column[chosen[:, side]]) for column, side in zip(columns, (0, 0, 1, 1), strict=True)]
    cost = float(MISSING_COST * (steps[:, 0] - 1).sum() + INSERTED_COST * (steps[:, 1] - 1).sum())
    reached = [
        max(0.0, float((steps[:, 0] * credit).sum()) - cost) / (len(columns[0]) - 1)
        for credit in step_credits(*differences)
    ]
    total = sum(share * value for share, value in zip(weights.shares, reached, strict=True))
    return Score(total, *reached)


class Alignments:
    """The best alignments of many candidates at once, by dynamic programming over the notes of the queries.

    Args:
        query_onset: ``(C, m)`` ticks, rising; the query of each candidate, stretched.
        query_pitch: ``(C, m)`` semitones, turned upside down for an inversion.
        target_onset: ``(C, n)`` ticks, rising within the valid notes.
        target_pitch: ``(C, n)`` semitones.
        is_note: ``(C, n)`` False where a row is padded.
        weights: of pitch, rhythm and contour.

    Attributes:
        totals: ``(C,)`` the score reached, before the three similarities are bounded below by 0.
    """

    def __init__(
        self, query_onset: FloatArray, query_pitch: FloatArray, target_onset: FloatArray, target_pitch: FloatArray,
        is_note: NDArray[np.bool_], weights: Weights,
    ) -> None:  # fmt: skip
        self._length = query_onset.shape[1]
        shares = np.asarray(weights.shares, np.float32)
        steps = _TargetSteps(target_onset, target_pitch, is_note)
        best: list[SingleArray] = []
        self._came: list[NDArray[np.int8]] = []
        for note in range(self._length):
            here = np.where(is_note, np.float32(0), np.float32(-np.inf))
            came = np.full(here.shape, -1, np.int8)
            for number, (forward, onward) in enumerate(STEPS):
                if forward > note or onward >= here.shape[1]:
                    continue
                interval = (query_pitch[:, note] - query_pitch[:, note - forward]).astype(np.float32)[:, None]
                time = np.log2(query_onset[:, note] - query_onset[:, note - forward]).astype(np.float32)[:, None]
                gain = steps.gain(onward, interval, time, forward * shares)
                gain += best[note - forward][:, :-onward]
                gain -= np.float32(MISSING_COST * (forward - 1) + INSERTED_COST * (onward - 1))
                better = (gain > here[:, onward:]) & is_note[:, onward:]
                np.copyto(here[:, onward:], gain, where=better)
                np.copyto(came[:, onward:], np.int8(number), where=better)
            best.append(here)
            self._came.append(came)
        self._ends = np.stack([row.max(axis=1) for row in best])  # (m, C)
        self._places = [row.argmax(axis=1) for row in best]
        self.totals: FloatArray = np.maximum(self._ends.max(axis=0), 0).astype(np.float64) / max(self._length - 1, 1)

    def pairs(self, candidate: int) -> Pairs:
        """Return the pairs (note of the query, note of the target) of a candidate's best alignment."""
        note = int(self._ends[:, candidate].argmax())
        place = int(self._places[note][candidate])
        found = []
        while True:
            found.append((note, place))
            number = int(self._came[note][candidate, place])
            if number < 0:
                return tuple(reversed(found))
            note, place = note - STEPS[number][0], place - STEPS[number][1]


class _TargetSteps:
    """Credits of steps in the targets, with what does not depend on the query worked out once."""

    def __init__(self, onset: FloatArray, pitch: FloatArray, is_note: NDArray[np.bool_]) -> None:
        self._intervals: dict[int, SingleArray] = {}
        self._times: dict[int, SingleArray] = {}
        for onward in sorted({step[1] for step in STEPS}):
            if onward < onset.shape[1]:
                self._intervals[onward] = (pitch[:, onward:] - pitch[:, :-onward]).astype(np.float32)
                ticks = np.where(is_note[:, onward:], onset[:, onward:] - onset[:, :-onward], 1)
                self._times[onward] = np.log2(np.maximum(ticks, 1)).astype(np.float32)
        self._credit = np.asarray(PITCH_CREDIT, np.float32)

    def gain(self, onward: int, interval: SingleArray, time: SingleArray, shares: SingleArray) -> SingleArray:
        """Return the credit ``(C, n - onward)`` of steps of so many target notes against a step of each query."""
        target = self._intervals[onward]
        difference = np.abs(target - interval)
        np.minimum(difference, len(PITCH_CREDIT) - 1, out=difference)
        gain: SingleArray = self._credit[difference.astype(np.int8)] * shares[0]
        rhythm = np.abs(self._times[onward] - time)
        np.subtract(1, rhythm, out=rhythm)
        np.maximum(rhythm, 0, out=rhythm)
        gain += rhythm * shares[1]
        gain += (1 - 0.5 * np.abs(np.sign(target) - np.sign(interval))) * shares[2]
        return gain
