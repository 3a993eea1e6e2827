"""Queries: the bars of a song, or typed notes, that are looked for elsewhere.

Bars are counted as in a score: from 1, a pick-up is bar 0. `5-6` are two whole bars, `5.3-7.1` goes from the third beat
of bar 5 to the end of the first beat of bar 7.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError, UnsuitableSongError
from ritornello.motifs.lines import SKYLINE, IntArray, Line, lines_of_song, top_line
from ritornello.score import Meter, Part, Song, make_notes
from ritornello.score.spelling import parse_pitch
from ritornello.score.timeline import TICKS_PER_QUARTER, bar_ticks

FEWEST_NOTES, MOST_NOTES = 4, 64
"""Notes of a query's line. Fewer come back everywhere by chance; more are a section rather than a motif."""


@dataclass(frozen=True)
class BarGrid:
    """The bars of a song as a musician counts them.

    Attributes:
        meters: time signatures by tick.
        bars: number of bars.
    """

    meters: tuple[Meter, ...]
    bars: int

    @classmethod
    def of(cls, song: Song) -> BarGrid:
        """Return the grid of a song."""
        return cls(song.meters, song.bars)

    @property
    def lines(self) -> IntArray:
        """Ticks of the bar lines, the last one closing the last bar ``(bars + 1,)``."""
        last = self.meters[-1]
        return bar_ticks(self.meters, last.tick + self.bars * last.bar_ticks)[: self.bars + 1]

    @property
    def pickup(self) -> int:
        """1 if the first bar is a pick-up, shorter than the metre that follows it, else 0."""
        if len(self.meters) < 2:
            return 0
        first, second = self.meters[:2]
        return int(second.tick == first.bar_ticks and first.bar_ticks < second.bar_ticks)

    def meter_at(self, tick: int) -> Meter:
        """Return the time signature at a tick."""
        return [meter for meter in self.meters if meter.tick <= max(tick, 0)][-1]

    def place(self, tick: int) -> tuple[int, float]:
        """Return bar (a pick-up is 0, else from 1) and beat (from 1) of a tick."""
        lines = self.lines
        index = int(np.clip(np.searchsorted(lines, tick, side="right") - 1, 0, self.bars - 1))
        start = int(lines[index])
        beat = 1 + (tick - start) / self.meter_at(start).beat_ticks
        if self.pickup and index == 0:  # a pick-up ends with the last beat
            beat += (self.meters[1].bar_ticks - self.meters[0].bar_ticks) / self.meters[1].beat_ticks
        return index + 1 - self.pickup, round(beat, 3)

    def ticks(self, text: str) -> tuple[int, int]:
        """Return the ticks [start, stop) of bars such as ``"5"``, ``"5-6"`` or ``"5.3-7.1"``.

        Raises:
            ArgumentError: if the text is no range of bars, or they are not in the song.
        """
        match = re.fullmatch(r"\s*(\d{1,6})(?:\.(\d{1,3}))?(?:\s*-\s*(\d{1,6})(?:\.(\d{1,3}))?)?\s*", text)
        if not match:
            raise ArgumentError(f"bars '{text[:40]}' are not read; write 5, 5-6, or with beats 5.3-7.1")
        first, last = int(match[1]), int(match[3] or match[1])
        last_beat = match[4] if match[3] else match[2]
        lines, shift = self.lines, self.pickup - 1
        low, high = 1 - self.pickup, self.bars - self.pickup
        for bar in (first, last):
            if not low <= bar <= high:
                raise ArgumentError(f"bar {bar} is out of range; the song has bars {low} to {high}")
        start = int(lines[first + shift]) + self._beat_ticks(first, match[2])
        stop = int(lines[last + shift + 1])
        if last_beat:
            beat = self.meter_at(int(lines[last + shift])).beat_ticks
            stop = int(lines[last + shift]) + self._beat_ticks(last, last_beat) + beat
        if stop <= start:
            raise ArgumentError(f"bars '{text[:40]}' end before they start")
        return start, stop

    def _beat_ticks(self, bar: int, beat: str | None) -> int:
        start, stop = self.lines[bar + self.pickup - 1 : bar + self.pickup + 1]
        ticks = (int(beat or 1) - 1) * self.meter_at(int(start)).beat_ticks
        if not 0 <= ticks < stop - start:
            raise ArgumentError(f"beat {beat} of bar {bar} is out of range")
        return ticks


@dataclass(frozen=True, eq=False)
class Query:
    """What is looked for.

    Attributes:
        line: its tune, at most `MOST_NOTES` notes, in ticks of its song.
        notes: all notes of its part in the same bars, columns onset, duration, pitch: ``(3, n)``.
        source: name of the file, or "typed notes".
        digest: SHA-1 of the file, "" for typed notes: its own place is told apart from other ones.
        bars: the bars as they were asked for, "" for the whole.
    """

    line: Line
    notes: IntArray
    source: str = "typed notes"
    digest: str = ""
    bars: str = ""

    @property
    def is_chordal(self) -> bool:
        """Whether the query holds many more notes than its tune."""
        return bool(self.notes.shape[1] >= 1.5 * len(self.line))


