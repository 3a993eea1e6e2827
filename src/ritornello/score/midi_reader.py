"""MIDI to Song: parts, controllers, tempi, metres, keys, and what our own writer adds (form, chords, roles).

A part is one instrument: the notes of one track on one channel under one program. Times are rounded to the grid of
12 ticks per quarter note, ends as well as onsets, so that notes that touch in the file touch in the song; the exact
times stay in `Song.original` and come back through `midi_performance.performance`.

Files that others wrote are tidied, by these rules:

- Metres: of several at one tick the last with more than one beat counts; those that `Meter` does not accept or that
  stand after the last note are left out; the rest is the business of `midi_meters`.
- Keys: C major as the only key is what sequencers write when nobody said anything; it is left out.

No rule touches notes. A file that carries our signature is taken at its word.
"""

from __future__ import annotations

import re
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError, ReadError
from ritornello.score import smf
from ritornello.score.chord import Chord
from ritornello.score.form import MAX_BARS, Form, Segment
from ritornello.score.instruments import GENERAL_MIDI_NAMES, decode_text, role_from_name
from ritornello.score.key import Key
from ritornello.score.midi_meters import tidy_meters
from ritornello.score.midi_notes import RawPart, raw_parts
from ritornello.score.song import (
    CONTROL_DTYPE,
    MAX_TICKS,
    ROLES,
    ChordSpan,
    KeyRegion,
    Original,
    Part,
    Role,
    Song,
    make_notes,
)
from ritornello.score.timeline import TICKS_PER_QUARTER, Meter, Tempo, bar_ticks

SIGNATURE = b"Ritornello"
"""Text event at the start of every file that we write; the reader then takes metres, keys and names as they are."""

NO_CHORD = "N.C."
"""Lyric event that ends a chord which no other follows at once."""

ROLE_PREFIX = b"role: "
"""Begins the text event in a part's track that states its role."""

LYRIC = 0x05

Ticks = TypeVar("Ticks", int, NDArray[np.int64])

_FORM_MARKER = re.compile(r"([A-Za-z])(\d{1,4})")


def read_midi(data: bytes, name: str) -> Song:
    """Read a MIDI file of format 0 or 1.

    Args:
        data: the file's bytes.
        name: its name, for errors and for `Song.original`.

    Returns:
        A song; parts without notes are left out, so it may have none.

    Raises:
        ReadError: if the file is damaged, truncated, of another kind, or longer than 10,000 bars.
    """
    file = smf.parse(data, name)
    raw = raw_parts(file, name)
    metas = _Metas(file)
    last_tick = max((to_grid(int(part.end.max()), file.ticks_per_quarter) for part in raw), default=0)
    if last_tick > MAX_TICKS:
        raise ReadError(
            f"{name}: lasts {last_tick // TICKS_PER_QUARTER} quarter notes; at most {MAX_BARS} bars are read"
        )
    tracks = [part.track for part in raw]
    parts = tuple(_part(part, file, tracks.count(part.track) > 1, metas.is_ours) for part in raw)
    song = Song(parts=parts, tempi=metas.tempi(), title=metas.title(raw), original=Original(name, data))
    chords = metas.chords()
    meters = metas.meters(max([song.end] + [span.end for span in chords]))
    song = song.replace(meters=meters, keys=metas.keys(), chords=chords)
    form = metas.form(song)
    if song.bars > MAX_BARS:
        raise ReadError(f"{name}: has {song.bars} bars; at most {MAX_BARS} are read")
    return song.replace(form=form) if form else song


def to_grid(ticks: Ticks, ticks_per_quarter: int) -> Ticks:
    """Return file ticks rounded to song ticks, halves up."""
    return (ticks * (2 * TICKS_PER_QUARTER) + ticks_per_quarter) // (2 * ticks_per_quarter)


def grid_notes(part: RawPart, ticks_per_quarter: int) -> NDArray[np.void]:
    """Return the notes of a part on the grid, in file order; each lasts at least a tick."""
    onset = to_grid(part.onset, ticks_per_quarter)
    duration = np.maximum(to_grid(part.end, ticks_per_quarter) - onset, 1)
    return make_notes(onset, duration, part.pitch, part.velocity)


def _part(part: RawPart, file: smf.MidiFile, shares_track: bool, is_ours: bool) -> Part:
    texts = file.tracks[part.track].texts
    names = texts(smf.TRACK_NAME)
    name = decode_text(names[0]).strip() if names else ""
    role: Role | None = None
    if is_ours:
        stated = next(
            (t[len(ROLE_PREFIX) :].decode("ascii", "replace") for t in texts(smf.TEXT) if t[:6] == ROLE_PREFIX), ""
        )
        role = next((role for role in ROLES if role == stated), None)
    else:
        instrument = "Drums" if part.is_drums else GENERAL_MIDI_NAMES[part.program]
        if file.format == 0 or not name:
            name = instrument
        elif shares_track:
            name = f"{name} ({instrument})"
        role = "drums" if part.is_drums else role_from_name(name)
    tick = to_grid(part.controls[0], file.ticks_per_quarter)
    kept = tick <= MAX_TICKS
    controls = np.zeros(int(kept.sum()), CONTROL_DTYPE)
    controls["tick"], controls["number"], controls["value"] = tick[kept], part.controls[1][kept], part.controls[2][kept]
    return Part(name, grid_notes(part, file.ticks_per_quarter), part.program, part.is_drums, role, controls)


