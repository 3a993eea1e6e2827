"""What a piece is like in numbers: harmony, groove, texture, register and use of instruments, against real songs.

H_1, H_4 and GS follow Wu and Yang, *The Jazz Transformer on the Front Line* (ISMIR 2020): pitch-class entropy over all
windows of 1 and 4 bars, grooving similarity over all pairs of bars. Polyphony, pitch range, scale
consistency and groove consistency are those of MusPy (Dong et al., ISMIR 2020).
Ours: 48 onset positions a bar; windows without pitched notes are left out of the entropies; a bar is empty if no note
starts in it. No figure is better high or low: it should be where real songs have it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError
from ritornello.evaluation.bar_notes import BAR_TICKS, DRUMS, DURATION, FAMILIES, FAMILY, ONSET, PITCH, Bars, joined
from ritornello.evaluation.statistics import Estimate, ratio_estimate
from ritornello.score.key import MAJOR_SCALE

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


def piece_metrics(bars: Bars) -> dict[str, float]:
    """Return the figures of a piece.

    Args:
        bars: the piece, at least one bar.

    Returns:
        ``bars``; ``notes_per_bar``; ``empty_bar_rate``; ``groove_similarity`` and ``groove_consistency`` (0..1, pieces
        of two bars or more); ``pitch_entropy_1`` and ``pitch_entropy_4`` (bits, 0 to log2 12); ``polyphony`` (pitches);
        ``pitch_range`` (semitones); ``scale_consistency`` (0..1); for each family ``FAMILY_bars`` (share of bars in
        which it starts a note) and, where it plays, ``FAMILY_lowest``, ``FAMILY_highest`` (MIDI pitches, drums left
        out). Figures of pitch leave drums out, and are missing where nothing pitched plays.

    Raises:
        ArgumentError: if there is no bar or the notes are malformed.
    """
    if not len(bars):
        raise ArgumentError("a piece without bars cannot be measured")
    index, notes = joined(bars)
    starts = np.zeros((len(bars), BAR_TICKS), np.bool_)
    starts[index, notes[:, ONSET]] = True
    result = {
        "bars": float(len(bars)),
        "notes_per_bar": len(notes) / len(bars),
        "empty_bar_rate": float(np.mean(~starts.any(axis=1))),
    }
    if len(bars) > 1:
        result["groove_similarity"] = groove_similarity(starts)
        result["groove_consistency"] = float(1 - np.mean(starts[1:] != starts[:-1]))
    pitched = notes[:, FAMILY] != DRUMS
    if pitched.any():
        result |= _pitch_metrics(index[pitched], notes[pitched], len(bars))
    for number, family in enumerate(FAMILIES):
        own = notes[:, FAMILY] == number
        result[f"{family}_bars"] = len(np.unique(index[own])) / len(bars)
        if own.any() and number != DRUMS:
            result[f"{family}_lowest"] = float(notes[own, PITCH].min())
            result[f"{family}_highest"] = float(notes[own, PITCH].max())
    return result


def _pitch_metrics(index: IntArray, notes: IntArray, bars: int) -> dict[str, float]:
    classes = np.zeros((bars, 12))
    np.add.at(classes, (index, notes[:, PITCH] % 12), 1)
    result = {"pitch_entropy_1": pitch_class_entropy(classes, 1)}
    if bars >= 4 and _windows(classes, 4).any():
        result["pitch_entropy_4"] = pitch_class_entropy(classes, 4)
    return result | {
        "polyphony": polyphony(index * BAR_TICKS + notes[:, ONSET], notes[:, DURATION], notes[:, PITCH]),
        "pitch_range": float(np.ptp(notes[:, PITCH])),
        "scale_consistency": scale_consistency(notes[:, PITCH]),
    }


def pitch_class_entropy(classes: FloatArray, bars: int) -> float:
    """Return the mean entropy, in bits, of the pitch classes of all windows of some bars.

    Args:
        classes: ``(bars of the piece, 12)`` notes of each pitch class; windows without any are left out.
        bars: bars of a window, at most those of the piece.
    """
    windows = _windows(classes, bars)
    windows = windows[windows.any(axis=1)]
    shares = windows / windows.sum(axis=1, keepdims=True)
    logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    return float(-(shares * logs).sum(axis=1).mean())


def _windows(classes: FloatArray, bars: int) -> FloatArray:
    windows: FloatArray = np.lib.stride_tricks.sliding_window_view(classes, bars, axis=0).sum(axis=2)
    return windows


def groove_similarity(starts: NDArray[np.bool_]) -> float:
    """Return the mean over all pairs of bars of 1 - |onset XOR| / positions, for flags ``(bars >= 2, positions)``."""
    flags = starts.astype(np.float64)
    sizes = flags.sum(axis=1)
    differing = sizes[:, None] + sizes[None, :] - 2 * flags @ flags.T
    return float(1 - differing[np.triu_indices(len(flags), k=1)].mean() / flags.shape[1])


def polyphony(onsets: IntArray, durations: IntArray, pitches: IntArray) -> float:
    """Return how many different pitches sound at a time, on average over the ticks at which any does.

    Args:
        onsets: ``(n,)`` ticks, n >= 1.
        durations: ``(n,)`` ticks.
        pitches: ``(n,)`` MIDI pitches; one that two notes sound at once counts once.
    """
    # Notes of one pitch, in order of onset: each adds what reaches beyond the latest end before it.
    order = np.lexsort((onsets, pitches))
    onset, end = onsets[order], (onsets + durations)[order]
    first = np.append(True, np.diff(pitches[order]) != 0)
    lane = np.cumsum(first) * (int(end.max()) + 1)  # lanes one after the other, so that one running maximum serves all
    reached = np.append(0, np.maximum.accumulate(end + lane)[:-1])
    sounding = np.maximum(end + lane - np.maximum(onset + lane, reached), 0).sum()
    start_any, end_any = np.sort(onsets), (onsets + durations)[np.argsort(onsets, kind="stable")]
    latest = np.append(0, np.maximum.accumulate(end_any)[:-1])
    return float(sounding / np.maximum(end_any - np.maximum(start_any, latest), 0).sum())


def scale_consistency(pitches: IntArray) -> float:
    """Return the largest share of notes ``(n >= 1,)`` that lie in one major or natural minor scale.

    The 24 keys have 12 such scales: each minor key shares its notes with its relative major.
    """
    counts, scale = np.bincount(pitches % 12, minlength=12), np.array(MAJOR_SCALE)
    return max(int(counts[(scale + tonic) % 12].sum()) for tonic in range(12)) / len(pitches)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure on both sides, the mean over pieces with its interval.

    Attributes:
        generated: of the generated pieces.
        real: of the real songs.
    """

    generated: Estimate
    real: Estimate


def compare(
    generated: Sequence[Mapping[str, float]], real: Sequence[Mapping[str, float]], seed: int = 0
) -> dict[str, Comparison]:
    """Set figures of generated pieces beside those of real songs.

    Args:
        generated: `piece_metrics` of each generated piece.
        real: the same of each real song.
        seed: seed of the intervals.

    Returns:
        For each figure that occurs on both sides the means over the pieces that have it, with 95 % bootstrap intervals
        over pieces; in the order of `piece_metrics`.

    Raises:
        ArgumentError: if a side is empty.
    """
    if not generated or not real:
        raise ArgumentError(f"{len(generated)} generated pieces and {len(real)} real songs: a comparison needs both")
    names = dict.fromkeys(name for row in (*generated, *real) for name in row)
    result = {}
    for name in names:
        sides = [[row[name] for row in rows if name in row] for rows in (generated, real)]
        if all(sides):
            one, other = (ratio_estimate(values, np.ones(len(values)), seed) for values in sides)
            result[name] = Comparison(one, other)
    return result
