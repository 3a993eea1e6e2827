"""What each sixteenth of a song tells about metre: onsets, bass, harmony, long notes, melody, drums.

Our design. Every feature is one a listener uses to hear the bar (Lerdahl and Jackendoff 1983, metrical preference rules
3 to 9: events, length, bass, cadence, harmony), measured on a grid of sixteenths and made comparable between songs by
z-scores. The weights of the features at each place in a bar are learned (`grid`).

Axes: n sixteenths, K features.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.melody import is_mixed, melody_of_mixed, one_voice
from ritornello.score import Part
from ritornello.score.timeline import TICKS_PER_SIXTEENTH

FEATURES = (
    "onsets", "bass onset", "bass depth", "bass length", "bass change", "summed length", "longest note",
    "harmonic change 4", "harmonic change 8", "harmonic change 16", "top onset", "top length", "velocity",
    "endings", "held", "kick", "snare", "cymbal", "drum onsets",
    "melody onset", "melody wait", "phrase end", "phrase start", "long melody note", "melody step", "melody leap",
    "melody held",
)  # fmt: skip
"""The columns of `metrical_features`; the numbers are window lengths in sixteenths."""

LONGEST = 16
"""A note counts for at most this many sixteenths: pedal tones and ties over bars say nothing about the next bar."""

MIN_MELODY_NOTES = 4

_KICK, _SNARE, _CYMBAL = (35, 36), (38, 40), (49, 52, 55, 57)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def metrical_features(parts: Sequence[Part], origin_ticks: int, length: int) -> FloatArray:
    """Return the features of each sixteenth.

    Args:
        parts: the song's parts; drums count only in the drum features, and the melody features need a part with that
            role.
        origin_ticks: the tick of sixteenth 0; notes before it count at 0.
        length: number of sixteenths n.

    Returns:
        float64 ``(n, K)`` with the columns `FEATURES`, each with mean 0 and deviation 1 (or all 0 if it never varies).
    """
    pitched = [part.notes for part in parts if not part.is_drums and len(part.notes)]
    drums = [part.notes for part in parts if part.is_drums and len(part.notes)]
    columns = np.zeros((len(FEATURES), length))
    if pitched:
        columns[:15] = _pitched(np.concatenate(pitched), origin_ticks, length)
    if drums:
        columns[15:19] = _drums(np.concatenate(drums), origin_ticks, length)
    melody = next((part.notes for part in parts if part.role == "melody"), None)
    if melody is not None and len(melody) >= MIN_MELODY_NOTES:
        tune = melody[melody_of_mixed(melody)] if is_mixed(melody) else melody
        if len(tune):
            columns[19:] = _melody(one_voice(tune), origin_ticks, length)
    features = columns.T
    deviation = features.std(axis=0)
    return np.where(deviation > 1e-9, (features - features.mean(axis=0)) / np.maximum(deviation, 1e-9), 0.0)


def nearest_sixteenth(ticks: NDArray[np.generic], origin_ticks: int) -> IntArray:
    """Return the sixteenth nearest to each tick, counted from an origin."""
    return (np.asarray(ticks, np.int64) - origin_ticks + TICKS_PER_SIXTEENTH // 2) // TICKS_PER_SIXTEENTH


def _pitched(notes: NDArray[np.void], origin: int, n: int) -> FloatArray:
    start = np.clip(nearest_sixteenth(notes["onset"], origin), 0, n - 1)
    stop = np.maximum(start + 1, nearest_sixteenth(notes["onset"] + notes["duration"], origin))
    length = np.minimum(stop - start, LONGEST)
    pitch = notes["pitch"].astype(np.int64)

    count = np.bincount(start, minlength=n).astype(float)
    endings = np.bincount(np.minimum(stop, n - 1), minlength=n)[:n]
    held = np.cumsum(np.bincount(start, minlength=n) - endings) - count
    velocity = np.bincount(start, notes["velocity"], minlength=n) / np.maximum(count, 1)
    longest = np.zeros(n)
    np.maximum.at(longest, start, length)

    lowest_onset, highest_onset = np.full(n, 128), np.full(n, -1)
    np.minimum.at(lowest_onset, start, pitch)
    np.maximum.at(highest_onset, start, pitch)
    lowest, highest = np.full(n, 128), np.full(n, -1)
    for step in range(LONGEST):
        sounding = (step < length) & (start + step < n)
        np.minimum.at(lowest, start[sounding] + step, pitch[sounding])
        np.maximum.at(highest, start[sounding] + step, pitch[sounding])

    depth, bass_length, bass_change = _bass(lowest_onset)
    top = (highest_onset >= highest) & (highest_onset >= 0)
    return np.stack(
        [
            np.log1p(count),
            ((lowest_onset == lowest) & (lowest_onset < 128)).astype(float),
            depth,
            bass_length,
            bass_change,
            np.log1p(np.bincount(start, length, minlength=n)),
            longest,
            *(_harmonic_change(start, length, pitch % 12, n, window) for window in (4, 8, 16)),
            top.astype(float),
            _time_to_next(np.flatnonzero(top), n),
            np.where(count > 0, velocity, 64.0),
            np.log1p(endings),
            np.log1p(np.maximum(held, 0)),
        ]
    )


def _bass(lowest_onset: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Depth (1 for the lowest onset within half a bar, falling by e every 4 semitones), length, change of the bass."""
    n = len(lowest_onset)
    filled = np.pad(np.where(lowest_onset < 128, lowest_onset, 200), 8, constant_values=200)
    floor = np.lib.stride_tricks.sliding_window_view(filled, 17).min(axis=1)
    depth = np.where(lowest_onset < 128, np.exp(-(lowest_onset - floor) / 4.0), 0.0)
    places = np.flatnonzero(depth > 0.3)
    change = np.zeros(n)
    if len(places) > 1:
        pitch_class = lowest_onset[places] % 12
        change[places[1:]] = pitch_class[1:] != pitch_class[:-1]
    return depth, _time_to_next(places, n), change


