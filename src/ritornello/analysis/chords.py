"""Chord recognition from notes: one chord per beat, with inversions.

Our design, in the tradition of template matching with a hidden Markov model (Sheh and Ellis 2003), but with templates
that are learned: each beat is described by what sounds in it and around it, seen from each of the 12 possible roots;
a log-linear model gives each root and quality its probability, and the Viterbi path weighs it against how often chords
change at this place in the bar and which chord follows which. All tables are learned on the train split of POP909.

Axes: b beats, F rows of pitch-class features, S = 12 x Q states in the order root, then `RECOGNISED` quality.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.parameters import table
from ritornello.score import Chord, ChordSpan, Part, Song
from ritornello.score.song import join_chords
from ritornello.score.timeline import TICKS_PER_QUARTER

RECOGNISED = (
    "maj", "min", "sus2", "sus4", "7", "maj7", "min7", "maj6", "7sus4", "dim", "hdim7", "aug", "dim7", "add9",
)  # fmt: skip
"""The qualities that are told apart: those with more than 0.1 % of the train split's beats, and dim7, aug, add9."""

EVIDENCE_WEIGHT, FOLLOWING_WEIGHT = 2.0, 0.3
"""Weight of a beat's log probabilities, and of which chord follows which, on the Viterbi path; from the train split."""

SEVENTH_SHARE = 0.6
"""Share of a chord's time from which on a seventh that sounds is named."""

LONGEST_TICKS = 4 * TICKS_PER_QUARTER
"""A note sounds in the harmony for at most this long."""

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Beats:
    """The beats of a song.

    Attributes:
        edges: ``(b + 1,)`` ticks.
        place: ``(b,)`` beat in its bar, from 0.
        per_bar: ``(b,)`` beats of the bar it is in.
    """

    edges: IntArray
    place: IntArray
    per_bar: IntArray


def beats_of(song: Song) -> Beats:
    """Return the beats of all bars; beats of compound metres are dotted."""
    lines = song.bar_lines
    meter_at = np.searchsorted([meter.tick for meter in song.meters], lines[:-1], side="right") - 1
    edges: list[IntArray] = []
    places: list[IntArray] = []
    for line, stop, index in zip(lines[:-1], lines[1:], meter_at, strict=True):
        beats = np.arange(line, stop, song.meters[index].beat_ticks, dtype=np.int64)
        edges.append(beats)
        places.append(np.arange(len(beats), dtype=np.int64))
    per_bar = np.concatenate([np.full(len(place), len(place), np.int64) for place in places])
    return Beats(np.concatenate([*edges, lines[-1:]]), np.concatenate(places), per_bar)


