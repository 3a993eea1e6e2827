"""Song to MIDI: format 1, one named track per part, the same bytes for the same song.

The first track holds the title, tempi, metres and keys; a marker per segment of the form (``A8``), which DAWs show on
the time line; and a lyric event per chord symbol (``Am7/G``), which DAWs, score editors and karaoke players show, with
``N.C.`` where a chord ends and none follows. Each part's track begins with its name and a text event with its role.
Drums are on channel 10. After fifteen pitched parts (or one of drums) the next ones go to the next MIDI port, as
sequencers do it. `midi_reader` reads all of that back: a song survives unchanged if

- none of its notes begins and ends inside another note of the same part and pitch (MIDI cannot say which note-off
  belongs to which note-on; the two ends are then swapped);
- its tempi are between 3.6 and 1000 quarter notes a minute with two decimals or fewer, or were read from MIDI;
- every part has notes, and names and title neither begin nor end with a space.

We write the bytes ourselves: note libraries drop text events, ports or the order of events (`smf`).
"""

from __future__ import annotations

import numpy as np

from ritornello.score import smf
from ritornello.score.chord import Chord
from ritornello.score.midi_notes import DRUM_CHANNEL
from ritornello.score.midi_reader import LYRIC, NO_CHORD, ROLE_PREFIX, SIGNATURE, microseconds_from_tempo
from ritornello.score.song import PITCH_BEND, Part, Song
from ritornello.score.timeline import TICKS_PER_QUARTER

WRITTEN_TICKS_PER_QUARTER = 480
"""Resolution of the files: what DAWs expect, and a whole multiple of a song's ticks."""

_SCALE = WRITTEN_TICKS_PER_QUARTER // TICKS_PER_QUARTER
_PITCHED_CHANNELS = tuple(channel for channel in range(16) if channel != DRUM_CHANNEL)
_BANK_SELECT = (0, 32)


def midi_bytes(song: Song) -> bytes:
    """Return the song as a MIDI file; see the module for where everything goes."""
    end = int(song.bar_lines[-1])
    tracks = [_conductor_track(song, end)]
    pitched = drums = 0
    for part in song.parts:
        if part.is_drums:
            port, channel = drums, DRUM_CHANNEL
            drums += 1
        else:
            port, channel = pitched // len(_PITCHED_CHANNELS), _PITCHED_CHANNELS[pitched % len(_PITCHED_CHANNELS)]
            pitched += 1
        tracks.append(_part_track(part, port % 128, channel, end))
    return smf.file_bytes(tracks, WRITTEN_TICKS_PER_QUARTER)


def _conductor_track(song: Song, end: int) -> bytes:
    events: list[tuple[int, bytes]] = [(0, smf.meta_bytes(smf.TEXT, SIGNATURE))]
    if song.title:
        events.append((0, smf.meta_bytes(smf.TRACK_NAME, _encode(song.title))))
    for meter in song.meters:
        power = meter.denominator.bit_length() - 1
        clocks = min(meter.beat_ticks * 24 // TICKS_PER_QUARTER, 255)  # MIDI clocks per beat, 24 a quarter note
        events.append((meter.tick, smf.meta_bytes(smf.TIME_SIGNATURE, bytes((meter.numerator, power, clocks, 8)))))
    for region in song.keys:
        data = bytes((region.key.fifths % 256, int(region.key.mode == "minor")))
        events.append((region.tick, smf.meta_bytes(smf.KEY_SIGNATURE, data)))
    for tempo in song.tempi:
        data = microseconds_from_tempo(tempo.qpm).to_bytes(3, "big")
        events.append((tempo.tick, smf.meta_bytes(smf.SET_TEMPO, data)))
    if song.form:
        for start, segment in zip(song.form.starts, song.form, strict=True):
            events.append((int(song.bar_lines[start]), smf.meta_bytes(smf.MARKER, str(segment).encode())))
    for index, span in enumerate(song.chords):
        symbol = span.chord.symbol(song.key_at(span.onset))
        events.append((span.onset, smf.meta_bytes(LYRIC, _checked(symbol, span.chord).encode())))
        if index + 1 == len(song.chords) or song.chords[index + 1].onset > span.end:
            events.append((span.end, smf.meta_bytes(LYRIC, NO_CHORD.encode())))
    events.sort(key=lambda event: event[0])
    return smf.track_bytes([(tick * _SCALE, event) for tick, event in events], end * _SCALE)


def _checked(symbol: str, chord: Chord) -> str:
    # A symbol that would not be read back as the same chord gives way to the unambiguous Harte label.
    return symbol if Chord.parse(symbol) == chord else chord.harte


def _part_track(part: Part, port: int, channel: int, end: int) -> bytes:
    head = [smf.meta_bytes(smf.TRACK_NAME, _encode(part.name))]
    if part.role:
        head.append(smf.meta_bytes(smf.TEXT, ROLE_PREFIX + part.role.encode()))
    if port:
        head.append(smf.meta_bytes(smf.PORT, bytes((port,))))
    # At one tick: controllers up to bank select, program (which takes the bank then), controllers, note-offs, note-ons.
    events: list[tuple[int, int, bytes]] = [(0, 0, event) for event in head]
    events.append((0, 2, bytes((smf.PROGRAM_CHANGE | channel, part.program))))
    banks = np.flatnonzero(np.isin(part.controls["number"], _BANK_SELECT) & (part.controls["tick"] == 0))
    last_bank = int(banks[-1]) if len(banks) else -1
    for index, (tick, number, value) in enumerate(part.controls.tolist()):
        if number == PITCH_BEND:
            bend = value + 8192
            event = bytes((smf.BEND | channel, bend & 0x7F, bend >> 7))
        else:
            event = bytes((smf.CONTROL_CHANGE | channel, number, value))
        events.append((tick, 1 if index <= last_bank else 3, event))
    ends = part.notes["onset"] + part.notes["duration"]
    for onset, _, pitch, velocity in part.notes.tolist():
        events.append((onset, 5, bytes((smf.NOTE_ON | channel, pitch, velocity))))
    for tick, pitch in sorted(zip(ends.tolist(), part.notes["pitch"].tolist(), strict=True)):
        events.append((tick, 4, bytes((smf.NOTE_OFF | channel, pitch, 0))))
    events.sort(key=lambda event: event[:2])
    return smf.track_bytes([(tick * _SCALE, event) for tick, _, event in events], end * _SCALE)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", errors="replace")
