"""The seed's accompaniment, bar by bar, under new chords: its figures, register, touch and pedal, on other notes.

Our design. Each new bar takes the notes of one seed bar (`source_bars`) and moves them from the seed's chord to the new
one (`revoice`); drums are taken over. Where the seed has no bass part, the lowest voice of its accompaniment becomes
one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ritornello.arrange.following import following_notes, follows_melody
from ritornello.arrange.plain import plain_parts
from ritornello.arrange.plan import EARLY_TICKS, ArrangePlan, ChordFinder, Note, notes_by_bar
from ritornello.arrange.revoice import move_bass, revoice
from ritornello.score import Chord, Part, Song, make_notes
from ritornello.score.song import CONTROL_DTYPE

BASS_TOP = 57
"""Highest pitch that counts as the bass of an accompaniment without a bass part."""

BASS_GAP = 7
"""Least distance, in semitones, of the bass of an accompaniment from its other voices."""

_STEADY_CONTROLS = (7, 10, 91, 93)
"""Volume, pan, reverb, chorus: the seed's first value holds for the whole song."""

_MOVING_CONTROLS = (1, 11, 64, 67)
"""Modulation, expression and pedals: they go with the bars. A pitch bend belongs to the notes that were changed."""


def accompany(seed: Song, plan: ArrangePlan) -> tuple[Part, ...]:
    """Return the parts under the melody: the seed's, moved to the new chords; plain ones if the seed has none.

    The seed's melody is left out, and so are bridges that do not follow it: they are tunes, not figures.
    """
    melody = seed.part("melody")
    parts = [part for part in seed.parts if part is not melody and len(part.notes)]
    followers = {id(part) for part in parts if melody is not None and follows_melody(part, melody)}
    parts = [part for part in parts if part.role != "bridge" or id(part) in followers]
    if not any(not part.is_drums and part.role != "bass" and id(part) not in followers for part in parts):
        own = [_laid(seed, part, plan) for part in parts if id(part) not in followers]
        return (*plain_parts(plan.chords, plan.end, plan.bar_ticks, with_bass=seed.part("bass") is None), *own)
    has_bass = any(part.role == "bass" for part in parts)
    result: list[Part] = []
    for part in parts:
        if melody is not None and id(part) in followers:
            notes = following_notes(seed, part, melody, plan)
            result.append(dataclasses.replace(part, notes=notes, controls=_laid_controls(seed, part, plan)))
        elif part.is_drums or part.role == "bass":
            result.append(_laid(seed, part, plan))
        elif part.role == "chords" and not has_bass:
            bass, rest = split_bass(part)
            has_bass = True
            if len(bass.notes):
                result += [_laid(seed, rest, plan), _laid(seed, bass, plan)]
            else:
                result.append(_laid(seed, part, plan))
        else:
            result.append(_laid(seed, part, plan))
    result = _without_gaps([part for part in result if len(part.notes)], plan)
    return tuple(part if part.role == "bass" and plan.keep_bass else _ended(part, plan) for part in result)


def split_bass(part: Part) -> tuple[Part, Part]:
    """Return the bass voice of an accompaniment as a part of its own, and the rest.

    A note is bass if it is at most `BASS_TOP`, nothing lower sounds when it starts, and it is within a fifth of the
    lowest note of the half note around it.
    """
    notes = part.notes
    onsets, ends = notes["onset"].astype(np.int64), notes["onset"].astype(np.int64) + notes["duration"]
    pitches = notes["pitch"].astype(np.int64)
    is_bass = np.zeros(len(notes), bool)
    for index in np.flatnonzero(pitches <= BASS_TOP):
        onset = onsets[index]
        sounding = (onsets <= onset + EARLY_TICKS) & (ends > onset)
        near = np.abs(onsets - onset) <= 12
        is_bass[index] = (
            pitches[index] <= pitches[sounding | near].min() + 7 and pitches[index] == pitches[sounding].min()
        )
    bass = dataclasses.replace(part, name="Bass", notes=notes[is_bass], role="bass")
    return bass, part.with_notes(notes[~is_bass])