def _time_to_next(places: IntArray, n: int) -> FloatArray:
    """At each place the time to the next one, at most `LONGEST`; 0 elsewhere and at the last one."""
    result = np.zeros(n)
    if len(places) > 1:
        result[places[:-1]] = np.minimum(np.diff(places), LONGEST)
    return result


def _harmonic_change(start: IntArray, length: IntArray, pitch_class: IntArray, n: int, window: int) -> FloatArray:
    """One minus the cosine of the pitch-class content of the windows after and before each sixteenth."""
    change = np.zeros((n + LONGEST + 1, 12))
    np.add.at(change, (start, pitch_class), 1.0)
    np.add.at(change, (start + length, pitch_class), -1.0)
    sounding = np.minimum(np.cumsum(change, axis=0)[:n], 2.0)
    total = np.concatenate([np.zeros((1, 12)), np.cumsum(sounding, axis=0)])
    total = np.pad(total, ((window, window), (0, 0)), mode="edge")
    here = total[window : window + n]
    before, after = here - total[:n], total[2 * window : 2 * window + n] - here
    norm = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    one_silent = 0.5 * ((before.sum(axis=1) > 0) | (after.sum(axis=1) > 0))
    result: FloatArray = np.where(norm > 0, 1 - (before * after).sum(axis=1) / np.maximum(norm, 1e-9), one_silent)
    return result


def _drums(notes: NDArray[np.void], origin: int, n: int) -> FloatArray:
    start = np.clip(nearest_sixteenth(notes["onset"], origin), 0, n - 1)
    rows = [np.minimum(np.bincount(start[np.isin(notes["pitch"], kind)], minlength=n), 1) for kind in
            (_KICK, _SNARE, _CYMBAL)]  # fmt: skip
    return np.stack([*rows, np.log1p(np.bincount(start, minlength=n))]).astype(float)


def _melody(notes: NDArray[np.void], origin: int, n: int) -> FloatArray:
    """Onsets, lengths, phrase ends (a rest of a beat or a wait of three beats follows) and pitch steps of the tune."""
    start = np.clip(nearest_sixteenth(notes["onset"], origin), 0, n - 1)
    stop = np.clip(nearest_sixteenth(notes["onset"] + notes["duration"], origin), 0, n - 1)
    wait = np.minimum(np.diff(start, append=start[-1] + LONGEST), LONGEST)
    rest = np.append(start[1:] - stop[:-1], LONGEST)
    ends_phrase = (rest >= 4) | (wait >= 12)
    starts_phrase = np.append(True, ends_phrase[:-1])
    step = np.clip(np.diff(notes["pitch"].astype(float), prepend=float(notes["pitch"][0])), -7, 7) / 7
    columns = np.zeros((8, n))
    columns[0, start] = 1
    columns[1, start] = wait / LONGEST
    columns[2, start[ends_phrase]] = 1
    columns[3, start[starts_phrase]] = 1
    columns[4, start[wait >= 6]] = 1
    columns[5, start] = step
    columns[6, start] = np.abs(step)
    held = np.zeros(n + 1)
    np.add.at(held, np.minimum(start + 1, n), 1)
    np.add.at(held, np.minimum(np.maximum(stop, start + 1), n), -1)
    columns[7] = np.cumsum(held)[:n] > 0
    return columns
