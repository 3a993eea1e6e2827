"""Where the bars are: metre and bar lines of a song whose file cannot be trusted to know them.

Our design. Each sixteenth is described by features of metre (`grid_features`). A bar that starts at a sixteenth scores
the sum of its sixteenths' features under weights for each place in the bar, learned from songs whose bars are known;
the best row of bars is found by dynamic programming, where a bar of another length than the metre's costs, so that an
inserted or missing half bar re-phases the rest of the song. Metres of 16 and 12 sixteenths compete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.analysis.beat_tracking import is_performed, track
from ritornello.analysis.grid_features import metrical_features, nearest_sixteenth
from ritornello.analysis.parameters import table
from ritornello.score import Meter, Part, Song, Tempo
from ritornello.score.reading import kind_of
from ritornello.score.timeline import TICKS_PER_QUARTER, TICKS_PER_SIXTEENTH, seconds_to_ticks

BAR_LENGTHS = (16, 12)
"""Bar lengths that are considered, in sixteenths: four beats, and three (or six eighths)."""

REPHASE_COST = 5.0
"""What a bar of irregular length costs, in the units of a bar's score (log odds); by cross-validation."""

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class BarRow:
    """The bars found in a row of sixteenths.

    Attributes:
        length: the regular bar length in sixteenths.
        starts: first sixteenth of each bar, rising.
        score: mean score of a bar.
        margin: mean score minus that of the best other phase; 0 or less means that the phase is a guess.
    """

    length: int
    starts: IntArray
    score: float
    margin: float


def bar_scores(features: FloatArray, weights: FloatArray) -> FloatArray:
    """Return how much each sixteenth looks like the start of a bar.

    Args:
        features: ``(n, K)`` from `metrical_features`.
        weights: ``(L, K)`` for each place in a bar of L sixteenths.

    Returns:
        float64 ``(n,)`` with mean 0.
    """
    n, length = len(features), len(weights)
    padded = np.concatenate([features, np.zeros((length, features.shape[1]))])
    products = padded @ weights.T
    scores = np.zeros(n)
    for place in range(length):
        scores += products[place : place + n, place]
    centred: FloatArray = scores - scores.mean()
    return centred


def best_bars(scores: FloatArray, length: int, rephase_cost: float = REPHASE_COST) -> IntArray:
    """Return the first sixteenths of the best row of bars ``(bars,)``.

    Args:
        scores: ``(n,)`` from `bar_scores`.
        length: regular bar length in sixteenths.
        rephase_cost: cost of a half bar; other irregular bars, whole beats long, cost half as much again.
    """
    n = len(scores)
    steps = [(length, 0.0)] + [
        (beats, rephase_cost if 2 * beats == length else 1.5 * rephase_cost) for beats in range(4, length, 4)
    ]
    values = scores.tolist()
    total, came_from = [0.0] * n, [-1] * n
    for place in range(n):
        best, origin = (0.0, -1) if place < length else (-np.inf, -1)
        for step, cost in steps:
            if place >= step and total[place - step] - cost > best:
                best, origin = total[place - step] - cost, place - step
        total[place], came_from[place] = best + values[place], origin
    tail = max(0, n - length)
    place = tail + int(np.argmax(total[tail:]))
    row: list[int] = []
    while place >= 0:
        row.append(place)
        place = came_from[place]
    return np.array(row[::-1], dtype=np.int64)


FILE_MARGIN = 0.3
"""How far the file's own bars may score below the best ones (mean a bar) and still be believed."""

TRIPLE_MARGIN = -0.1
"""Self-similarity at 16 minus that at 12 sixteenths below which a song counts in threes (all train songs agree)."""

USUAL_QPM, TEMPO_COST = 85.0, 0.5
"""Usual speed of a performance, and the cost of a squared octave beside it, in the units of a bar's score."""

TRACK_MARGIN = 0.25
"""How much better tracked beats must make the bars (mean a bar) than the file's beats, which may be merely loose."""

