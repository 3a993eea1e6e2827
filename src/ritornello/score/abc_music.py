"""The music lines of an ABC tune: symbols to bars of notes, voice by voice.

Follows *The ABC music standard 2.1*, section 4. Grace notes, decorations, slurs, spacers, lyrics and annotations are
skipped. Accidentals hold to the end of the bar in all octaves, as section 11.3 has it unless told otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ritornello.errors import ArgumentError, ReadError
from ritornello.score.abc_fields import (
    UNITS_PER_TICK,
    WHOLE,
    KeyField,
    accidental,
    default_length,
    natural_pitch,
    parse_key,
    parse_length,
    parse_meter,
    parse_tempo,
)
from ritornello.score.chord import Chord
from ritornello.score.form import MAX_BARS
from ritornello.score.key import Key
from ritornello.score.timeline import Meter

_LENGTH = r"(\d*)(/*)(\d*)"
_NOTE = r"([_^=]{0,2})([A-Ga-g])([,']*)" + _LENGTH


def _plain(pattern: str) -> str:
    return pattern.replace("(", "(?:")


# Every open-ended piece is bounded or consumed whole, so that no text takes more than linear time.
_TOKEN = re.compile(
    rf"""
      "(?P<text>[^"]*)"?
    | (?P<skip>![^!|\[\]]{{1,40}}! | \+[a-zA-Z]{{2,20}}\+ | \{{[^}}]*\}}? | y\d*)
    | \[(?P<inline>[A-Za-z]:[^\]]{{0,200}})\]
    | (?P<bar>:*\[?\|+\]?:* | ::+)
    | \[?(?P<ending>\d+(?:[,-]\d+)*)
    | (?P<tuplet>\(\d(?::\d?){{0,2}})
    | \[(?P<chord>[^\]\[|]*)\](?P<chord_length>{_plain(_LENGTH)})
    | (?P<note>{_plain(_NOTE)})
    | (?P<rest>[zx]{_plain(_LENGTH)})
    | (?P<bar_rests>[ZX]\d*)
    | (?P<broken>[<>]+)
    | (?P<tie>-)
    | (?P<overlay>&)
    """,
    re.VERBOSE,
)
_CHORD_NOTE = re.compile(_NOTE + "(-?)")
_LENGTH_PARTS = re.compile(_LENGTH)
_ENDING_RANGE = re.compile(r"(\d{1,2})(?:-(\d{1,2}))?")
_TUPLET_TIMES = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}


@dataclass(slots=True)
class Note:
    """A note or rest of a bar: its start in the bar and length in units, pitch (None: rest), whether a tie follows."""

    onset: int
    length: int
    pitch: int | None
    is_tied: bool = False


@dataclass
class Bar:
    """What stands between two bar lines.

    Attributes:
        notes: notes in order.
        length: units.
        chords: (start in units, chord) pairs; None ends a chord.
        meter: the metre in force, at tick 0; None in free metre.
        key: the key in force at the start.
        tempo: the tempo that starts with this bar in quarter notes a minute, if one does.
        starts_repeat: whether it begins with ``|:``.
        passes: how often what ends here is played: 2 at ``:|``, else 1.
        endings: the passes in which the ending that starts here is played; empty if none starts.
        closes: whether it ends at a double bar or repeat, which closes an ending.
    """

    notes: list[Note] = field(default_factory=list)
    length: int = 0
    chords: list[tuple[int, Chord | None]] = field(default_factory=list)
    meter: Meter | None = None
    key: Key | None = None
    tempo: float | None = None
    starts_repeat: bool = False
    passes: int = 1
    endings: tuple[int, ...] = ()
    closes: bool = False


class VoiceReader:
    """Reads the lines of one voice into bars."""

    def __init__(self, name: str, meter: Meter | None, unit: int | None, key: KeyField, shift: int) -> None:
        self.bars: list[Bar] = []
        self._file = name
        self._meter = meter
        self._unit = unit or default_length(meter)
        self._key = key
        self._shift = shift
        self._bar = Bar(meter=meter, key=key.key)
        self._position = 0
        self._length_before = 0  # of the bar, before the last group
        self._bar_accidentals: dict[str, int] = {}
        self._tied: dict[tuple[str, str], int] = {}
        self._group: list[tuple[Note, tuple[str, str]]] = []
        self._tuplet = (0, 1, 1)  # notes left, numerator, denominator of their lengths
        self._broken = (1, 1)
        self._at_bar_line = False  # whether the last line of music ended with a bar line
        self._tempo: float | None = None

    def set_field(self, letter: str, text: str) -> None:
        """Take over a K, M, L or Q field; others are ignored."""
        is_empty = not self._bar.length
        if letter == "K":
            self._key = parse_key(text)
            self._shift = self._shift if self._key.shift is None else self._key.shift
            self._bar.key = self._key.key if is_empty else self._bar.key
        elif letter == "M":
            self._meter = parse_meter(text)
            self._bar.meter = self._meter if is_empty else self._bar.meter
        elif letter == "L":
            self._unit = parse_length(text) or self._unit
        elif letter == "Q" and (tempo := parse_tempo(text, self._unit)):
            if is_empty:
                self._bar.tempo = tempo
            else:
                self._tempo = tempo

    def feed(self, line: str) -> list[str]:
        """Read a line of music up to the first change of voice.

        Returns:
            Empty, or the id in ``[V:id]`` and the rest of the line, for another voice.

        Raises:
            ReadError: if a note is out of MIDI's range or a number out of any.
        """
        bar_end = 0 if self._at_bar_line else -1  # where the bar line before this token ends
        for match in _TOKEN.finditer(line):
            kind, text = match.lastgroup or "", match[match.lastgroup or 0]
            if kind == "inline":
                if text[0] == "V":
                    return [text[2:], line[match.end() :]]
                self.set_field(text[0], text[2:])
            elif kind == "bar":
                self._bar_line(text)
            elif kind == "ending":
                if match[0][0] == "[" or (bar_end >= 0 and not line[bar_end : match.start()].strip()):
                    self._ending(text)
            elif kind == "text":
                self._chord_symbol(text)
            elif kind == "note":
                self._notes([text], 1, 1)
            elif kind == "chord_length":
                self._notes(_chord_notes(match["chord"]), *self._fraction(text))
            elif kind == "rest":
                self._rest(*self._fraction(text[1:]))
            elif kind == "bar_rests":
                self._bar_rests(int(text[1:6] or 1))
            elif kind == "tuplet":
                self._start_tuplet(text)
            elif kind == "broken":
                self._break_rhythm(text)
            elif kind == "tie":
                self._tie(self._group)
            elif kind == "overlay":
                self._position = 0
                self._group = []
            bar_end = match.end() if kind == "bar" else -1
        self._at_bar_line = bar_end >= 0
        return []

    def finish(self) -> list[Bar]:
        """Return all bars, the last one closed."""
        self._push(Bar())
        return self.bars

    def _push(self, following: Bar) -> None:
        if self._bar.length:
            self.bars.append(self._bar)
            if len(self.bars) > MAX_BARS:
                raise ReadError(f"{self._file}: has more than {MAX_BARS} bars, which is the most that is read")
        else:  # nothing in it: what was announced for it belongs to the next one
            following.starts_repeat |= self._bar.starts_repeat
            following.endings = following.endings or self._bar.endings
            following.chords = self._bar.chords
            following.tempo = self._bar.tempo
        following.tempo = self._tempo or following.tempo
        following.meter, following.key = self._meter, self._key.key
        self._tempo = None
        self._bar = following
        self._position = 0
        self._group = []

    def _bar_line(self, text: str) -> None:
        before, after = len(text) - len(text.lstrip(":")), len(text) - len(text.rstrip(":"))
        if "|" not in text:
            before = after = 1
        self._bar.closes = bool(before) or "||" in text or "]" in text
        self._bar.passes = 1 + before
        if not self._bar.length and self.bars:
            self.bars[-1].closes |= self._bar.closes
            self.bars[-1].passes = max(self.bars[-1].passes, self._bar.passes)
        if not self._bar.length:
            self._bar.passes, self._bar.closes = 1, False
        self._push(Bar(starts_repeat=after > 0))
        self._bar_accidentals = {}

    def _ending(self, text: str) -> None:
        passes: set[int] = set()
        for first, last in _ENDING_RANGE.findall(text):
            passes.update(range(int(first), int(last or first) + 1))
        if self._bar.length:
            self._push(Bar())
        self._bar.endings = tuple(sorted(passes))

    def _chord_symbol(self, text: str) -> None:
        text = text.strip()
        if text[:1] in "^_<>@":
            return
        try:
            chord = None if text.upper() in ("N.C.", "NC", "N", "N.C") else Chord.parse(text[:20])
        except ArgumentError:
            return
        self._bar.chords.append((self._position, chord))

    def _notes(self, texts: list[str], numerator: int, denominator: int) -> None:
        if not texts:
            return
        parts = [match for text in texts if (match := _CHORD_NOTE.fullmatch(text))]
        factor_n, factor_d = self._factor()
        group: list[tuple[Note, tuple[str, str]]] = []
        for match in parts:
            own_n, own_d = self._fraction("".join(match.group(4, 5, 6)))
            units = self._unit * own_n * numerator * factor_n // (own_d * denominator * factor_d)
            note = Note(self._position, units, self._pitch(match[1], match[2], match[3]))
            group.append((note, (match[2], match[3])))
        self._tied = {}
        self._tie([entry for entry, match in zip(group, parts, strict=True) if match[7]])
        self._append(group, group[0][0].length)

    def _rest(self, numerator: int, denominator: int) -> None:
        factor_n, factor_d = self._factor()
        units = self._unit * numerator * factor_n // (denominator * factor_d)
        self._append([(Note(self._position, units, None), ("", ""))], units)

    def _append(self, group: list[tuple[Note, tuple[str, str]]], length: int) -> None:
        self._bar.notes += [note for note, _ in group if note.length > 0]
        self._group = group
        self._length_before = self._bar.length
        self._position += length
        self._bar.length = max(self._bar.length, self._position)

    def _bar_rests(self, count: int) -> None:
        for index in range(count):
            if index:
                self._push(Bar())
            self._bar.length += WHOLE if self._meter is None else self._meter.bar_ticks * UNITS_PER_TICK

    def _tie(self, group: list[tuple[Note, tuple[str, str]]]) -> None:
        for note, written in group:
            if note.pitch is not None:
                note.is_tied = True
                self._tied[written] = note.pitch

    def _factor(self) -> tuple[int, int]:
        left, numerator, denominator = self._tuplet
        self._tuplet = (left - 1, numerator, denominator) if left > 1 else (0, 1, 1)
        broken_n, broken_d = self._broken
        self._broken = (1, 1)
        return numerator * broken_n, denominator * broken_d

    def _start_tuplet(self, text: str) -> None:
        numbers = [int(part) if part else 0 for part in text[1:].split(":")] + [0, 0]
        notes, times, count = numbers[0], numbers[1], numbers[2]
        is_compound = self._meter is not None and self._meter.is_compound
        times = times or _TUPLET_TIMES.get(notes, 3 if is_compound else 2)
        if notes:
            self._tuplet = (count or notes, times, notes)

    def _break_rhythm(self, text: str) -> None:
        if not self._group:
            return
        short = 2 ** min(len(text), 3)
        ours, following = (
            ((2 * short - 1, short), (1, short)) if text[0] == ">" else ((1, short), (2 * short - 1, short))
        )
        before = self._group[0][0].length
        for note, _ in self._group:
            note.length = note.length * ours[0] // ours[1]
        self._position += self._group[0][0].length - before
        ends = [note.onset + note.length for note, _ in self._group]
        self._bar.length = max([self._length_before, self._position, *ends])
        self._broken = following

    def _pitch(self, signs: str, letter: str, octave_marks: str) -> int:
        if signs:
            self._bar_accidentals[letter.upper()] = accidental(signs)
        elif (letter, octave_marks) in self._tied:
            return self._tied[letter, octave_marks]
        alteration = self._bar_accidentals.get(letter.upper(), self._key.accidentals.get(letter.upper(), 0))
        pitch = natural_pitch(letter, octave_marks) + alteration + self._shift
        if not 0 <= pitch <= 127:
            raise ReadError(
                f"{self._file}: note '{letter}{octave_marks[:12]}' is out of the range of MIDI (C,,,,, to g)"
            )
        return pitch

    def _fraction(self, text: str) -> tuple[int, int]:
        match = _LENGTH_PARTS.fullmatch(text)
        digits, slashes, divisor = match.groups() if match else ("", "", "")
        if len(digits) > 4 or len(divisor) > 4 or len(slashes) > 10:
            raise ReadError(f"{self._file}: note length '{text[:12]}' is beyond any music")
        numerator = int(digits) if digits else 1
        denominator = (int(divisor) if divisor else 2 ** len(slashes)) if slashes else 1
        return numerator, max(denominator, 1)


def _chord_notes(text: str) -> list[str]:
    return [match[0] for match in _CHORD_NOTE.finditer(re.sub(r'"[^"]*"|![^!]*!', "", text))]
