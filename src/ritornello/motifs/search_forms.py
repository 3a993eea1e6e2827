"""The forms of a query: as it may come back, and the windows of each that are looked up in the index.

Stretched by 1/2, 2/3, 1, 3/2, 2, each upright and upside down, and on request backwards.

Axes: R tunes, m notes, Q windows, D their dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.motifs.align import Weights
from ritornello.motifs.index_windows import (
    BAR,
    EIGHT_NOTES,
    FEWEST_NOTES,
    HALF_BAR,
    KINDS,
    SingleArray,
    notes_within,
    weighted,
    window_vectors,
)  # fmt: skip
from ritornello.motifs.lines import IntArray, Line

STRETCHES = (1.0, 0.5, 2.0, 2 / 3, 1.5)
"""Times of a hit over times of the query; of equally good ones the first is told."""

WINDOWS_PER_FORM = 4
"""Windows of a kind that are looked up for a form, spread over it."""

LONG_WINDOW_SHARE = 0.7
"""A window is looked up where it is filled by the query to this share."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Form:
    """A query as it may come back.

    Attributes:
        stretch: times of the hit over those of the query.
        inverted: upside down.
        retrograde: backwards.
        onset: ``(m,)`` ticks from 0 on, rising, stretched.
        pitch: ``(m,)`` semitones; negative heights where it is inverted.
    """

    stretch: float
    inverted: bool
    retrograde: bool
    onset: FloatArray
    pitch: FloatArray

    @property
    def span(self) -> float:
        """Ticks from the first onset to the last."""
        return float(self.onset[-1])


def forms_of(line: Line, *, retrograde: bool = False) -> list[Form]:
    """Return the forms of a query, the plainest first.

    Args:
        line: the query's tune.
        retrograde: also backwards.
    """
    onset, pitch = line.onset.astype(np.float64), line.pitch.astype(np.float64)
    orders = [(False, onset - onset[0], pitch)]
    if retrograde:
        orders.append((True, onset[-1] - onset[::-1], pitch[::-1]))
    return [
        Form(stretch, inverted, backwards, times * stretch, -heights if inverted else heights)
        for backwards, times, heights in orders
        for inverted in (False, True)
        for stretch in STRETCHES
    ]


@dataclass(frozen=True, eq=False)
class FormWindows:
    """The windows of forms that are looked up, of one kind.

    Attributes:
        kind: index of the kind of window.
        form: ``(Q,)`` index of the form of each window.
        lead: ``(Q,)`` ticks from the form's first onset to the window's.
        vectors: ``(Q, D)`` weighted.
    """

    kind: int
    form: IntArray
    lead: FloatArray
    vectors: SingleArray


def form_windows(forms: list[Form], weights: Weights, most: int = WINDOWS_PER_FORM) -> list[FormWindows]:
    """Return the windows of forms by kind, at most so many of a kind for each form."""
    found = []
    for kind in range(len(KINDS)):
        rows = [
            (number, float(form.onset[anchor]), vector)
            for number, form in enumerate(forms)
            if kind != EIGHT_NOTES or form.stretch == 1  # eight notes are the same at every speed
            for anchor, vector in _windows_of(form, kind, weights, most)
        ]
        if rows:
            numbers, leads, vectors = zip(*rows, strict=True)
            found.append(FormWindows(kind, np.array(numbers), np.array(leads), np.stack(vectors)))
    return found


def _windows_of(form: Form, kind: int, weights: Weights, most: int) -> list[tuple[int, SingleArray]]:
    window = KINDS[kind]
    onset, pitch = np.rint(form.onset).astype(np.int64), form.pitch.astype(np.int64)
    counts = notes_within(onset, window)
    if kind == EIGHT_NOTES:
        anchors = np.flatnonzero(counts >= window.frames - 2)
    else:
        filled = onset + LONG_WINDOW_SHARE * window.ticks <= onset[-1]
        anchors = np.flatnonzero((counts >= min(FEWEST_NOTES, len(onset))) & filled)
    if not len(anchors):
        if kind == BAR:  # too short for a bar: half a bar and its notes it is, even if not filled
            return []
        anchors = np.array([0])
    anchors = anchors[np.unique(np.linspace(0, len(anchors) - 1, min(most, len(anchors))).round().astype(np.int64))]
    vectors = weighted(window_vectors(onset, pitch, anchors, window), window, weights)
    vectors = vectors * _known(np.tile(form.onset, (len(anchors), 1)), form.onset[anchors], kind, anchors)
    return list(zip(anchors.tolist(), vectors.astype(np.float32), strict=True))


def first_windows(onsets: FloatArray, pitches: FloatArray, weights: Weights) -> tuple[IntArray, list[SingleArray]]:
    """Return the kind and the weighted vector of the window at the first note of each tune.

    Args:
        onsets: ``(R, m)`` ticks from 0 on, rising.
        pitches: ``(R, m)`` semitones.
        weights: of the blocks.
    """
    spans = onsets[:, -1]
    kinds = np.where(spans >= LONG_WINDOW_SHARE * KINDS[BAR].ticks, BAR, HALF_BAR)
    vectors: list[SingleArray] = [np.zeros(0, np.float32)] * len(onsets)
    for kind in (HALF_BAR, BAR):
        mine = np.flatnonzero(kinds == kind)
        if not len(mine):
            continue
        # One long line of all tunes, so far apart that no window sees two of them.
        room = int(spans[mine].max()) + 2 * KINDS[kind].ticks
        offsets = np.arange(len(mine)) * room
        onset = (np.rint(onsets[mine]).astype(np.int64) + offsets[:, None]).ravel()
        anchors = np.arange(len(mine)) * onsets.shape[1]
        found = window_vectors(onset, pitches[mine].astype(np.int64).ravel(), anchors, KINDS[kind])
        found = weighted(found, KINDS[kind], weights) * _known(
            onsets[mine], np.zeros(len(mine)), kind, np.zeros(len(mine), np.int64)
        )
        for row, vector in zip(mine.tolist(), found, strict=True):
            vectors[row] = vector
    return kinds, vectors


def _known(onsets: FloatArray, first: FloatArray, kind: int, anchors: IntArray) -> NDArray[np.float32]:
    """Return 1 for what of windows lies within their tunes, else 0: what comes after the last note is not known.

    Args:
        onsets: ``(R, m)`` ticks.
        first: ``(R,)`` tick at which each window begins.
        kind: index of the kind of window.
        anchors: ``(R,)`` note at which each window begins.
    """
    window = KINDS[kind]
    frames, onset_frames = np.arange(window.frames), np.arange(window.onset_frames)
    if kind == EIGHT_NOTES:
        left = onsets.shape[1] - anchors[:, None]
        places = np.concatenate([frames, [0], onset_frames[:-1] + 1, [0], frames, [0]])
        inside: NDArray[np.float32] = (places < left).astype(np.float32)
        return inside
    frame_ticks, onset_ticks = window.ticks / window.frames, window.ticks / window.onset_frames
    times = np.concatenate([frames * frame_ticks, [0], onset_frames * onset_ticks, frames * frame_ticks, [0]])
    end = onsets[:, -1] + np.maximum(onsets[:, -1] - onsets[:, -2], 1.0)
    known: NDArray[np.float32] = (first[:, None] + times < end[:, None]).astype(np.float32)
    return known