WINDOW_BARS = 8
"""Bars in the windows whose phase the weights were fitted to tell: scores of so many bars sum to log odds."""

MIN_NOTES = 24
"""With fewer notes there is no evidence against the file's bars."""


@dataclass(frozen=True)
class BarGrid:
    """A song on its bars.

    Attributes:
        song: the song, its notes moved by a constant (if tracked: put on beats first) so that bars start where its
            metres say.
        moved_ticks: by how much; `source_ticks` leads back.
        source: ``"stated"`` (notation or our own file), ``"file"`` (the MIDI file's bars agree with the music),
            ``"found"``, or ``"tracked"`` (a performance: beats and bars found).
        confidence: 0..1; how clearly the bars stand out.
        beats_s: times of the tracked beats in the file, in seconds; None unless tracked.
    """

    song: Song
    moved_ticks: int
    source: str
    confidence: float
    beats_s: FloatArray | None = None

    def source_ticks(self, ticks: ArrayLike, source: Song) -> FloatArray:
        """Return where ticks of `song` are in the song as it was read, in its ticks (fractional)."""
        before = np.asarray(ticks, dtype=np.float64) - self.moved_ticks
        if self.beats_s is None:
            return before
        beat = before / TICKS_PER_QUARTER
        last = len(self.beats_s) - 1  # a bar may end after the last beat
        late = np.maximum(beat - last, 0) * (self.beats_s[-1] - self.beats_s[-2])
        return seconds_to_ticks(source.tempi, np.interp(beat, np.arange(last + 1), self.beats_s) + late)


def find_bar_grid(song: Song) -> BarGrid:
    """Return a song on its true bars: the file's where the music agrees with them, else those found.

    A performance that keeps to no grid of its file is put on beats first (`beat_tracking`). Found bars: silence before
    the first bar with notes is dropped; notes before the first full bar make a pickup, a short first metre, unless
    they come a single sixteenth early; beats inserted later make a longer bar, missing ones a shorter bar, each with
    its own metre.
    """
    if is_stated(song):
        return BarGrid(song, 0, "stated", 1.0)
    notes = [part.notes for part in song.parts if len(part.notes)]
    onsets = np.concatenate([part["onset"] for part in notes]) if notes else np.zeros(0, np.int64)
    if len(onsets) < MIN_NOTES or np.ptp(onsets) < 8 * 4 * TICKS_PER_QUARTER:
        return BarGrid(song, 0, "file", 0.0)
    heard = _Heard.of(song)
    if is_performed(song):
        readings = [(tracked, _Heard.of(tracked.song)) for tracked in track(song)]
        scores = [reading.row.score - _tempo_cost(tracked.beats_s) for tracked, reading in readings]
        if scores and max(scores) > heard.row.score + TRACK_MARGIN:
            tracked, reading = readings[int(np.argmax(scores))]
            return replace(reading.regrid(), source="tracked", beats_s=tracked.beats_s)
    given = _file_bars(song, heard.origin, heard.phase, len(heard.features))
    if given is not None and _regular_length(song) == heard.row.length:
        starts = bar_scores(heard.features, table(f"bar_weights_{heard.row.length}"))
        if heard.row.score - float(starts[given].mean()) <= FILE_MARGIN:
            return BarGrid(song, 0, "file", _confidence(heard.row))
    return heard.regrid()


def _tempo_cost(beats_s: FloatArray) -> float:
    """What a speed costs against the usual one: at half and double speed bars can look alike."""
    octaves = np.log2(60 / float(np.median(np.diff(beats_s))) / USUAL_QPM)
    return float(TEMPO_COST * octaves**2)


