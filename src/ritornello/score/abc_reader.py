"""ABC to Song: the first tune of a file, repeats and endings played out.

Follows *The ABC music standard 2.1* (abcnotation.com, 2011). `abc_fields` reads fields and `abc_music` music lines;
here the tune is found, voices are told apart, repeats unfold and bars become metres. Modes become the major or minor
key on the same tonic that shares their third. The order of parts (``P:``), D.C. and D.S. are not followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ReadError
from ritornello.score.abc_fields import (
    UNITS_PER_TICK,
    WHOLE,
    KeyField,
    default_length,
    parse_key,
    parse_length,
    parse_meter,
    parse_tempo,
    parse_voice,
)
from ritornello.score.abc_music import Bar, VoiceReader
from ritornello.score.chord import Chord
from ritornello.score.form import MAX_BARS
from ritornello.score.instruments import decode_text, role_from_name
from ritornello.score.midi_notes import MAX_NOTES
from ritornello.score.song import MAX_TICKS, ChordSpan, KeyRegion, Original, Part, Song, join_chords, make_notes
from ritornello.score.timeline import Meter, Tempo

MAX_TUNE_BYTES = 300_000
"""Longest tune that is read. Files may be longer: only their first tune is looked at."""

MAX_PASSES = 8
"""Most times that one repeat is played."""

MAX_VOICES = 64
"""Most voices of a tune."""

_COMMENT = re.compile(r"(?<!\\)%.*")
_FIELD = re.compile(r"([A-Za-z]):(?![|:])(.*)", re.DOTALL)
_TUNE_START = re.compile(rb"^(?:\xef\xbb\xbf)?X:[ \t]*\d", re.MULTILINE)
_TUNE_END = re.compile(rb"\n[ \t\r]*\n|\nX:[ \t]*\d")


def read_abc(data: bytes, name: str) -> Song:
    """Read the first tune of an ABC file.

    Args:
        data: the file's bytes, UTF-8 or an older encoding.
        name: its name, for errors and for `Song.original`.

    Returns:
        A song with one part per voice, the first with the role "melody".

    Raises:
        ReadError: if there is no tune with a key and music, or it is too long.
    """
    tune = _Tune(_first_tune(data, name), name)
    voices = [reader.finish() for reader in tune.voices.values()]
    if not any(voices):
        raise ReadError(f"{name}: no ABC music in it; a tune needs the fields X: and K: and then notes")
    played = _played(voices, name)
    lengths = _common_lengths(played)
    first, starts = played[0], _starts(lengths[0])
    if starts[-1] > MAX_TICKS:
        raise ReadError(f"{name}: longer than {MAX_BARS} bars; cut it into pieces")
    parts: list[Part] = []
    for index, identity in enumerate(tune.voices):
        part_name = tune.names.get(identity) or (f"Voice {identity}" if index else "Melody")
        notes = _notes(played[index], lengths[index], name)
        parts.append(Part(part_name, notes, role="melody" if index == 0 else role_from_name(part_name)))
    tempi = {0: tune.tempo} | {start: bar.tempo for start, bar in zip(starts, first, strict=False) if bar.tempo}
    song = Song(
        parts=tuple(part for part in parts if len(part.notes)),
        tempi=tuple(Tempo(tick, qpm) for tick, qpm in tempi.items()),
        meters=_meters(first, lengths[0]),
        keys=_keys(first, starts),
        chords=_chord_spans(played, lengths),
        title=tune.title,
        original=Original(name, data),
    )
    if song.bars > MAX_BARS:
        raise ReadError(f"{name}: has {song.bars} bars; at most {MAX_BARS} are read")
    return song


def _first_tune(data: bytes, name: str) -> str:
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    start = match.start() if (match := _TUNE_START.search(data)) else 0
    end = match.start() if (match := _TUNE_END.search(data, start + 1)) else len(data)
    if end - start > MAX_TUNE_BYTES:
        kilobytes, most = (end - start) // 1000, MAX_TUNE_BYTES // 1000
        raise ReadError(f"{name}: its first tune has {kilobytes} kB; at most {most} kB are read")
    return decode_text(data[start:end])


class _Tune:
    """The header and the voices of a tune."""

    def __init__(self, text: str, name: str) -> None:
        self.title = ""
        self.tempo = 120.0
        self.voices: dict[str, VoiceReader] = {}
        self.names: dict[str, str] = {}
        self._file = name
        self._shifts: dict[str, int] = {}
        self._header: dict[str, str] = {}
        self._key = KeyField(None)
        self._current = ""
        lines = iter(_logical_lines(text))
        for letter, content in lines:
            self._head(letter, content)
            if letter == "K":
                break
        for letter, content in lines:
            self._body(letter, content)

    def _head(self, letter: str, content: str) -> None:
        if letter == "V":
            self._declare_voice(content)
        elif letter == "T" and not self.title:
            self.title = content.strip()
        elif letter == "K":
            self._key = parse_key(content)
            unit = parse_length(self._header.get("L", "")) or default_length(parse_meter(self._header.get("M", "")))
            self.tempo = parse_tempo(self._header.get("Q", ""), unit) or self.tempo
        else:
            self._header[letter] = content

    def _body(self, letter: str, content: str) -> None:
        if letter == "V":
            self._current = self._declare_voice(content)
        elif letter:
            self._voice().set_field(letter, content)
        while not letter and content:
            change = self._voice().feed(content)
            content = ""
            if change:
                self._current, content = self._declare_voice(change[0]), change[1]

    def _declare_voice(self, content: str) -> str:
        identity, voice_name, shift = parse_voice(content)
        if voice_name:
            self.names[identity] = voice_name
        if shift is not None:
            self._shifts[identity] = shift
        return identity

    def _voice(self) -> VoiceReader:
        if self._current not in self.voices:
            if len(self.voices) == MAX_VOICES:
                raise ReadError(f"{self._file}: has more than {MAX_VOICES} voices")
            shift = self._shifts.get(self._current, self._key.shift or 0)
            meter, unit = parse_meter(self._header.get("M", "")), parse_length(self._header.get("L", ""))
            self.voices[self._current] = VoiceReader(self._file, meter, unit, self._key, shift)
        return self.voices[self._current]


def _logical_lines(text: str) -> Iterator[tuple[str, str]]:
    """Give (field letter, content) or ("", music) for each line, comments removed and continued lines joined."""
    music = ""
    for raw in text.splitlines():
        line = _COMMENT.sub("", raw).rstrip()
        field = _FIELD.match(line)
        if field:
            yield field[1], field[2]
        elif line.endswith("\\"):
            music += line[:-1] + " "
        elif line or music:
            yield "", music + line
            music = ""
    if music:
        yield "", music


def _played(voices: list[list[Bar]], name: str) -> list[list[Bar]]:
    # Repeats are often written in one voice only: voices with as many bars share the first order that has any.
    by_count: dict[int, list[int]] = {}
    for bars in voices:
        order = _order(bars, name)
        if len(bars) not in by_count or by_count[len(bars)] == list(range(len(bars))):
            by_count[len(bars)] = order
    return [[bars[index] for index in by_count[len(bars)]] for bars in voices]


def _order(bars: list[Bar], name: str) -> list[int]:
    """Return the indices of the bars as they are played."""
    order: list[int] = []
    start = index = 0
    number = 1  # the pass we are in
    while index < len(bars):
        bar = bars[index]
        if bar.starts_repeat and index != start:
            start, number = index, 1
        if bar.endings and number not in bar.endings:
            index += 1
            while index < len(bars) and not (bars[index].endings or bars[index - 1].closes):
                index += 1
            continue
        order.append(index)
        if len(order) > MAX_BARS:
            raise ReadError(f"{name}: its repeats make more than {MAX_BARS} bars")
        if bar.passes > 1:
            if number < min(max(bar.passes, _last_ending(bars, start)), MAX_PASSES):
                number += 1
                index = start
                continue
            if index + 1 == len(bars) or not bars[index + 1].endings:
                start, number = index + 1, 1
        index += 1
    return order


def _last_ending(bars: list[Bar], start: int) -> int:
    """Return the highest ending number between the start of a repeat and the next start; 0 without endings."""
    highest = 0
    for index in range(start, len(bars)):
        if index > start and bars[index].starts_repeat:
            break
        highest = max([highest, *bars[index].endings])
    return highest


def _common_lengths(played: list[list[Bar]]) -> list[list[int]]:
    own = [[bar.length for bar in bars] for bars in played]
    if len({len(lengths) for lengths in own}) == 1:
        common = [max(column) for column in zip(*own, strict=True)]
        return [common] * len(own)
    return own


def _starts(lengths: Sequence[int]) -> list[int]:
    """Return the start of each bar in ticks, and the end of the last."""
    return [_to_tick(units) for units in accumulate(lengths, initial=0)]


def _to_tick(units: int) -> int:
    return (2 * units + UNITS_PER_TICK) // (2 * UNITS_PER_TICK)


def _notes(bars: list[Bar], lengths: list[int], name: str) -> NDArray[np.void]:
    rows: list[list[int]] = []  # onset and end in units, pitch
    tied: dict[int, int] = {}  # the row whose tie waits, by pitch
    for start, bar in zip(accumulate(lengths, initial=0), bars, strict=False):
        for note in bar.notes:
            if note.pitch is None:
                continue
            onset, end = start + note.onset, start + note.onset + note.length
            row = tied.pop(note.pitch, None)
            if row is not None and rows[row][1] == onset:
                rows[row][1] = end
            else:
                row = len(rows)
                rows.append([onset, end, note.pitch])
            if note.is_tied:
                tied[note.pitch] = row
        if len(rows) > MAX_NOTES:
            raise ReadError(f"{name}: has more than {MAX_NOTES} notes; no song needs so many")
    onsets = [_to_tick(row[0]) for row in rows]
    durations = [max(_to_tick(row[1]) - onset, 1) for row, onset in zip(rows, onsets, strict=True)]
    return make_notes(onsets, durations, [row[2] for row in rows])


def _meters(bars: list[Bar], lengths: list[int]) -> tuple[Meter, ...]:
    """Metres from the bars as they are: a pickup and other short bars get their own, a short last bar does not."""
    meters: list[Meter] = []
    start = index = 0
    while index < len(bars):
        written, length = bars[index].meter, lengths[index]
        nominal = written.bar_ticks * UNITS_PER_TICK if written else 0
        if length < nominal and index + 1 < len(bars) and length + lengths[index + 1] == nominal:
            index += 1  # two halves of a bar around a repeat sign
            length = nominal
        index += 1
        is_short_end = index == len(bars) and length < nominal and bool(meters)
        meter = written if length == nominal or is_short_end else _meter_of_length(length, written)
        tick = _to_tick(start)
        if meter and not is_short_end:
            running = meters[-1] if meters else None
            same = running and (running.numerator, running.denominator) == (meter.numerator, meter.denominator)
            if not running or not same or (tick - running.tick) % running.bar_ticks:
                meters.append(Meter(tick, meter.numerator, meter.denominator))
        start += length
    if not meters or meters[0].tick:
        meters.insert(0, Meter(0, 4, 4))
    return tuple(meters)


def _meter_of_length(length: int, written: Meter | None) -> Meter | None:
    for denominator in ([written.denominator] if written else []) + [4, 8, 16]:
        beats, rest = divmod(length * denominator, WHOLE)
        if rest == 0 and 1 <= beats <= 64:
            return Meter(0, beats, denominator)
    return None


def _keys(bars: list[Bar], starts: list[int]) -> tuple[KeyRegion, ...]:
    regions: list[KeyRegion] = []
    for bar, start in zip(bars, starts, strict=False):
        if bar.key and (not regions or regions[-1].key != bar.key):
            regions.append(KeyRegion(start, bar.key))
    return tuple(regions)


def _chord_spans(played: list[list[Bar]], lengths: list[list[int]]) -> tuple[ChordSpan, ...]:
    """Chords of the first voice that has any; each lasts until the next symbol."""
    for bars, own_lengths in zip(played, lengths, strict=True):
        changes: dict[int, Chord | None] = {}
        for start, bar in zip(accumulate(own_lengths, initial=0), bars, strict=False):
            changes |= {_to_tick(start + position): chord for position, chord in sorted(bar.chords, key=itemgetter(0))}
        if any(changes.values()):
            ticks = [*changes, _to_tick(sum(own_lengths))]
            return join_chords(
                ChordSpan(tick, stop - tick, chord)
                for (tick, chord), stop in zip(changes.items(), ticks[1:], strict=True)
                if chord and stop > tick
            )
    return ()
