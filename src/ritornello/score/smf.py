"""Standard MIDI Files as events: bytes in, event columns out, and back.

Follows *Standard MIDI Files 1.0* (MIDI Manufacturers Association, 1996). We read the events ourselves because songs
need what note-only libraries drop: text events, channels, programs set in another track, and the exact order of
events; and because a damaged file then ends in a sentence about it. A whole song takes a few milliseconds: one pass
packs each event into 64 bits, everything after that is numpy.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ReadError

MAX_EVENTS = 1_000_000
"""Most channel events that are read from one file: ten times a long orchestral score."""

MAX_METAS = 200_000
"""Most other events (tempi, texts, system-exclusive messages) that are read from one file."""

MAX_TRACKS = 1000
"""Most tracks, and most chunks of any kind, of a file."""

TEXT, TRACK_NAME, MARKER, PORT, END_OF_TRACK = 0x01, 0x03, 0x06, 0x21, 0x2F
SET_TEMPO, TIME_SIGNATURE, KEY_SIGNATURE = 0x51, 0x58, 0x59

NOTE_OFF, NOTE_ON, CONTROL_CHANGE, PROGRAM_CHANGE, BEND = 0x80, 0x90, 0xB0, 0xC0, 0xE0


@dataclass(frozen=True, slots=True)
class Meta:
    """A meta event: its time in file ticks, its kind (`TEXT`, `SET_TEMPO`, …) and its bytes."""

    tick: int
    kind: int
    data: bytes


@dataclass(frozen=True)
class Track:
    """One track chunk.

    Attributes:
        tick: ``(n,)`` int64, time of each channel event in file ticks, rising.
        status: ``(n,)`` int64, status byte: kind in the upper four bits, channel 0..15 in the lower four.
        data1: ``(n,)`` int64, first data byte, 0..127.
        data2: ``(n,)`` int64, second data byte, 0..127; 0 where the event has one only.
        metas: the meta events in order.
        end: time of the last event, in file ticks.
    """

    tick: NDArray[np.int64]
    status: NDArray[np.int64]
    data1: NDArray[np.int64]
    data2: NDArray[np.int64]
    metas: tuple[Meta, ...]
    end: int

    def texts(self, kind: int) -> list[bytes]:
        """Return the bytes of all meta events of one kind."""
        return [meta.data for meta in self.metas if meta.kind == kind]


@dataclass(frozen=True)
class MidiFile:
    """A parsed file: format 0 or 1, ticks per quarter note, tracks."""

    format: int
    ticks_per_quarter: int
    tracks: tuple[Track, ...]


def is_midi(data: bytes) -> bool:
    """Whether the bytes begin like a MIDI file, bare or in a RIFF wrapper."""
    return data[:4] == b"MThd" or (data[:4] == b"RIFF" and data[8:12] == b"RMID")


def parse(data: bytes, name: str) -> MidiFile:
    """Read the events of a MIDI file.

    Args:
        data: the file, bare or wrapped as RIFF RMID.
        name: what to call it in errors.

    Raises:
        ReadError: if it is no MIDI file, damaged, truncated, timed in film frames (SMPTE), of format 2, or has
            more than `MAX_EVENTS`, `MAX_METAS` or `MAX_TRACKS`.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        data = _unwrap_riff(data, name)
    if data[:4] != b"MThd":
        raise ReadError(f"{name}: not a MIDI file (it does not begin with MThd)")
    if len(data) < 14 or (header_bytes := int.from_bytes(data[4:8], "big")) < 6 or len(data) < 8 + header_bytes:
        raise ReadError(f"{name}: the MIDI header is cut short")
    file_format, declared, division = (int.from_bytes(data[i : i + 2], "big") for i in (8, 10, 12))
    if file_format not in (0, 1):
        raise ReadError(f"{name}: MIDI format {file_format} is not supported; save it as format 0 or 1")
    if division & 0x8000:
        raise ReadError(
            f"{name}: timed in film frames (SMPTE), so it has no beats; save it with ticks per quarter note"
        )
    if division == 0:
        raise ReadError(f"{name}: damaged: the MIDI header gives 0 ticks per quarter note")
    tracks: list[Track] = []
    if declared > MAX_TRACKS:
        raise ReadError(f"{name}: has {declared} tracks; at most {MAX_TRACKS} are read")
    events = metas = chunks = 0
    position = 8 + header_bytes
    while len(data) - position >= 8 and len(tracks) < declared and chunks < MAX_TRACKS:
        size = int.from_bytes(data[position + 4 : position + 8], "big")
        is_track = data[position : position + 4] == b"MTrk"
        position += 8
        chunks += 1
        if is_track:
            if size > len(data) - position:
                raise ReadError(
                    f"{name}: truncated: track {len(tracks) + 1} needs {size} bytes, {len(data) - position} are left"
                )
            room = (MAX_EVENTS - events, MAX_METAS - metas)
            track = _parse_track(data[position : position + size], f"{name}: track {len(tracks) + 1}", room)
            events += len(track.tick)
            metas += len(track.metas)
            tracks.append(track)
        position += size
    if len(tracks) < declared:
        raise ReadError(f"{name}: truncated: {declared} tracks are announced, {len(tracks)} are there")
    return MidiFile(file_format, division, tuple(tracks))


