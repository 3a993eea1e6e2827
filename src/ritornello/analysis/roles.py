"""What each part does: melody, second melody, bass, chords, drums.

Our design. Each part is described by numbers that names cannot fake: register against the other parts, polyphony, note
rate, coverage, intervals, rests, rhythmic variety. A log-linear model, learned on POP909 (three unnamed tracks a song)
and on band files whose track names say where the tune is, picks the melody among the parts; rules give the rest their
roles. Roles that the file or the user states win; a role that only a part's name gives away wins if that part plays in
enough of the song to carry its tune.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.grid import is_stated
from ritornello.analysis.parameters import table
from ritornello.score import Part, Song
from ritornello.score.instruments import role_from_name
from ritornello.score.midi_reader import SIGNATURE
from ritornello.score.song import Role
from ritornello.score.timeline import TICKS_PER_QUARTER

FEATURES = (
    "coverage", "note rate", "polyphony", "overlap", "highest", "lowest", "median pitch", "distance from the voice",
    "range", "mean interval", "repeated notes", "steps", "long waits", "rests", "rhythmic variety", "pitch entropy",
    "velocity", "velocity spread", "long notes", "notes", "on the beat", "duration", "legato", "enough coverage",
)  # fmt: skip
"""Columns of `part_features`."""

MIN_NOTES = 8
"""A part with fewer notes carries no tune."""

ENOUGH_COVERAGE = 0.4
"""Share of bars with the tune beyond which more of them say no more: songs have intros, solos and interludes."""

NAMED_COVERAGE = 0.15
"""Share of bars in which a part called melody must play to be believed; of 230 such band files one has less."""

NAME_ODDS = 100.0
"""Odds that a name adds to what the notes say, for the confidence."""

_BAR, _SIXTEENTH = 4 * TICKS_PER_QUARTER, TICKS_PER_QUARTER // 4

FloatArray = NDArray[np.float64]


def part_features(parts: Sequence[Part]) -> FloatArray:
    """Return ``(parts, 24)`` features with the columns `FEATURES`; NaN for drums and parts with under 8 notes."""
    result = np.full((len(parts), len(FEATURES)), np.nan)
    pitched = [part.notes for part in parts if not part.is_drums and len(part.notes)]
    if not pitched:
        return result
    everything = np.concatenate(pitched)
    end = max(part.end for part in parts)
    beat = everything["onset"] // TICKS_PER_QUARTER
    top, bottom = np.full(end // TICKS_PER_QUARTER + 2, -1), np.full(end // TICKS_PER_QUARTER + 2, 200)
    np.maximum.at(top, beat, everything["pitch"])
    np.minimum.at(bottom, beat, everything["pitch"])
    for index, part in enumerate(parts):
        if not part.is_drums and len(part.notes) >= MIN_NOTES:
            result[index] = _describe(part.notes, end, top, bottom, float(everything["velocity"].mean()))
    return result


def _describe(
    notes: NDArray[np.void], end: int, top: NDArray[np.int64], bottom: NDArray[np.int64], mean_velocity: float
) -> list[float]:
    onset, duration, pitch = notes["onset"], notes["duration"], notes["pitch"].astype(np.int64)
    onsets, first, count = np.unique(onset, return_index=True, return_counts=True)
    line = pitch[first + count - 1]  # notes are sorted by pitch within an onset: the highest of each
    leap = np.abs(np.diff(line))
    wait = np.diff(onsets)
    next_onset = np.append(onsets[1:], end)[np.searchsorted(onsets, onset)]
    release = np.maximum.reduceat(onset + duration, first)
    share = np.bincount(pitch % 12, minlength=12) / len(pitch)
    low, middle, high = np.percentile(pitch, [5, 50, 95])
    to_next = np.diff(onsets, append=onsets[-1] + TICKS_PER_QUARTER)
    long_wait = wait > 1.5 * TICKS_PER_QUARTER
    bars = np.unique(onset // _BAR)
    coverage = len(bars) / (end // _BAR + 1)
    return [
        coverage,
        float(np.log(len(onsets) / len(np.unique(onset // TICKS_PER_QUARTER)))),
        len(notes) / len(onsets) - 1,
        float(np.mean(onset + duration > next_onset + _SIXTEENTH)),
        float(np.mean(pitch >= top[onset // TICKS_PER_QUARTER])),
        float(np.mean(pitch <= bottom[onset // TICKS_PER_QUARTER])),
        (middle - 60) / 12,
        ((middle - 66) / 12) ** 2,
        (high - low) / 12,
        float(np.minimum(leap, 12).mean()) if len(leap) else 0.0,
        float(np.mean(leap == 0)) if len(leap) else 0.0,
        float(np.mean((leap > 0) & (leap <= 2))) if len(leap) else 0.0,
        float(np.mean(wait[long_wait] >= 2 * TICKS_PER_QUARTER)) if long_wait.any() else 0.0,
        float(np.sum(onsets[1:] - release[:-1] >= TICKS_PER_QUARTER // 2)) / len(onsets),
        _rhythmic_variety(onset, len(bars)),
        float(-(share[share > 0] * np.log(share[share > 0])).sum()),
        (float(notes["velocity"].mean()) - mean_velocity) / 20,
        float(notes["velocity"].std()) / 20,
        float(np.mean(np.minimum(to_next, _BAR) >= TICKS_PER_QUARTER)),
        float(np.log(len(onsets))),
        float(np.mean(onset % TICKS_PER_QUARTER == 0)),
        float(np.mean(np.minimum(duration, _BAR))) / TICKS_PER_QUARTER,
        float(np.mean(np.clip(duration[first] / np.clip(to_next, 1, _BAR), 0, 1.5))),
        min(coverage, ENOUGH_COVERAGE),
    ]


def _rhythmic_variety(onset: NDArray[np.int32], bars: int) -> float:
    """Different bars of onsets over all bars with onsets: riffs and broken chords repeat, tunes do less."""
    places = np.unique((onset.astype(np.int64) + 1) // _SIXTEENTH)
    in_bar: dict[int, int] = {}
    for bar, place in zip((places // 16).tolist(), (places % 16).tolist(), strict=True):
        in_bar[bar] = in_bar.get(bar, 0) | 1 << place
    return len(Counter(in_bar.values())) / bars


def melody_probabilities(features: FloatArray) -> FloatArray:
    """Return how likely each part is to have the tune ``(parts,)``; all 0 if no part can."""
    usable = ~np.isnan(features).any(axis=1)
    if not usable.any():
        return np.zeros(len(features))
    scaled = (features[usable] - table("melody_part_mean")) / table("melody_part_deviation")
    scores = scaled @ table("melody_part_weights")
    result = np.zeros(len(features))
    odds = np.exp(scores - scores.max())
    result[usable] = odds / odds.sum()
    return result


def with_roles(song: Song, melody: int | None = None) -> tuple[Song, float]:
    """Return the song with a role for each part, at most one of them ``"melody"``, and how sure the melody is (0..1).

    A melody role that exactly one part has stays; of several, the likeliest part keeps it. One that a MIDI file's part
    has from its name alone counts only if the part plays in `NAMED_COVERAGE` of the bars. The index `melody`, where it
    is given, decides.
    """
    features = part_features(song.parts)
    likely = melody_probabilities(features)
    named = _is_named(song)
    stated = [
        index
        for index, part in enumerate(song.parts)
        if part.role == "melody"
        and len(part.notes)
        and (not named[index] or features[index, _column("coverage")] >= NAMED_COVERAGE)
    ]
    if melody is not None:
        confidence = 1.0
    elif len(stated) == 1:
        melody, confidence = stated[0], 1.0
        if named[melody]:
            chance = float(likely[melody])
            confidence = NAME_ODDS * chance / (NAME_ODDS * chance + 1 - chance)
    elif likely.any():
        candidates = stated or list(range(len(song.parts)))
        melody = max(candidates, key=lambda index: likely[index])
        confidence = float(likely[melody] / max(sum(likely[index] for index in candidates), 1e-9))
    else:
        melody, confidence = -1, 0.0
    roles: list[Role | None] = [
        "drums" if part.is_drums else None if part.role == "melody" else part.role for part in song.parts
    ]
    if melody >= 0:
        roles[melody] = "melody"
    _give_bass(roles, song.parts, features)
    _give_others(roles, features, likely)
    parts = [dataclasses.replace(part, role=role) for part, role in zip(song.parts, roles, strict=True)]
    return song.replace(parts=tuple(parts)), confidence


def _is_named(song: Song) -> list[bool]:
    """Whether each part may have its melody role from nothing but its name: the reader gives roles by names."""
    if is_stated(song) or (song.original is not None and SIGNATURE in song.original.data):
        return [False] * len(song.parts)
    return [role_from_name(part.name) == "melody" for part in song.parts]


def _column(name: str) -> int:
    return FEATURES.index(name)


def _give_bass(roles: list[Role | None], parts: Sequence[Part], features: FloatArray) -> None:
    """The part that is lowest most often is the bass, if it plays mostly single notes below G3."""
    if "bass" in roles:
        return
    best, best_score = -1, 0.5
    for index, part in enumerate(parts):
        if roles[index] is None and not np.isnan(features[index, 0]):
            is_bass_program = 32 <= part.program <= 39
            single = features[index, _column("polyphony")] < 0.4
            deep = features[index, _column("median pitch")] < -5 / 12
            score = features[index, _column("lowest")] + 0.4 * is_bass_program
            if single and deep and score > best_score:
                best, best_score = index, score
    if best >= 0:
        roles[best] = "bass"


def _give_others(roles: list[Role | None], features: FloatArray, likely: FloatArray) -> None:
    """Parts with chords or broken chords held together accompany; the tuneful one of the rest is a second melody."""
    for index, role in enumerate(roles):
        if role is None and not np.isnan(features[index, 0]):
            polyphony, overlap = features[index, _column("polyphony")], features[index, _column("overlap")]
            if polyphony > 0.6 or (polyphony > 0.25 and overlap > 0.25):
                roles[index] = "chords"
    if "bridge" not in roles:
        rest = [index for index, role in enumerate(roles) if role is None and likely[index] > 0]
        if rest:
            roles[max(rest, key=lambda index: likely[index])] = "bridge"
    for index, role in enumerate(roles):
        if role is None:
            roles[index] = "other"