@dataclass(frozen=True)
class _Heard:
    """A song with the features of its sixteenths and the bars found in them."""

    song: Song
    phase: int
    origin: int
    features: FloatArray
    row: BarRow

    @classmethod
    def of(cls, song: Song) -> _Heard:
        onsets = np.concatenate([part.notes["onset"] for part in song.parts])
        phase, _ = tatum_phase(onsets)
        origin = (int(onsets.min()) - phase) // TICKS_PER_SIXTEENTH * TICKS_PER_SIXTEENTH + phase
        length = (max(part.end for part in song.parts) - origin) // TICKS_PER_SIXTEENTH + 2
        features = metrical_features(song.parts, origin, length)
        return cls(song, phase, origin, features, find_bars(features))

    def regrid(self) -> BarGrid:
        last_onset = max(int(part.notes["onset"].max()) for part in self.song.parts if len(part.notes))
        last = int(nearest_sixteenth(np.array([last_onset]), self.origin)[0])
        return _regrid(self.song, self.row, self.origin, last, _confidence(self.row))


def is_stated(song: Song) -> bool:
    """Whether a person or our own writer stated the bars: notation, chords or a form came with the song."""
    if song.chords or song.form is not None or song.original is None:
        return True
    return kind_of(song.original.data, song.original.name) != "midi"


def tatum_phase(onsets: NDArray[np.generic]) -> tuple[int, float]:
    """Return where the sixteenths lie between the ticks (-1, 0 or 1) and how closely onsets keep to them (0..1)."""
    vector = np.exp(2j * np.pi * np.asarray(onsets, np.float64) / TICKS_PER_SIXTEENTH).mean()
    return int(np.rint(np.angle(vector) / (2 * np.pi) * TICKS_PER_SIXTEENTH)), float(abs(vector))


def find_bars(features: FloatArray) -> BarRow:
    """Return the best row of bars for the features of a song's sixteenths; decides between four and three beats."""
    shortest = 4 * max(BAR_LENGTHS)
    in_threes = len(features) > shortest and (
        self_similarity(features, 16) - self_similarity(features, 12) < TRIPLE_MARGIN
    )
    length = 12 if in_threes else 16
    scores = bar_scores(features, table(f"bar_weights_{length}"))
    starts = best_bars(scores, length)
    by_phase = np.array([scores[phase::length].mean() for phase in range(length)])
    rest = np.delete(by_phase, np.bincount(starts % length, minlength=length).argmax())
    score = float(scores[starts].mean())
    return BarRow(length, starts, score, score - float(rest.max()))


def self_similarity(features: FloatArray, lag: int) -> float:
    """Return the cosine between the features and themselves `lag` sixteenths later."""
    early, late = features[:-lag], features[lag:]
    norm = np.sqrt((early**2).sum() * (late**2).sum())
    return float((early * late).sum() / norm) if norm > 0 else 0.0


def _confidence(row: BarRow) -> float:
    return float(1 / (1 + np.exp(-WINDOW_BARS * row.margin)))


def _regular_length(song: Song) -> int:
    """Bar length of the metre that holds longest, in sixteenths; 8 and 24 count as 16 and 12."""
    stops = [meter.tick for meter in song.meters[1:]] + [song.end]
    longest = max(range(len(stops)), key=lambda index: stops[index] - song.meters[index].tick)
    length = song.meters[longest].bar_ticks // TICKS_PER_SIXTEENTH
    return {8: 16, 6: 12, 24: 12}.get(length, length)


def _file_bars(song: Song, origin: int, phase: int, n: int) -> IntArray | None:
    """The file's own bar lines in sixteenths, if they lie on the notes' sixteenths; two bars of 2/4 count as one."""
    if phase != 0 or any(meter.bar_ticks % TICKS_PER_SIXTEENTH for meter in song.meters):
        return None
    lines = song.bar_lines[:-1]
    if song.meters[0].bar_ticks == 8 * TICKS_PER_SIXTEENTH and len(song.meters) == 1:
        lines = lines[::2]
    places = nearest_sixteenth(lines, origin)
    places = places[(places >= 0) & (places < n)]
    return places if len(places) else None