def bass_of(seed: Song) -> Part | None:
    """Return the seed's bass: its bass part, else the lowest voice of its chords; None if it has neither."""
    part = seed.part("bass")
    if part is None and (chords := seed.part("chords")) is not None:
        part = split_bass(chords)[0]
    return part if part is not None and len(part.notes) else None


def _laid(seed: Song, part: Part, plan: ArrangePlan) -> Part:
    """Return a part with its seed bars laid in the new order and moved to the new chords."""
    if part.role == "bass" and plan.keep_bass:
        return part.transpose(plan.shifts[0])
    bars = notes_by_bar(seed, part)
    scale = plan.key.scale_with_leading_tone
    finder, target = ChordFinder(seed.chords), ChordFinder(plan.chords)
    columns: list[tuple[int, int, int, int]] = []
    for bar, (source, shift) in enumerate(zip(plan.source_bars, plan.shifts, strict=True)):
        notes = bars.get(source)
        if notes is None:
            continue
        start, old_start = bar * plan.bar_ticks, int(seed.bar_lines[source])
        if part.is_drums:
            columns += [
                (start + n[0] - old_start, n[1], n[2], n[3]) for n in notes if n[0] - old_start < plan.bar_ticks
            ]
            continue
        inside = [n for n in notes if n[0] - old_start < plan.bar_ticks - EARLY_TICKS]
        moved = _moved_bar(part, inside, start - old_start, shift, finder, target, scale)
        columns += moved
    columns = [c for c in columns if c[0] < plan.end]
    notes_array = make_notes()
    if columns:
        table = np.array(columns, dtype=np.int64)
        onset = np.maximum(table[:, 0], 0)
        duration = np.maximum(1, np.minimum(table[:, 1], plan.end - onset))
        notes_array = _tidied(make_notes(onset, duration, np.clip(table[:, 2], 0, 127), table[:, 3]))
    return dataclasses.replace(part, notes=notes_array, controls=_laid_controls(seed, part, plan))


def _moved_bar(
    part: Part,
    notes: Sequence[Note],
    delta: int,
    shift: int,
    finder: ChordFinder,
    target: ChordFinder,
    scale: frozenset[int],
) -> list[Note]:
    groups: dict[tuple[Chord | None, Chord | None], list[Note]] = {}
    for note in notes:
        old = finder.at(note[0] + EARLY_TICKS)
        pair = (old.transpose(shift) if old is not None else None, target.at(note[0] + delta + EARLY_TICKS))
        groups.setdefault(pair, []).append(note)
    result: list[Note] = []
    for (old, new), group in groups.items():
        if part.role == "bass":
            places = {p: p + shift for _, _, p, _ in group}
            if new is not None and old != new:
                places = {p: move_bass(p + shift, old, new, scale) for _, _, p, _ in group}
        else:
            pitches = tuple(sorted({n[2] + shift for n in group}))
            lowest_stands_apart = len(pitches) == 1 or pitches[1] - pitches[0] >= BASS_GAP
            has_bass = (
                old is not None and lowest_stands_apart and pitches[0] <= BASS_TOP and pitches[0] % 12 == old.bass
            )
            table = revoice(pitches, old, new, scale, has_bass)
            places = {p - shift: table[p] for p in pitches}
        for onset, duration, pitch, velocity in group:
            moved = places[pitch]
            length = _until_dissonant(onset + delta, duration, moved, target)
            result.append((onset + delta, length, moved, velocity))
    return result


def _until_dissonant(onset: int, duration: int, pitch: int, target: ChordFinder) -> int:
    """Return the duration, cut at the first chord change after which the pitch is no chord tone."""
    for span in target.between(onset + EARLY_TICKS, onset + duration - EARLY_TICKS):
        if pitch % 12 not in span.chord.pitch_classes:
            return max(1, span.onset - onset)
    return duration