def query_of_song(
    song: Song, bars: str | None = None, part: str | None = None, *, source: str = "", digest: str = ""
) -> Query:
    """Return the query that bars of a song are.

    Args:
        song: the song.
        bars: which bars, see `BarGrid.ticks`; all of them if not given.
        part: a role (melody, bass ...), a part's name, its number from 1, or "skyline"; if not given the melody where
            the file states one, else the highest notes of all parts.
        source: name of the song's file.
        digest: its SHA-1.

    Raises:
        ArgumentError: if the bars or the part are not in the song.
        UnsuitableSongError: if there are too few notes, or too many.
    """
    start, stop = BarGrid.of(song).ticks(bars) if bars is not None else (0, song.end + 1)
    line, notes = _line_of_part(song, part)
    cut = line.between(start, stop)
    where = f"bars {bars}" if bars is not None else "the file"
    name = source or song.title or "the song"
    if len(cut) < FEWEST_NOTES:
        held = "no notes" if not len(cut) else f"only {len(cut)} note{'s' if len(cut) > 1 else ''}"
        raise UnsuitableSongError(
            f"{name}: {where} of part '{line.name}' hold{'' if bars else 's'} {held}; "
            f"a query needs at least {FEWEST_NOTES} in its tune"
        )
    if len(cut) > MOST_NOTES:
        raise UnsuitableSongError(
            f"{name}: {where} of part '{line.name}' hold{'' if bars else 's'} {len(cut)} notes in its tune; a query "
            f"has at most {MOST_NOTES}, choose fewer bars"
        )
    inside = (notes["onset"] >= start) & (notes["onset"] < stop)
    columns = np.stack([notes[column][inside].astype(np.int64) for column in ("onset", "duration", "pitch")])
    return Query(cut, columns, name, digest, bars or "")


def typed_query(text: str) -> Query:
    """Return the query of typed notes: pitch and length in quarter notes, ``"G4:1 A4:.5 r:.5 B4"``; r is a rest.

    Raises:
        ArgumentError: if a word is no note, or there are too few or too many notes.
    """
    onset, duration, pitch = [], [], []
    at = 0.0
    for word in text.replace(",", " ").split():
        name, _, length_text = word.partition(":")
        try:
            length = float(length_text or 1) * TICKS_PER_QUARTER
            if not 0 < length <= 64 * TICKS_PER_QUARTER:
                raise ValueError
        except ValueError:
            raise ArgumentError(
                f"note '{word[:20]}' is not read; write pitch and quarter notes, as in G4:1.5"
            ) from None
        if name.lower() != "r":
            onset.append(round(at))
            duration.append(max(1, round(length)))
            pitch.append(parse_pitch(name))
        at += length
    if not FEWEST_NOTES <= len(onset) <= MOST_NOTES:
        raise ArgumentError(f"{len(onset)} notes are typed; a query has {FEWEST_NOTES} to {MOST_NOTES}")
    if min(np.diff(onset)) < 1:
        raise ArgumentError("typed notes must be at least a twelfth of a quarter note long")
    notes = make_notes(onset, duration, pitch)
    line = top_line(notes, "typed notes", 0)
    return Query(line, np.array([onset, duration, pitch], np.int64))


def _line_of_part(song: Song, wanted: str | None) -> tuple[Line, NDArray[np.void]]:
    pitched = [part for part in song.parts if not part.is_drums and len(part.notes)]
    if not pitched:
        raise UnsuitableSongError(f"{song.title or 'the song'}: has no notes with pitch")
    chosen = song.part("melody") if wanted is None else _part(song, pitched, wanted)
    if chosen is not None and len(chosen.notes):
        return top_line(chosen.notes, chosen.name or "part", song.parts.index(chosen)), chosen.notes
    every = np.concatenate([part.notes for part in pitched])
    every = every[np.lexsort((every["pitch"], every["onset"]))]
    return lines_of_song(song)[-1], every


def _part(song: Song, pitched: list[Part], wanted: str) -> Part | None:
    if wanted.lower() == SKYLINE:
        return None
    if wanted.lower() in ("melody", "bass", "bridge", "chords"):
        stated = next((part for part in pitched if part.role == wanted.lower()), None)
        return stated or _part_found(song, wanted.lower())
    same = [part for part in pitched if part.name.lower() == wanted.lower()]
    if len(same) == 1:
        return same[0]
    if wanted.isdecimal() and len(wanted) < 6 and 1 <= int(wanted) <= len(song.parts):
        part = song.parts[int(wanted) - 1]
        if part.is_drums or not len(part.notes):
            raise UnsuitableSongError(f"part {wanted} '{part.name}' has no notes with pitch; choose another --part")
        return part
    names = ", ".join(f"{number} '{part.name}'" for number, part in enumerate(song.parts, start=1) if part in pitched)
    problem = "stands for several parts" if same else "is no part of this song"
    raise ArgumentError(f"part '{wanted[:40]}' {problem}; give a role, a name or a number: {names}, or {SKYLINE}")


def _part_found(song: Song, role: str) -> Part | None:
    """Return the part that an analysis takes for a role; None where it finds none (the skyline serves)."""
    from ritornello.analysis.roles import with_roles

    named, _ = with_roles(song)
    for part, original in zip(named.parts, song.parts, strict=True):
        if part.role == role and len(part.notes) and not part.is_drums:
            return original
    if role == "melody":
        return None
    raise ArgumentError(f"part '{role}': this song has none; give a part's name or number")
