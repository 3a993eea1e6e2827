"""Song and Part: symbolic music on a bar grid, the noun that every symbolic system shares.

All times are integer ticks, 12 per quarter note (`timeline`). Arrays are read-only; a change makes a new Song through
`dataclasses.replace`. `Song.original` keeps the bytes of the file a song was read from, so nothing is lost on the way.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.errors import ArgumentError
from ritornello.score.chord import Chord
from ritornello.score.form import Form
from ritornello.score.key import Key
from ritornello.score.timeline import Meter, Tempo, bar_ticks, ticks_to_seconds

NOTE_DTYPE = np.dtype([("onset", "<i4"), ("duration", "<i4"), ("pitch", "<i4"), ("velocity", "<i4")])
"""One note: onset and duration in ticks (duration >= 1), MIDI pitch 0..127 (60 = middle C), velocity 1..127."""

CONTROL_DTYPE = np.dtype([("tick", "<i4"), ("number", "<i4"), ("value", "<i4")])
"""One controller event: MIDI controller number 0..127 with value 0..127, or `PITCH_BEND` with -8192..8191."""

PITCH_BEND = 128
"""The controller number under which pitch bends are kept."""

MAX_TICKS = 48 * 10_000 * 4
"""Longest song that is accepted: 40,000 bars of 4/4, in ticks."""

Role = Literal["melody", "bridge", "chords", "bass", "drums", "other"]
"""What a part does: the tune, a second melody, chordal accompaniment, bass line, drums, anything else."""

ROLES: tuple[Role, ...] = ("melody", "bridge", "chords", "bass", "drums", "other")


def make_notes(
    onset: ArrayLike = (), duration: ArrayLike = (), pitch: ArrayLike = (), velocity: ArrayLike = 80
) -> NDArray[np.void]:
    """Return a note array of `NOTE_DTYPE` from columns of equal length; a single velocity serves all notes."""
    onset = np.asarray(onset)
    notes = np.zeros(len(onset), NOTE_DTYPE)
    notes["onset"], notes["duration"], notes["pitch"], notes["velocity"] = onset, duration, pitch, velocity
    return notes


@dataclass(frozen=True, eq=False)
class Part:
    """One instrument's notes.

    Attributes:
        name: the name shown in DAWs and scores.
        notes: ``(n,)`` of `NOTE_DTYPE`; sorted by onset, then pitch, on construction.
        program: General MIDI program, 0..127.
        is_drums: whether it plays on the percussion channel.
        role: what it does, if known.
        controls: ``(m,)`` of `CONTROL_DTYPE`, sorted by tick on construction.
    """

    name: str
    notes: NDArray[np.void] = field(default_factory=make_notes)
    program: int = 0
    is_drums: bool = False
    role: Role | None = None
    controls: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, CONTROL_DTYPE))

    def __post_init__(self) -> None:
        if not 0 <= self.program <= 127:
            raise ArgumentError(f"part '{self.name}': program {self.program} is out of range 0 to 127")
        if self.role is not None and self.role not in ROLES:
            raise ArgumentError(f"part '{self.name}': role '{self.role}' is not one of {', '.join(ROLES)}")
        notes = np.array(self.notes, dtype=NOTE_DTYPE)
        notes = notes[np.lexsort((notes["duration"], notes["pitch"], notes["onset"]))]
        _check_range(self.name, "onset", notes["onset"], 0, MAX_TICKS)
        _check_range(self.name, "duration", notes["duration"], 1, MAX_TICKS)
        _check_range(self.name, "pitch", notes["pitch"], 0, 127)
        _check_range(self.name, "velocity", notes["velocity"], 1, 127)
        controls = np.array(self.controls, dtype=CONTROL_DTYPE)
        controls = controls[np.argsort(controls["tick"], kind="stable")]
        notes.flags.writeable = controls.flags.writeable = False
        object.__setattr__(self, "notes", notes)
        object.__setattr__(self, "controls", controls)

    @property
    def end(self) -> int:
        """The tick at which the last note ends; 0 without notes."""
        return int((self.notes["onset"] + self.notes["duration"]).max()) if len(self.notes) else 0

    def with_notes(self, notes: NDArray[np.void]) -> Part:
        """Return the part with other notes."""
        return dataclasses.replace(self, notes=notes)

    def transpose(self, semitones: int) -> Part:
        """Return the part moved by semitones; drums stay.

        Raises:
            ArgumentError: if a pitch would leave 0..127.
        """
        if self.is_drums:
            return self
        notes = self.notes.copy()
        notes["pitch"] += semitones
        return self.with_notes(notes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Part):
            return NotImplemented
        return all(_same(getattr(self, f.name), getattr(other, f.name)) for f in dataclasses.fields(self))

    __hash__ = None  # type: ignore[assignment]  # equal by content, and arrays do not hash

    def __repr__(self) -> str:
        kind = "drums" if self.is_drums else f"program {self.program}"
        return f"Part({self.name!r}, {len(self.notes)} notes, {kind}, role {self.role})"


@dataclass(frozen=True, slots=True)
class KeyRegion:
    """A key from a tick on, until the next region."""

    tick: int
    key: Key


@dataclass(frozen=True, slots=True)
class ChordSpan:
    """A chord that sounds from ``onset`` for ``duration`` ticks; a span left out means no chord."""

    onset: int
    duration: int
    chord: Chord

    @property
    def end(self) -> int:
        """The tick at which the chord ends."""
        return self.onset + self.duration


@dataclass(frozen=True, slots=True)
class Original:
    """The file that a song was read from.

    Attributes:
        name: its file name with suffix, without folders.
        data: its bytes.
    """

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, eq=False)
class Song:
    """Parts of notes on a bar grid, with tempo, metre, keys, chords and form.

    Attributes:
        parts: the instruments.
        tempi: tempo changes by tick, the first at 0.
        meters: time signatures by tick, the first at 0; each starts a bar.
        keys: key regions by tick; empty if unknown.
        chords: chord spans by onset, not overlapping; empty if unknown.
        form: phrases from bar 0 on, or None if unknown.
        title: title, may be empty.
        original: the file it was read from, or None.
    """

    parts: tuple[Part, ...] = ()
    tempi: tuple[Tempo, ...] = (Tempo(0, 120.0),)
    meters: tuple[Meter, ...] = (Meter(0, 4, 4),)
    keys: tuple[KeyRegion, ...] = ()
    chords: tuple[ChordSpan, ...] = ()
    form: Form | None = None
    title: str = ""
    original: Original | None = None

    def __post_init__(self) -> None:
        for name in ("parts", "tempi", "meters", "keys", "chords"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name in ("tempi", "meters"):
            events = getattr(self, name)
            ticks = [event.tick for event in events]
            if not ticks or ticks[0] != 0 or ticks != sorted(set(ticks)):
                raise ArgumentError(f"song {name} must start at tick 0 and rise, not {ticks[:6]}")
        region_ticks = [region.tick for region in self.keys]
        if region_ticks != sorted(set(region_ticks)):
            raise ArgumentError("song keys must rise in ticks")
        for before, after in zip(self.chords, self.chords[1:], strict=False):
            if before.end > after.onset:
                raise ArgumentError(f"chord {after.chord} at tick {after.onset} overlaps the one before it")
        if any(span.onset < 0 or span.duration < 1 for span in self.chords):
            raise ArgumentError("song chords must start at tick 0 or later and last at least one tick")

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Song:
        """Read a MIDI, MusicXML or ABC file; see `ritornello.score.reading.read`."""
        from ritornello.score.reading import read

        return read(path)

    def write(self, path: str | os.PathLike[str], force: bool = False) -> None:
        """Write a MIDI or MusicXML file; see `ritornello.score.writing.write`."""
        from ritornello.score.writing import write

        write(self, path, force)

    def replace(self, **changes: Any) -> Song:
        """Return the song with some attributes changed."""
        return dataclasses.replace(self, **changes)

    @cached_property
    def end(self) -> int:
        """The tick at which the last note or chord ends."""
        return max([part.end for part in self.parts] + [span.end for span in self.chords[-1:]], default=0)

    @cached_property
    def bar_lines(self) -> NDArray[np.int64]:
        """Ticks of the bar lines ``(bars + 1,)``, the last one closing the last bar; the form's bars are included."""
        lines = bar_ticks(self.meters, self.end)
        if self.form is not None and self.form.bars > len(lines) - 1:
            missing = np.arange(1, self.form.bars - len(lines) + 2)
            lines = np.concatenate([lines, lines[-1] + missing * self.meters[-1].bar_ticks])
        return lines

    @property
    def bars(self) -> int:
        """Number of bars."""
        return len(self.bar_lines) - 1

    def bars_at(self, ticks: ArrayLike) -> NDArray[np.int64]:
        """Return the bar, from 0, in which each tick lies; the last bar for what comes after it, the first before."""
        bars: NDArray[np.int64] = np.clip(
            np.searchsorted(self.bar_lines, ticks, side="right") - 1, 0, self.bars - 1
        ).astype(np.int64)
        return bars

    @property
    def duration_s(self) -> float:
        """Duration in seconds until the last note ends."""
        return float(ticks_to_seconds(self.tempi, self.end))

    def seconds(self, ticks: ArrayLike) -> NDArray[np.float64]:
        """Return the time in seconds of each tick."""
        return ticks_to_seconds(self.tempi, ticks)

    def part(self, role: Role) -> Part | None:
        """Return the first part with a role, or None."""
        return next((part for part in self.parts if part.role == role), None)

    def key_at(self, tick: int) -> Key | None:
        """Return the key at a tick (the first region also before its start), or None if keys are unknown."""
        current = self.keys[0].key if self.keys else None
        for region in self.keys:
            if region.tick <= tick:
                current = region.key
        return current

    def transpose(self, semitones: int) -> Song:
        """Return the song moved by semitones: notes, keys and chords alike."""
        return self.replace(
            parts=tuple(part.transpose(semitones) for part in self.parts),
            keys=tuple(KeyRegion(region.tick, region.key.transpose(semitones)) for region in self.keys),
            chords=tuple(ChordSpan(s.onset, s.duration, s.chord.transpose(semitones)) for s in self.chords),
            original=None,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Song):
            return NotImplemented
        names = [f.name for f in dataclasses.fields(self) if f.name != "original"]
        return all(getattr(self, name) == getattr(other, name) for name in names)

    __hash__ = None  # type: ignore[assignment]  # equal by content, and arrays do not hash

    def __repr__(self) -> str:
        notes = sum(len(part.notes) for part in self.parts)
        title = f"{self.title!r}, " if self.title else ""
        keys = ", ".join(str(region.key) for region in self.keys[:3]) or "key unknown"
        form = str(self.form) if self.form else "form unknown"
        return (
            f"Song({title}{self.bars} bars of {self.meters[0]}, {self.tempi[0].qpm:.4g} qpm, {len(self.parts)} parts, "
            f"{notes} notes, {len(self.chords)} chords, {keys}, {form})"
        )


def join_chords(spans: Iterable[ChordSpan]) -> tuple[ChordSpan, ...]:
    """Return the spans with equal neighbours that touch made one."""
    joined: list[ChordSpan] = []
    for span in spans:
        if joined and joined[-1].chord == span.chord and joined[-1].end == span.onset:
            joined[-1] = ChordSpan(joined[-1].onset, joined[-1].duration + span.duration, span.chord)
        else:
            joined.append(span)
    return tuple(joined)


def _check_range(part: str, column: str, values: NDArray[np.int32], low: int, high: int) -> None:
    if len(values) and (int(values.min()) < low or int(values.max()) > high):
        worst = int(values.min()) if int(values.min()) < low else int(values.max())
        raise ArgumentError(f"part '{part}': note {column} {worst} is out of range {low} to {high}")


def _same(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    return one == other