def pitch_class_features(parts: Sequence[Part], edges: IntArray) -> FloatArray:
    """Return what sounds in and around each beat, by pitch class.

    Args:
        parts: the parts; drums are left out.
        edges: ``(b + 1,)`` ticks of the beats.

    Returns:
        float64 ``(b, 9, 12)``: square root of the sounding share, lowness (1 for the lowest note, falling by e every 3
        semitones) and onsets on the beat; the first two also for the beat before and the beat after, and the first one
        two beats before and after.
    """
    pitched = [part.notes for part in parts if not part.is_drums and len(part.notes)]
    b = len(edges) - 1
    here = np.zeros((b, 3, 12))
    if pitched:
        notes = np.concatenate(pitched)
        onset, pitch = notes["onset"].astype(np.int64), notes["pitch"].astype(np.int64)
        end = onset + np.minimum(notes["duration"], LONGEST_TICKS)
        share, lowest = np.zeros((b, 12)), np.full((b, 12), 1000.0)
        # A tick of tolerance: a note that comes a tick early belongs to the beat that follows.
        first = np.clip(np.searchsorted(edges, onset + 1, side="right") - 1, 0, b - 1)
        for step in range(LONGEST_TICKS // max(1, int(np.diff(edges).min())) + 2):
            beat = first + step
            inside = (beat < b) & (edges[np.minimum(beat, b - 1)] < end)
            if not inside.any():
                break
            at, pc = beat[inside], pitch[inside] % 12
            sounding = np.minimum(end[inside], edges[at + 1]) - np.maximum(onset[inside], edges[at])
            part_of_beat = np.maximum(sounding, 0) / np.maximum(edges[at + 1] - edges[at], 1)
            np.add.at(share, (at, pc), part_of_beat)
            long = part_of_beat > 0.1
            np.minimum.at(lowest, (at[long], pc[long]), pitch[inside][long].astype(float))
        here[:, 0] = np.sqrt(share)
        floor = lowest.min(axis=1, keepdims=True)
        here[:, 1] = np.where(floor < 1000, np.exp(-(lowest - floor) / 3), 0.0)
        struck = (onset >= edges[first] - 1) & (onset < edges[first] + 3)
        np.add.at(here[:, 2], (first[struck], pitch[struck] % 12), 1.0)
        here[:, 2] = np.minimum(here[:, 2], 2.0)
    around = np.pad(here, ((2, 2), (0, 0), (0, 0)))
    return np.concatenate(
        [here, around[1 : b + 1, :2], around[3 : b + 3, :2], around[:b, :1], around[4 : b + 4, :1]], axis=1
    )


def from_each_root(features: FloatArray) -> FloatArray:
    """Return ``(b, 12, F * 12)``: the features ``(b, F, 12)`` as seen from each root, the root first."""
    turned = np.stack([np.roll(features, -root, axis=2) for root in range(12)], axis=1)
    return turned.reshape(len(features), 12, -1)


def chord_log_probabilities(features: FloatArray) -> FloatArray:
    """Return the log probability of each chord in each beat ``(b, S)`` under the learned model."""
    weights, bias, mean = table("chord_weights"), table("chord_bias"), table("chord_mean")
    seen = (from_each_root(features) - mean).reshape(-1, len(mean))
    scores = (seen @ weights + bias).reshape(len(features), -1)
    scores -= scores.max(axis=1, keepdims=True)
    normalised: FloatArray = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return normalised


def change_probabilities(beats: Beats) -> FloatArray:
    """Return how likely a chord change is at each beat ``(b,)``."""
    result = np.where(beats.place == 0, 0.8, 0.1)
    for count in (3, 4):
        known = table(f"chord_change_{count}")
        result = np.where(beats.per_bar == count, known[np.minimum(beats.place, count - 1)], result)
    return np.where((beats.per_bar > 4) & (beats.place == beats.per_bar // 2), 0.35, result)


def best_path(log_probabilities: FloatArray, change: FloatArray) -> IntArray:
    """Return the most likely state of each beat ``(b,)``, for log probabilities ``(b, S)`` and changes ``(b,)``."""
    following = FOLLOWING_WEIGHT * _following()
    states = np.arange(log_probabilities.shape[1])
    evidence = EVIDENCE_WEIGHT * log_probabilities
    total = evidence[0]
    came_from = np.zeros((len(evidence), len(states)), dtype=np.int64)
    for beat in range(1, len(evidence)):
        moves = total[:, None] + following
        best = moves.argmax(axis=0)
        changed = moves[best, states] + np.log(change[beat])
        kept = total + np.log(1 - change[beat])
        came_from[beat] = np.where(kept >= changed, states, best)
        total = np.maximum(kept, changed) + evidence[beat]
    path = np.zeros(len(evidence), dtype=np.int64)
    path[-1] = int(total.argmax())
    for beat in range(len(evidence) - 1, 0, -1):
        path[beat - 1] = came_from[beat, path[beat]]
    return path


def find_chords(song: Song) -> tuple[tuple[ChordSpan, ...], float]:
    """Return the chords of a song and how sure they are.

    Args:
        song: a song on its true bars.

    Returns:
        Chord spans on the beats, equal neighbours joined, none where nothing sounds for a bar or longer; and the mean
        probability (0..1) of the chosen roots, 0 if no pitched note sounds.
    """
    beats = beats_of(song)
    features = pitch_class_features(song.parts, beats.edges)
    sounding = features[:, 0].sum(axis=1) > 0
    if not sounding.any():
        return (), 0.0
    log_probabilities = chord_log_probabilities(features)
    path = best_path(log_probabilities, change_probabilities(beats))
    root, quality = path // len(RECOGNISED), path % len(RECOGNISED)
    by_root = np.exp(log_probabilities).reshape(len(path), 12, -1).sum(axis=2)
    confidence = float(by_root[np.arange(len(path)), root][sounding].mean())

    spans: list[ChordSpan] = []
    covered = _without_long_silence(sounding, beats)
    starts = np.flatnonzero((np.diff(path, prepend=-1) != 0) | (beats.place == 0))  # the bass may turn at a bar line
    for start, stop in zip(starts, [*starts[1:], len(path)], strict=True):
        name = _with_seventh(features[start:stop, 0], int(root[start]), RECOGNISED[quality[start]])
        bass = _bass(features[start:stop, 1], int(root[start]), name)
        chord = Chord(int(root[start]), name, bass)
        spans += [
            ChordSpan(int(beats.edges[beat]), int(beats.edges[beat + 1] - beats.edges[beat]), chord)
            for beat in range(start, stop)
            if covered[beat]
        ]
    return join_chords(spans), confidence


def _with_seventh(sounding: FloatArray, root: int, quality: str) -> str:
    """Name a seventh that sounds most of the time: the annotators whom the model learned from often leave it out.

    Args:
        sounding: ``(beats, 12)`` square root of the sounding share of each pitch class.
        root: pitch class of the chord's root.
        quality: the chord's quality.
    """
    share = np.minimum(sounding**2, 1).mean(axis=0)
    minor, major = share[(root + 10) % 12], share[(root + 11) % 12]
    if max(minor, major) < SEVENTH_SHARE:
        return quality
    return {("maj", True): "7", ("maj", False): "maj7", ("min", True): "min7"}.get(
        (quality, bool(minor >= major)), quality
    )


def _bass(lowness: FloatArray, root: int, quality: str) -> int:
    """The chord tone that lies lowest when the chord begins, if it also lies lowest for most of it; else the root.

    Args:
        lowness: ``(beats, 12)`` of the chord's beats.
        root: pitch class of the chord's root.
        quality: the chord's quality.
    """
    sounding = lowness.max(axis=1) > 0
    if not sounding.any():
        return root
    lowest = lowness.argmax(axis=1)[sounding]
    first = int(lowest[0])
    is_tone = (first - root) % 12 in Chord(root, quality).intervals
    return first if is_tone and 2 * (lowest == first).sum() > len(lowest) else root


def _without_long_silence(sounding: NDArray[np.bool_], beats: Beats) -> NDArray[np.bool_]:
    """Whether each beat has a chord: beats in a silence of a bar or more, or before the first note, have none."""
    covered = sounding.copy()
    edges = np.flatnonzero(np.diff(np.concatenate([[True], sounding, [True]]).astype(int)))
    for start, stop in zip(edges[::2], edges[1::2], strict=False):
        covered[start:stop] = start > 0 and stop < len(sounding) and stop - start < beats.per_bar[start]
    return covered


def _following() -> FloatArray:
    """Log probability of each next chord given each chord ``(S, S)``; staying is excluded."""
    known = table("chord_following")  # (Q, 12, Q): quality, step of the root, next quality
    q = len(RECOGNISED)
    result = np.empty((12, q, 12, q))
    for root in range(12):
        result[root] = np.log(np.roll(known, root, axis=1))
    flat = result.reshape(12 * q, 12 * q)
    np.fill_diagonal(flat, -np.inf)
    return flat