def _regrid(song: Song, row: BarRow, origin: int, last_onset: int, confidence: float) -> BarGrid:
    """Move the song so that the found bars start on its metres' bar lines."""
    starts = [int(start) for start in row.starts if start <= last_onset]
    first_onset = min(
        int(nearest_sixteenth(part.notes["onset"], origin).min()) for part in song.parts if len(part.notes)
    )
    while len(starts) > 1 and starts[1] <= first_onset:
        starts.pop(0)
    lengths = [after - before for before, after in pairwise(starts)] + [row.length]
    pickup = starts[0] - first_onset
    pickup = pickup if pickup > 1 else 0  # what comes one sixteenth early is meant for the bar line, and set on it
    pickup = -(-pickup // 4) * 4  # whole beats: a pickup of a few sixteenths stands at the end of its beat
    merged = _merge_inserted([pickup] * bool(pickup) + lengths, row.length, skip=int(bool(pickup)))
    moved = -(origin + (starts[0] - pickup) * TICKS_PER_SIXTEENTH)
    compound = row.length == 12 and _is_compound(song, origin, row)
    meters = _meters(merged, compound)
    return BarGrid(_moved(song, moved, meters), moved, "found", confidence)


def _merge_inserted(lengths: Sequence[int], regular: int, skip: int) -> list[int]:
    """Join beats that are inserted between bars to the bar before, so that bars still count what phrases count."""
    merged: list[int] = list(lengths[: skip + 1])
    for length in lengths[skip + 1 :]:
        if length < regular and merged[-1] == regular:
            merged[-1] += length
        else:
            merged.append(length)
    return merged


def _is_compound(song: Song, origin: int, row: BarRow) -> bool:
    """Whether bars of 12 sixteenths fall into two halves (6/8), not into three beats (3/4), by their onsets."""
    onsets = np.concatenate(
        [nearest_sixteenth(part.notes["onset"], origin) for part in song.parts if not part.is_drums]
    )
    index = np.searchsorted(row.starts, onsets, side="right") - 1
    place = (onsets - row.starts[np.maximum(index, 0)])[index >= 0]
    counts = np.bincount(place[place < 12], minlength=12)
    return bool(counts[6] > 1.5 * (counts[4] + counts[8]) / 2)


def _meters(lengths: Sequence[int], compound: bool) -> tuple[Meter, ...]:
    meters: list[Meter] = []
    tick = 0
    for length in lengths:
        if length % 4 == 0 and not (compound and length % 12 == 0):
            meter = Meter(tick, length // 4, 4)
        else:
            meter = Meter(tick, length // 2, 8)
        if not meters or (meters[-1].numerator, meters[-1].denominator) != (meter.numerator, meter.denominator):
            meters.append(meter)
        tick += length * TICKS_PER_SIXTEENTH
    return tuple(meters)


def _moved(song: Song, ticks: int, meters: tuple[Meter, ...]) -> Song:
    """Return the song with everything moved in time; what would stand before tick 0 is at 0."""
    parts: list[Part] = []
    for part in song.parts:
        notes, controls = part.notes.copy(), part.controls.copy()
        onset = np.maximum(notes["onset"] + ticks, 0)
        notes["duration"] = np.maximum(notes["onset"] + ticks + notes["duration"] - onset, 1)
        notes["onset"] = onset
        controls["tick"] = np.maximum(controls["tick"] + ticks, 0)
        parts.append(Part(part.name, notes, part.program, part.is_drums, part.role, controls))
    tempi: dict[int, Tempo] = {}
    for tempo in song.tempi:
        tick = max(tempo.tick + ticks, 0) if tempo.tick > 0 else 0
        tempi[tick] = Tempo(tick, tempo.qpm)
    return song.replace(parts=tuple(parts), meters=meters, tempi=tuple(tempi[tick] for tick in sorted(tempi)), keys=())
