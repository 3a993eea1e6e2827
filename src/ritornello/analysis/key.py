"""Key regions of a song, from its notes and chords.

Krumhansl and Schmuckler's idea (Krumhansl 1990, chapter 4), matching how long each pitch class sounds with a profile
per key, with three changes of ours: the profiles are learned (a log-linear model over the 24 keys), they also count
chord tones and the roots of major and minor chords, which tells relative keys apart, and modulations are found by a
path over the bars on which a change of key costs.

Axes: B bars, 12 pitch classes, H histograms.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.parameters import table
from ritornello.score import ChordSpan, Key, KeyRegion, Song
from ritornello.score.timeline import TICKS_PER_QUARTER

WINDOW_BARS = 8
"""Length of the window around each bar in which its key is judged."""

EVIDENCE_WEIGHT, CHANGE_COST = 0.3, 16.0
"""Weight of a bar's log probabilities (windows overlap) and cost of a change of key; from the train split."""

LONGEST_TICKS = 4 * TICKS_PER_QUARTER
"""A note counts for at most this long."""

HISTOGRAMS = ("note length", "chord tones", "major roots", "minor roots", "other roots")

FloatArray = NDArray[np.float64]


def key_histograms(song: Song, chords: Sequence[ChordSpan]) -> FloatArray:
    """Return pitch-class weights of each bar, float64 ``(B, 12, 5)`` with the last axis `HISTOGRAMS`, in bars."""
    lines = song.bar_lines
    bars = len(lines) - 1
    result = np.zeros((bars, 12, len(HISTOGRAMS)))
    for part in song.parts:
        if not part.is_drums and len(part.notes):
            bar = np.clip(np.searchsorted(lines, part.notes["onset"] + 1, side="right") - 1, 0, bars - 1)
            weight = np.minimum(part.notes["duration"], LONGEST_TICKS) / LONGEST_TICKS
            np.add.at(result[:, :, 0], (bar, part.notes["pitch"] % 12), weight)
    for span in chords:
        at = min(int(np.searchsorted(lines, span.onset + 1, side="right")) - 1, bars - 1)
        share = span.duration / LONGEST_TICKS
        result[at, list(span.chord.pitch_classes), 1] += share
        result[at, span.chord.root, {"maj": 2, "min": 3}.get(span.chord.triad, 4)] += share
    return result


def key_features(histograms: FloatArray) -> FloatArray:
    """Return ``(..., 12, H)`` shares and their square roots, for summed histograms ``(..., 12, 5)``."""
    notes, tones = (
        histograms[..., index] / np.maximum(histograms[..., index].sum(-1, keepdims=True), 1e-9) for index in (0, 1)
    )
    roots = np.maximum(histograms[..., 2:].sum((-1, -2)), 1e-9)[..., None]
    major, minor = histograms[..., 2] / roots, histograms[..., 3] / roots
    return np.stack([notes, np.sqrt(notes), tones, np.sqrt(tones), major, minor], axis=-1)


def key_log_probabilities(features: FloatArray) -> FloatArray:
    """Return the log probability of each key ``(n, 24)``: 12 major tonics, 12 minor; for features ``(n, 12, H)``."""
    weights, bias = table("key_weights"), table("key_bias")
    seen = from_each_tonic(features)
    scores = np.concatenate([seen @ weights[mode] + bias[mode] for mode in (0, 1)], axis=1)
    scores -= scores.max(axis=1, keepdims=True)
    normalised: FloatArray = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return normalised


def from_each_tonic(features: FloatArray) -> FloatArray:
    """Return ``(n, 12, 12 * H)``: features ``(n, 12, H)`` as seen from each tonic."""
    turned = np.stack([np.roll(features, -tonic, axis=1) for tonic in range(12)], axis=1)
    return turned.reshape(len(features), 12, -1)


def find_keys(song: Song, chords: Sequence[ChordSpan]) -> tuple[tuple[KeyRegion, ...], float]:
    """Return the key regions of a song and how sure the first is.

    Args:
        song: a song on its true bars.
        chords: its chords, found or stated; may be empty.

    Returns:
        Regions that start at bar lines, the first at tick 0, and the probability (0..1) of the first key within its
        region; no region and 0 if no pitched note sounds.
    """
    histograms = key_histograms(song, chords)
    if not histograms.any():
        return (), 0.0
    bars = len(histograms)
    running = np.concatenate([np.zeros((1, *histograms.shape[1:])), histograms.cumsum(axis=0)])
    place = np.arange(bars)
    first = np.maximum(place - WINDOW_BARS // 2, 0)
    stop = np.minimum(place + WINDOW_BARS // 2, bars)
    by_bar = EVIDENCE_WEIGHT * key_log_probabilities(key_features(running[stop] - running[first]))
    path = _best_path(by_bar)
    starts = [0, *(np.flatnonzero(np.diff(path)) + 1)]
    regions: list[KeyRegion] = []
    confidence = 0.0
    for start, end in zip(starts, [*starts[1:], bars], strict=True):
        log_probabilities = key_log_probabilities(key_features(histograms[start:end].sum(axis=0)[None]))[0]
        best = int(log_probabilities.argmax())
        key = Key(best % 12, "major" if best < 12 else "minor")
        if not regions:
            confidence = float(np.exp(log_probabilities[best]))
        if not regions or regions[-1].key != key:
            regions.append(KeyRegion(int(song.bar_lines[start]), key))
    return tuple(regions), confidence


def _best_path(evidence: FloatArray) -> NDArray[np.int64]:
    """Return the best state of each bar ``(B,)`` for evidence ``(B, 24)``, with `CHANGE_COST` per change."""
    bars, states = evidence.shape
    came_from = np.zeros((bars, states), dtype=np.int64)
    total = evidence[0]
    for bar in range(1, bars):
        best = int(total.argmax())
        change = total[best] - CHANGE_COST > total
        came_from[bar] = np.where(change, best, np.arange(states))
        total = np.where(change, total[best] - CHANGE_COST, total) + evidence[bar]
    path = np.zeros(bars, dtype=np.int64)
    path[-1] = int(total.argmax())
    for bar in range(bars - 1, 0, -1):
        path[bar - 1] = came_from[bar, path[bar]]
    return path
