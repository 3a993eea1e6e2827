"""Can generated melodies be told from human ones? A logistic regression on features that can be named.

A two-sample test by classifier (Lopez-Paz and Oquab, *Revisiting classifier two-sample tests*, 2017): trained on
phrases of training songs and of songs generated along their forms, tested on held-out songs. Chance, accuracy and area
under the curve of .5, is the best a generator can reach. Features are of single phrases, so how songs repeat
themselves does not count here (`evaluation.adherence`); the weights say what the classifier keys on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.analysis.phrase_grid import Phrase, PhraseGrid
from ritornello.errors import ArgumentError
from ritornello.evaluation.statistics import Estimate, percentile_interval, resample_counts
from ritornello.score import Key
from ritornello.score.timeline import TICKS_PER_SIXTEENTH

FloatArray = NDArray[np.float64]

FEATURES = (
    "notes per bar", "share of rests", "mean length", "spread of lengths", "share of sixteenths", "share of long notes",
    "onsets on beats", "onsets on offbeat eighths", "onsets on odd sixteenths", "onsets on bar lines", "empty bars",
    "kinds of half-bar rhythms", "half-bar rhythms as two before", "range", "mean pitch", "repeated pitch",
    "steps", "thirds", "fourths and fifths", "wider leaps", "upward share", "turns", "leaps not turned back",
    "chord tones", "chord tones on beats", "diatonic", "tonic", "leading note and fourth",
    "kinds of pitch", "first onset", "last length", "last on chord tone", "last on tonic", "interval pairs again",
    "bars as the bar before", "bars as two bars before",
)  # fmt: skip
"""What is seen of a phrase, in order."""

PENALTY = 1e-3
"""Factor of the squared weights, on standardised features."""

_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10, 11)


def phrase_features(grid: PhraseGrid, phrase: Phrase) -> FloatArray:
    """Return ``(len(FEATURES),)`` what is seen of a phrase with at least two notes.

    Raises:
        ArgumentError: if it has fewer.
    """
    start, stop = phrase.start_bar * grid.steps_per_bar, phrase.stop_bar * grid.steps_per_bar
    notes = grid.notes_between(start, stop)
    onsets, pitches = grid.onsets[notes] - start, grid.pitches[notes]
    if len(onsets) < 2:
        raise ArgumentError(f"a phrase of {len(onsets)} notes has no shape to recognise; leave it out")
    lengths = np.minimum(grid.durations[notes], stop - start - onsets)
    sixteenths = lengths * grid.step_ticks / TICKS_PER_SIXTEENTH
    key = phrase.key or Key(0)
    degree = (pitches - key.tonic) % 12
    chords = [grid.chords[i] if i < len(grid.chords) else None for i in (start + onsets) // grid.steps_per_beat]
    in_chord = np.array(
        [c is not None and int(p) % 12 in c.pitch_classes for c, p in zip(chords, pitches, strict=True)]
    )
    on_beat, inside = onsets % grid.steps_per_beat == 0, onsets % grid.steps_per_beat
    half = inside * 2 == grid.steps_per_beat
    steps = np.diff(pitches)
    size, signs = np.abs(steps), np.sign(steps)
    moved = signs[signs != 0]
    leaps = np.flatnonzero(size[:-1] > 4)
    pairs = list(zip(steps.tolist(), steps.tolist()[1:], strict=False))
    rhythm, rolls = _bar_rows(onsets, pitches, phrase.bars, grid.steps_per_bar, grid.segment_steps)
    values = [
        len(onsets) / phrase.bars, 1 - lengths.sum() / (stop - start), sixteenths.mean(), np.log(sixteenths).std(),
        (sixteenths <= 1).mean(), (sixteenths >= 6).mean(), on_beat.mean(), half.mean(), (~on_beat & ~half).mean(),
        (onsets % grid.steps_per_bar == 0).mean(), np.mean([not bar.any() for bar in rolls]),
        len(set(rhythm)) / len(rhythm), _alike(rhythm, 2), np.ptp(pitches), pitches.mean(),
        (size == 0).mean(), np.isin(size, (1, 2)).mean(), np.isin(size, (3, 4)).mean(), np.isin(size, (5, 7)).mean(),
        (size > 7).mean(), _mean(moved > 0), _mean(moved[1:] != moved[:-1]), _mean(signs[leaps + 1] == signs[leaps]),
        in_chord.mean(), _mean(in_chord[on_beat]), np.isin(degree, _MAJOR if key.mode == "major" else _MINOR).mean(),
        (degree == 0).mean(), np.isin(degree, (5, 11)).mean(), len(set(pitches.tolist())), onsets[0],
        np.log(sixteenths[-1]), in_chord[-1], degree[-1] == 0, 1 - len(set(pairs)) / max(1, len(pairs)),
        _alike([bar.tobytes() for bar in rolls], 1), _alike([bar.tobytes() for bar in rolls], 2),
    ]  # fmt: skip
    return np.array(values, np.float64)


def _bar_rows(
    onsets: NDArray[np.int64], pitches: NDArray[np.int64], bars: int, bar: int, size: int
) -> tuple[list[bytes], NDArray[np.int64]]:
    """Return the onsets of each segment as bytes, and ``(bars, steps)`` the pitch that starts at each step, else 0."""
    roll = np.zeros(bars * bar, np.int64)
    roll[onsets] = pitches
    return [(roll[at : at + size] > 0).tobytes() for at in range(0, len(roll), size)], roll.reshape(bars, bar)


def _alike(rows: Sequence[bytes], back: int) -> float:
    return _mean([one == other for one, other in zip(rows[back:], rows, strict=False)])


def _mean(values: ArrayLike) -> float:
    found = np.asarray(values, np.float64)
    return float(found.mean()) if found.size else 0.0


@dataclass(frozen=True)
class LogisticRegression:
    """Chance that a row of features is of a generated melody.

    Attributes:
        centre: ``(features,)`` mean of the training rows.
        scale: ``(features,)`` their standard deviation, 1 where it is 0.
        weights: ``(features,)`` of standardised features: log-odds a standard deviation.
        bias: log-odds of a mean row.
    """

    centre: FloatArray
    scale: FloatArray
    weights: FloatArray
    bias: float

    @classmethod
    def fit(cls, rows: FloatArray, is_generated: NDArray[np.bool_], penalty: float = PENALTY) -> LogisticRegression:
        """Learn from rows ``(n, features)``; both kinds weigh alike, however many there are of each.

        Raises:
            ArgumentError: if one kind is missing.
        """
        from scipy.optimize import minimize

        if not 0 < is_generated.sum() < len(rows):
            raise ArgumentError("a classifier learns from both, human and generated melodies; one of them is missing")
        centre, scale = rows.mean(0), rows.std(0)
        scale = np.where(scale > 1e-9, scale, 1.0)
        seen, sign = (rows - centre) / scale, np.where(is_generated, 1.0, -1.0)
        share = np.where(is_generated, 0.5 / is_generated.sum(), 0.5 / (~is_generated).sum())

        def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
            weights, bias = parameters[:-1], parameters[-1]
            margin = sign * (seen @ weights + bias)
            slope = -sign * share / (1 + np.exp(np.clip(margin, -500, 500)))
            value = (share * np.logaddexp(0, -margin)).sum() + penalty * (weights**2).sum()
            return float(value), np.append(seen.T @ slope + 2 * penalty * weights, slope.sum())

        best = minimize(loss, np.zeros(rows.shape[1] + 1), jac=True, method="L-BFGS-B").x
        return cls(centre, scale, best[:-1], float(best[-1]))

    def scores(self, rows: FloatArray) -> FloatArray:
        """Return the log-odds ``(n,)`` that rows are of generated melodies."""
        result: FloatArray = (rows - self.centre) / self.scale @ self.weights + self.bias
        return result

    def strongest(self, names: Sequence[str], number: int = 8) -> list[tuple[str, float]]:
        """Return the features with the largest weights; a positive one says that more of it looks generated."""
        order = np.argsort(-np.abs(self.weights), kind="stable")[:number]
        return [(names[i], round(float(self.weights[i]), 3)) for i in order]


@dataclass(frozen=True)
class Recognition:
    """How well scores tell generated from human melodies.

    Attributes:
        accuracy: mean of the shares of human and of generated ones that are told rightly, with its interval.
        auc: chance that a generated one scores above a human one, with its interval.
        human: number of human melodies.
        generated: number of generated ones.
        songs: number of songs that they belong to or were made along.
    """

    accuracy: Estimate
    auc: Estimate
    human: int
    generated: int
    songs: int

    def as_dict(self) -> dict[str, object]:
        """Return plain values, rounded."""

        def plain(of: Estimate) -> list[float]:
            return [round(of.low, 4), round(of.high, 4)]

        return {
            "accuracy": round(self.accuracy.value, 4), "accuracy_interval": plain(self.accuracy),
            "auc": round(self.auc.value, 4), "auc_interval": plain(self.auc),
            "human": self.human, "generated": self.generated, "cases": self.songs,
        }  # fmt: skip


def recognition(
    scores: FloatArray, is_generated: NDArray[np.bool_], song: NDArray[np.int64], resamples: int = 2_000
) -> Recognition:
    """Judge scores of test melodies.

    Args:
        scores: ``(n,)`` log-odds that each is generated; above 0 it is called generated.
        is_generated: ``(n,)``.
        song: ``(n,)`` the song that each belongs to, or was generated along; songs are drawn whole.
        resamples: resamples of the bootstrap.

    Raises:
        ArgumentError: if one kind is missing.
    """
    if not 0 < is_generated.sum() < len(scores):
        raise ArgumentError("telling generated from human melodies needs both; one of them is missing")
    songs, owner = np.unique(song, return_inverse=True)
    right = np.where(is_generated, scores > 0, scores < 0) + 0.5 * (scores == 0)
    # wins[i, j]: pairs in which a generated melody of song i scores above a human one of song j.
    generated, human = np.flatnonzero(is_generated), np.flatnonzero(~is_generated)
    above = (scores[generated, None] > scores[None, human]) + 0.5 * (scores[generated, None] == scores[None, human])
    wins = np.zeros((len(songs), len(songs)))
    np.add.at(wins, (owner[generated][:, None], owner[human][None, :]), above)
    of_generated, of_human = (np.bincount(owner[rows], minlength=len(songs)) for rows in (generated, human))
    right_generated, right_human = (np.bincount(owner[rows], right[rows], len(songs)) for rows in (generated, human))

    def judged(drawn: FloatArray) -> tuple[FloatArray, FloatArray]:
        one, other = drawn @ of_generated, drawn @ of_human
        with np.errstate(invalid="ignore", divide="ignore"):
            accuracy = (drawn @ right_generated / one + drawn @ right_human / other) / 2
            return accuracy, ((drawn @ wins) * drawn).sum(1) / (one * other)

    values = [float(value[0]) for value in judged(np.ones((1, len(songs))))]
    drawn = [judged(counts) for counts in resample_counts(len(songs), 0, resamples)]
    estimates = []
    for value, column in zip(values, zip(*drawn, strict=True), strict=True):
        found = np.concatenate(column)
        estimates.append(Estimate(value, *percentile_interval(found[np.isfinite(found)])))
    return Recognition(estimates[0], estimates[1], len(human), len(generated), len(songs))


def by_song(
    scores: FloatArray, is_generated: NDArray[np.bool_], melody: NDArray[np.int64]
) -> tuple[FloatArray, NDArray[np.bool_], NDArray[np.int64]]:
    """Return the mean score of each whole melody, whether it is generated, and its number; phrases judge together.

    Args:
        scores: ``(n,)`` of phrases.
        is_generated: ``(n,)``.
        melody: ``(n,)`` the whole melody that each phrase belongs to, human or generated.
    """
    melodies, owner = np.unique(melody, return_inverse=True)
    means = np.bincount(owner, scores) / np.bincount(owner)
    kind = np.zeros(len(melodies), np.bool_)
    kind[owner] = is_generated
    return means, kind, melodies
