"""The beats of a performance, from the exact times of its notes, and the song put on them.

Ellis, *Beat tracking by dynamic programming* (2007), on note onsets instead of audio: an onset strength curve, a beat
period, and the row of beats that collects most onset strength while keeping to the period. Ours: onsets are weighed by
loudness, depth and length, and the period may drift; it is the best path through autocorrelations of 8-second windows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError
from ritornello.score import Meter, Part, Song, Tempo
from ritornello.score.midi_performance import PartTimes, performance
from ritornello.score.timeline import TICKS_PER_QUARTER, TICKS_PER_SIXTEENTH

RATE_HZ = 100
"""Samples of the onset curve a second."""

SHORTEST_S, LONGEST_S, USUAL_S = 0.3, 1.2, 0.55
"""Beat periods that are considered, and the one preferred where the music leaves it open."""

WINDOW_S, HOP_S = 8.0, 1.0
"""Windows in which the period is measured."""

TIGHTNESS = 100.0
"""How strictly beats keep to the period (Ellis's alpha)."""

DRIFT_COST = 400.0
"""What a change of the period costs from window to window, times its squared logarithm."""

GRID_FIT = 0.6
"""How closely onsets must keep to sixteenths or triplets of the file's beats (0..1) for the file to know its beats."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class TrackedSong:
    """A performance on the beats that were found.

    Attributes:
        song: its notes on sixteenths of the beats, with a tempo for each beat.
        beats_s: ``(b,)`` the time of tick 0, 12, 24, … in the performance, in seconds.
    """

    song: Song
    beats_s: FloatArray


def is_performed(song: Song) -> bool:
    """Whether the notes keep to no grid of the file's beats: neither sixteenths nor triplets, at any constant shift."""
    notes = [part.notes["onset"] for part in song.parts if len(part.notes)]
    if not notes:
        return False
    onsets = np.concatenate(notes).astype(np.float64)
    fits = [abs(np.exp(2j * np.pi * onsets / step).mean()) for step in (TICKS_PER_SIXTEENTH, TICKS_PER_QUARTER // 3)]
    return bool(max(fits) < GRID_FIT)


def track(song: Song) -> list[TrackedSong]:
    """Put a performance on its beats, at three speeds: as found, half, double. Which is right the bars must tell.

    Args:
        song: a song as it was read, so that its notes' exact times are known; else its ticks' times are used.

    Returns:
        Three readings, the one as found first; none if it is too short to have beats (under 8 seconds or 16 notes).
    """
    try:
        times = performance(song)
    except ArgumentError:
        times = tuple(_grid_times(song, part) for part in song.parts)
    onset_s = np.concatenate([part.onset_s for part in times]) if times else np.zeros(0)
    if len(onset_s) < 16 or np.ptp(onset_s) < WINDOW_S:
        return []
    end_s = np.concatenate([part.end_s for part in times])
    found = find_beats(onset_curve(song.parts, times))
    between = np.interp(np.arange(0, len(found) - 0.5, 0.5), np.arange(len(found)), found)
    return [_put(song, times, _whole_range(beats, onset_s, end_s)) for beats in (found, found[::2], between)]


def _put(song: Song, times: tuple[PartTimes, ...], beats_s: FloatArray) -> TrackedSong:
    parts = tuple(_on_beats(part, played, beats_s) for part, played in zip(song.parts, times, strict=True))
    seconds = np.diff(beats_s)
    tempi = tuple(
        Tempo(TICKS_PER_QUARTER * index, float(np.clip(60 / seconds[index], 2, 1000)))
        for index in range(len(seconds))
        if index == 0 or abs(seconds[index] - seconds[index - 1]) > 1e-4
    )
    return TrackedSong(song.replace(parts=parts, tempi=tempi, meters=(Meter(0, 4, 4),), keys=()), beats_s)


def onset_curve(parts: tuple[Part, ...], times: tuple[PartTimes, ...]) -> FloatArray:
    """Return the onset strength at `RATE_HZ`: loud, low and long notes count more; chords add up."""
    columns = []
    for part, played in zip(parts, times, strict=True):
        if len(part.notes):
            weight = 0.5 + part.notes["velocity"] / 127
            if not part.is_drums:
                weight = weight + np.clip((60 - part.notes["pitch"]) / 24, 0, 1)
                weight = weight + np.clip(played.end_s - played.onset_s, 0, 1)
            columns.append(np.stack([played.onset_s, weight]))
    onset_s, weight = np.concatenate(columns, axis=1)
    place = np.rint(onset_s * RATE_HZ).astype(np.int64)
    curve = np.bincount(place, weight, minlength=int(place.max()) + RATE_HZ)
    reach = np.arange(-6, 7)
    kernel = np.exp(-0.5 * (reach / 2.5) ** 2)
    smooth = np.sqrt(np.convolve(curve, kernel, "same"))
    scaled: FloatArray = smooth / max(float(smooth.std()), 1e-9)
    return scaled


def find_beats(strength: FloatArray) -> FloatArray:
    """Return the times of the beats in seconds for an onset curve at `RATE_HZ`."""
    period = _periods(strength)
    n = len(strength)
    total = strength.copy()
    came_from = np.full(n, -1, dtype=np.int64)
    for place in range(int(SHORTEST_S * RATE_HZ), n):
        wanted = period[place]
        low, high = max(0, place - int(2 * wanted)), place - int(wanted / 2)
        if high <= low:
            continue
        distance = place - np.arange(low, high)
        reach = total[low:high] - TIGHTNESS * np.log(distance / wanted) ** 2 / 10
        best = int(reach.argmax())
        if reach[best] > 0:
            total[place] += reach[best]
            came_from[place] = low + best
    tail = max(0, n - int(period[-1]) - RATE_HZ)
    place = tail + int(total[tail:].argmax())
    beats = []
    while place >= 0:
        beats.append(place)
        place = int(came_from[place])
    return np.array(beats[::-1]) / RATE_HZ


def _periods(strength: FloatArray) -> FloatArray:
    """The beat period around each sample, in samples ``(n,)``."""
    n, size, hop = len(strength), int(WINDOW_S * RATE_HZ), int(HOP_S * RATE_HZ)
    lags = np.arange(int(SHORTEST_S * RATE_HZ), int(LONGEST_S * RATE_HZ) + 1)
    preference = np.exp(-0.5 * (np.log2(lags / (USUAL_S * RATE_HZ)) / 0.9) ** 2)
    centred = strength - strength.mean()
    rows = []
    for start in range(0, max(1, n - size + hop), hop):
        window = centred[start : start + size]
        spectrum = np.fft.rfft(window, 2 * size)
        auto = np.fft.irfft(np.abs(spectrum) ** 2)[:size] / max(float((window**2).sum()), 1e-9)
        # A beat is a period whose double and fourfold are periods too.
        comb = sum(auto[np.minimum(multiple * lags, size - 1)] / multiple**0.5 for multiple in (1, 2, 4))
        rows.append(comb * preference)
    evidence = 10 * np.array(rows)
    cost = DRIFT_COST * np.log(lags[:, None] / lags[None, :]) ** 2
    total = evidence[0]
    came_from = np.zeros(evidence.shape, dtype=np.int64)
    for row in range(1, len(evidence)):
        moves = total[:, None] - cost
        came_from[row] = moves.argmax(axis=0)
        total = moves.max(axis=0) + evidence[row]
    path = [int(total.argmax())]
    for row in range(len(evidence) - 1, 0, -1):
        path.append(int(came_from[row, path[-1]]))
    centres = np.arange(len(evidence)) * hop + size / 2
    result: FloatArray = np.interp(np.arange(n), centres, lags[path[::-1]])
    return result


def _grid_times(song: Song, part: Part) -> PartTimes:
    return PartTimes(
        song.seconds(part.notes["onset"]), song.seconds(part.notes["onset"].astype(np.int64) + part.notes["duration"])
    )


def _whole_range(beats_s: FloatArray, onset_s: FloatArray, end_s: FloatArray) -> FloatArray:
    """Continue the beats evenly to before the first onset and after the last end."""
    if len(beats_s) < 2:
        beats_s = np.array([onset_s.min(), onset_s.min() + USUAL_S])
    first, last = beats_s[1] - beats_s[0], beats_s[-1] - beats_s[-2]
    before = max(0, int(np.ceil((beats_s[0] - onset_s.min()) / first + 0.2)))
    after = max(0, int(np.ceil((end_s.max() - beats_s[-1]) / last))) + 1
    return np.concatenate(
        [beats_s[0] - first * np.arange(before, 0, -1), beats_s, beats_s[-1] + last * np.arange(1, after + 1)]
    )


def _on_beats(part: Part, played: PartTimes, beats_s: FloatArray) -> Part:
    place = np.arange(len(beats_s))
    onset, end = (
        np.rint(np.interp(seconds, beats_s, place) * TICKS_PER_QUARTER / TICKS_PER_SIXTEENTH).astype(np.int64)
        for seconds in (played.onset_s, played.end_s)
    )
    notes = part.notes.copy()
    notes["onset"] = onset * TICKS_PER_SIXTEENTH
    notes["duration"] = np.maximum(end - onset, 1) * TICKS_PER_SIXTEENTH
    controls = part.controls[:0]  # their place in time would be lost with the file's beats; the file keeps them
    return Part(part.name, notes, part.program, part.is_drums, part.role, controls)
