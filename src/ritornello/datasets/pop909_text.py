"""Readers for the text files of POP909's structure folder: melody, chords, keys, tempo and form labels.

Formats: Dai, Zhang and Dannenberg's public annotations (2020). Each function takes the text and a name for messages,
and raises `ReadError` with the line that does not fit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ritornello.errors import ArgumentError, ReadError
from ritornello.score import Chord, Form, Key

MAX_SIXTEENTHS = 160_000
"""Longest song that is read: 10,000 bars of 4/4."""

_CHORD_LINE = re.compile(r"^(?P<name>[^\[\]]+?)\s*\[(?P<tones>[^\[\]]*)\]\s*(?P<numbers>[\d\s]+)$")


@dataclass(frozen=True, slots=True)
class FileChord:
    """One line of ``finalized_chord.txt``.

    Attributes:
        name: the label as written, such as ``"B:maj7"``, or ``"N"``.
        tones: the pitch classes that the file lists; they can differ from the name.
        bass: pitch class of the bass, or None without a chord.
        beats: length in beats.
    """

    name: str
    tones: frozenset[int]
    bass: int | None
    beats: int

    @property
    def chord(self) -> Chord | None:
        """The chord: root and quality from the name, bass from the number; None for ``"N"``."""
        if self.name == "N":
            return None
        named = Chord.parse(self.name)
        return Chord(named.root, named.quality, named.root if self.bass is None else self.bass)


def parse_melody(text: str, name: str) -> list[tuple[int, int]]:
    """Return ``(MIDI pitch, duration in sixteenths)`` for each line of ``melody.txt``; pitch 0 is a rest."""
    notes: list[tuple[int, int]] = []
    total = 0
    for number, line in _lines(text):
        try:
            pitch, duration = (int(word) for word in line.split())
        except ValueError:
            raise ReadError(f"{name}, line {number}: '{line[:40]}' is not a MIDI pitch and a duration") from None
        if not 0 <= pitch <= 127 or duration < 1:
            raise ReadError(f"{name}, line {number}: '{line[:40]}': a pitch is 0 to 127 and a duration at least 1")
        notes.append((pitch, duration))
        total += duration
    if total > MAX_SIXTEENTHS:
        raise ReadError(f"{name}: {total} sixteenths are too long; at most {MAX_SIXTEENTHS} are read")
    if not notes:
        raise ReadError(f"{name}: no note in the file")
    return notes


def parse_chords(text: str, name: str) -> list[FileChord]:
    """Return the lines of ``finalized_chord.txt``.

    One number after the bracket is the length alone (``N []  7``); of three numbers the first two are bass and length.
    """
    chords: list[FileChord] = []
    for number, line in _lines(text):
        match = _CHORD_LINE.match(line)
        where = f"{name}, line {number}: '{line[:40]}'"
        if not match:
            raise ReadError(f"{where} is no chord line; one looks like 'B:maj [3, 6, 11] 11 2'")
        numbers = [int(word) for word in match["numbers"].split()]
        bass = numbers[0] if len(numbers) > 1 else None
        try:
            tones = frozenset(int(word) for word in match["tones"].split(",") if word.strip())
        except ValueError:
            raise ReadError(f"{where}: the tones in brackets are not whole numbers") from None
        label = "".join(character for character in match["name"] if character.isprintable() and character != " ")
        if label == "N":
            bass = None  # what stands there is no pitch class ("N [10] 18 2")
        chord = FileChord(label, tones, bass, numbers[min(1, len(numbers) - 1)])
        if not 1 <= chord.beats <= MAX_SIXTEENTHS // 4 or any(not 0 <= tone <= 11 for tone in (*tones, bass or 0)):
            raise ReadError(f"{where}: a chord lasts at least one beat and its tones are 0 to 11")
        try:
            _ = chord.chord
        except ArgumentError as error:
            raise ReadError(f"{where}: {error}") from None
        chords.append(chord)
    if not chords:
        raise ReadError(f"{name}: no chord in the file")
    if sum(chord.beats for chord in chords) > MAX_SIXTEENTHS // 4:
        raise ReadError(f"{name}: the chords are longer than the {MAX_SIXTEENTHS // 4} beats that are read")
    return chords


def parse_keys(text: str, name: str) -> tuple[Key, ...]:
    """Return the keys of ``analyzed_key.txt``, one a line."""
    keys: list[Key] = []
    for number, line in _lines(text):
        try:
            keys.append(Key.parse(line))
        except ArgumentError as error:
            raise ReadError(f"{name}, line {number}: {error}") from None
    if not keys:
        raise ReadError(f"{name}: no key in the file")
    return tuple(keys)


def parse_tempo(text: str, name: str) -> float:
    """Return the tempo of ``tempo.txt`` in quarter notes a minute."""
    try:
        tempo = float(text.strip())
    except ValueError:
        tempo = -1.0
    if not 2 <= tempo <= 1000:
        raise ReadError(f"{name}: '{text.strip()[:40]}' is no tempo; it is 2 to 1000 quarter notes a minute")
    return tempo


def parse_label(text: str, name: str) -> Form:
    """Return the form of a ``human_label`` file."""
    try:
        return Form.parse(text)
    except ArgumentError as error:
        raise ReadError(f"{name}: {error}") from None


def _lines(text: str) -> list[tuple[int, str]]:
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