def _tidied(notes: NDArray[np.void]) -> NDArray[np.void]:
    """Return notes sorted, of equal pitches at one onset only the longest, each cut at its pitch's next onset."""
    notes = notes[np.lexsort((-notes["duration"], notes["onset"], notes["pitch"]))]
    same_pitch = notes["pitch"][1:] == notes["pitch"][:-1]
    repeated = np.append(False, same_pitch & (notes["onset"][1:] == notes["onset"][:-1]))
    notes = notes[~repeated]
    follows = np.append(notes["pitch"][1:] == notes["pitch"][:-1], False)
    room = np.append(notes["onset"][1:] - notes["onset"][:-1], 0)
    notes["duration"] = np.where(follows, np.minimum(notes["duration"], np.maximum(room, 1)), notes["duration"])
    return notes


def _laid_controls(seed: Song, part: Part, plan: ArrangePlan) -> NDArray[np.void]:
    controls = part.controls
    rows: list[tuple[int, int, int]] = []
    for number in _STEADY_CONTROLS:
        own = controls[controls["number"] == number]
        if len(own):
            rows.append((0, number, int(own["value"][0])))
    moving = controls[np.isin(controls["number"], _MOVING_CONTROLS)]
    if len(moving):
        lines = seed.bar_lines
        for bar, source in enumerate(plan.source_bars):
            start = int(lines[source])
            inside = moving[(moving["tick"] >= start) & (moving["tick"] < start + plan.bar_ticks)]
            rows += [(bar * plan.bar_ticks + t - start, number, value) for t, number, value in inside.tolist()]
        rows.append((plan.end, 64, 0))
    return np.array(rows, dtype=CONTROL_DTYPE)


def _without_gaps(parts: list[Part], plan: ArrangePlan) -> list[Part]:
    """Fill bars in which nobody plays, not even the melody, with a held chord in the first chordal part."""
    place = next((i for i, part in enumerate(parts) if not part.is_drums and part.role != "bass"), None)
    if place is None:
        return parts
    sounding = np.zeros(len(plan.source_bars), bool)
    for notes in [part.notes for part in parts] + [plan.melody]:
        first = notes["onset"] // plan.bar_ticks
        last = (notes["onset"] + notes["duration"] - 1) // plan.bar_ticks
        for a, b in zip(first.tolist(), last.tolist(), strict=True):
            sounding[a : b + 1] = True
    if sounding.all():
        return parts
    part = parts[place]
    centre = int(np.median(part.notes["pitch"]))
    velocity = int(np.median(part.notes["velocity"]))
    plain = plain_parts(plan.chords, plan.end, plan.bar_ticks, with_bass=False, centre=centre, velocity=velocity)[
        0
    ].notes
    silent = ~sounding[np.minimum(plain["onset"] // plan.bar_ticks, len(sounding) - 1)]
    parts[place] = part.with_notes(np.concatenate([part.notes, plain[silent]]))
    return parts


def _ended(part: Part, plan: ArrangePlan) -> Part:
    """Let a part that is still busy in the last beat of the song come to rest: hold what starts the last bar."""
    start = plan.end - plan.bar_ticks
    notes = part.notes
    last = notes["onset"] >= start - EARLY_TICKS
    if not (notes["onset"] >= plan.end - plan.bar_ticks // 4).any():
        return part
    first = last & (notes["onset"] <= start + EARLY_TICKS)
    if not first.any():
        first = last & (notes["onset"] == notes["onset"][last].min())
    kept = notes[~last | first].copy()
    held = kept["onset"] >= start - EARLY_TICKS
    if not part.is_drums:
        kept["duration"] = np.where(held, plan.end - kept["onset"], kept["duration"])
    return part.with_notes(kept)