class _Metas:
    """The meta events of all tracks, on the grid, and what they say about the song."""

    def __init__(self, file: smf.MidiFile) -> None:
        events = sorted((meta for track in file.tracks for meta in track.metas), key=lambda meta: meta.tick)
        self._events = [(to_grid(meta.tick, file.ticks_per_quarter), meta) for meta in events]
        self._file = file
        self.is_ours = bool(file.tracks) and SIGNATURE in file.tracks[0].texts(smf.TEXT)

    def _of(self, kind: int, size: int = 0) -> list[tuple[int, bytes]]:
        return [
            (tick, meta.data)
            for tick, meta in self._events
            if meta.kind == kind and len(meta.data) >= size and tick <= MAX_TICKS
        ]

    def title(self, parts: list[RawPart]) -> str:
        """The name of the first track, if that is no instrument's or the file has one track only."""
        if not self._file.tracks or (self._file.format == 1 and any(part.track == 0 for part in parts)):
            return ""
        names = self._file.tracks[0].texts(smf.TRACK_NAME)
        return decode_text(names[0]).strip() if names else ""

    def tempi(self) -> tuple[Tempo, ...]:
        by_tick = {0: 120.0}
        for tick, data in self._of(smf.SET_TEMPO, 3):
            if microseconds := int.from_bytes(data[:3], "big"):
                by_tick[tick] = tempo_from_microseconds(microseconds)
        return tuple(Tempo(tick, qpm) for tick, qpm in sorted(by_tick.items()))

    def meters(self, end: int) -> tuple[Meter, ...]:
        meters: dict[int, Meter] = {}
        for tick, data in self._of(smf.TIME_SIGNATURE, 2):
            if data[1] > 5 or (tick and tick >= end and not self.is_ours):
                continue
            try:
                meter = Meter(tick, data[0], 2 ** data[1])
            except ArgumentError:
                continue
            if self.is_ours or meter.numerator > 1 or tick not in meters:
                meters[tick] = meter
        in_order = [meters[tick] for tick in sorted(meters)]
        if not in_order or in_order[0].tick > 0:
            in_order.insert(0, Meter(0, 4, 4))
        return tuple(in_order if self.is_ours else tidy_meters(in_order))

    def keys(self) -> tuple[KeyRegion, ...]:
        by_tick: dict[int, Key] = {}
        for tick, data in self._of(smf.KEY_SIGNATURE, 2):
            fifths = data[0] - 256 if data[0] > 127 else data[0]
            if -7 <= fifths <= 7 and data[1] in (0, 1):
                by_tick[tick] = Key.from_fifths(fifths, "minor" if data[1] else "major")
        if not self.is_ours and set(by_tick.values()) == {Key(0)}:
            return ()
        return tuple(KeyRegion(tick, by_tick[tick]) for tick in sorted(by_tick))

    def chords(self) -> tuple[ChordSpan, ...]:
        spans: list[ChordSpan] = []
        onset, chord = 0, None
        for tick, data in self._of(LYRIC) if self.is_ours else []:
            text = decode_text(data)
            try:
                following = None if text == NO_CHORD else Chord.parse(text)
            except ArgumentError:
                continue  # somebody added words to sing
            if chord and tick > onset:
                spans.append(ChordSpan(onset, tick - onset, chord))
            onset, chord = tick, following
        return tuple(spans)

    def form(self, song: Song) -> Form | None:
        """The form of markers such as A8 on bar lines from bar 0 on; their distances count, and the last number."""
        markers: dict[int, tuple[str, int]] = {}
        for tick, data in self._of(smf.MARKER):
            if match := _FORM_MARKER.fullmatch(decode_text(data)):
                markers[tick] = match[1], int(match[2])
        ticks = np.array(list(markers), dtype=np.int64)
        if not len(ticks) or ticks[0] != 0:
            return None
        lines = bar_ticks(song.meters, max(song.end, int(ticks[-1]) + 1))
        bars = np.searchsorted(lines, ticks)
        if not np.array_equal(lines[bars], ticks):
            return None
        lengths = [*np.diff(bars).tolist(), markers[int(ticks[-1])][1]]
        try:
            return Form(tuple(Segment(m[0], bars) for m, bars in zip(markers.values(), lengths, strict=True)))
        except ArgumentError:
            return None


def tempo_from_microseconds(microseconds: int) -> float:
    """Return quarter notes per minute, as the shortest decimal that stands for these microseconds per quarter note.

    Tempi beyond the range of `Tempo` become its nearest end.
    """
    qpm = min(max(60e6 / microseconds, 2.0), 1000.0)
    return next(
        (short for digits in range(9) if microseconds_from_tempo(short := round(qpm, digits)) == microseconds), qpm
    )


def microseconds_from_tempo(qpm: float) -> int:
    """Return microseconds per quarter note as MIDI files hold them: a whole number of three bytes."""
    return min(round(60e6 / qpm), 0xFFFFFF)