def _unwrap_riff(data: bytes, name: str) -> bytes:
    position = 12
    for _ in range(MAX_TRACKS):
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        if data[position : position + 4] == b"data":
            return data[position + 8 : position + 8 + size]
        position += 8 + size + size % 2
    raise ReadError(f"{name}: a RIFF file without MIDI data in it")


def _parse_track(data: bytes, where: str, room: tuple[int, int]) -> Track:
    # The loop packs tick << 24 | status << 16 | data1 << 8 | data2. Bytes 0x80 and above where data belong are found
    # afterwards, all at once.
    packed: array[int] = array("Q")
    metas: list[Meta] = []
    append = packed.append
    event_room, meta_room = room
    size = len(data)
    tick = status = position = others = 0
    try:
        while position < size:
            byte = data[position]
            position += 1
            if byte < 0x80:
                tick += byte
            else:
                delta, position = _read_varlen(data, position - 1)
                tick += delta
            byte = data[position]
            if byte >= 0x80:
                position += 1
                if byte >= 0xF0:
                    kind = 0
                    if byte == 0xFF:
                        kind = data[position]
                        position += 1
                    elif byte not in (0xF0, 0xF7):
                        raise ReadError(f"{where} is damaged: status byte 0x{byte:02X} at byte {position - 1}")
                    length, position = _read_varlen(data, position)
                    if position + length > size:
                        raise IndexError
                    if byte == 0xFF:
                        if kind == END_OF_TRACK:
                            break
                        metas.append(Meta(tick, kind, data[position : position + length]))
                    position += length
                    others += 1
                    if others > meta_room:
                        raise ReadError(f"{where} has too many texts and tempi; at most {MAX_METAS} are read")
                    continue
                status = byte
            elif not status:
                raise ReadError(f"{where} is damaged: data without a status byte at byte {position}")
            if 0xC0 <= status < 0xE0:
                append(tick << 24 | status << 16 | data[position] << 8)
                position += 1
            else:
                append(tick << 24 | status << 16 | data[position] << 8 | data[position + 1])
                position += 2
            if len(packed) > event_room:
                raise ReadError(f"{where} has too many events; at most {MAX_EVENTS} are read")
    except IndexError:
        raise ReadError(f"{where} is truncated: an event runs past its end") from None
    except OverflowError:
        raise ReadError(f"{where} is damaged: its times are beyond any song") from None
    except _LongNumberError:
        raise ReadError(f"{where} is damaged: a number longer than four bytes") from None
    columns = np.frombuffer(packed, dtype=np.uint64).astype(np.int64)
    data1, data2 = columns >> 8 & 0xFF, columns & 0xFF
    if bool(((data1 | data2) & 0x80).any()):
        raise ReadError(f"{where} is damaged: a status byte where a value belongs")
    return Track(columns >> 24, columns >> 16 & 0xFF, data1, data2, tuple(metas), tick)


class _LongNumberError(Exception):
    pass


def _read_varlen(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for _ in range(4):
        byte = data[position]
        position += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, position
    raise _LongNumberError


def file_bytes(tracks: Iterable[bytes], ticks_per_quarter: int) -> bytes:
    """Return a format 1 file made of track chunks."""
    chunks = list(tracks)
    header = b"MThd" + (6).to_bytes(4, "big")
    header += b"".join(value.to_bytes(2, "big") for value in (1, len(chunks), ticks_per_quarter))
    return header + b"".join(chunks)


def track_bytes(events: Iterable[tuple[int, bytes]], end: int = 0) -> bytes:
    """Return a track chunk.

    Args:
        events: (tick, event without its delta time), ticks rising.
        end: the tick of the end-of-track event, if that is after the last event.
    """
    body = bytearray()
    now = 0
    for tick, event in events:
        body += varlen(tick - now) + event
        now = tick
    body += varlen(max(end - now, 0)) + meta_bytes(END_OF_TRACK, b"")
    return b"MTrk" + len(body).to_bytes(4, "big") + bytes(body)


def meta_bytes(kind: int, data: bytes) -> bytes:
    """Return a meta event without its delta time."""
    return bytes((0xFF, kind)) + varlen(len(data)) + data


def varlen(value: int) -> bytes:
    """Return a number (0..2^28 - 1) in seven-bit groups, highest first."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))
