"""Chords: root, quality, bass; read from Harte and lead-sheet symbols, written as both.

Syntax: Harte, Sandler, Abdallah and Gomez, *Symbolic representation of musical chords* (ISMIR 2005), where
``B:min7/b7`` names root, shorthand and bass degree; and the lead-sheet form of the same chord, ``Bm7/A``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from ritornello.errors import ArgumentError
from ritornello.score.key import Key, note_name_at_fifths, parse_note_name

QUALITIES: dict[str, tuple[int, ...]] = {
    "maj": (0, 4, 7),
    "min": (0, 3, 7),
    "dim": (0, 3, 6),
    "aug": (0, 4, 8),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "5": (0, 7),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "min7": (0, 3, 7, 10),
    "minmaj7": (0, 3, 7, 11),
    "dim7": (0, 3, 6, 9),
    "hdim7": (0, 3, 6, 10),
    "aug7": (0, 4, 8, 10),
    "7sus4": (0, 5, 7, 10),
    "maj6": (0, 4, 7, 9),
    "min6": (0, 3, 7, 9),
    "9": (0, 2, 4, 7, 10),
    "maj9": (0, 2, 4, 7, 11),
    "min9": (0, 2, 3, 7, 10),
    "add9": (0, 2, 4, 7),
    "minadd9": (0, 2, 3, 7),
    "11": (0, 2, 4, 5, 7, 10),
    "min11": (0, 2, 3, 5, 7, 10),
    "13": (0, 2, 4, 7, 9, 10),
}
"""Chord qualities and their semitones above the root, ascending within the octave."""

SUFFIXES: dict[str, str] = {
    "maj": "", "min": "m", "dim": "dim", "aug": "aug", "sus2": "sus2", "sus4": "sus4", "5": "5",
    "7": "7", "maj7": "maj7", "min7": "m7", "minmaj7": "m(maj7)", "dim7": "dim7", "hdim7": "m7b5", "aug7": "aug7",
    "7sus4": "7sus4", "maj6": "6", "min6": "m6", "9": "9", "maj9": "maj9", "min9": "m9", "add9": "add9",
    "minadd9": "m(add9)", "11": "11", "min11": "m11", "13": "13",
}  # fmt: skip
"""Lead-sheet suffix of each quality."""

_SYNONYMS: dict[str, str] = {
    "M": "maj", "major": "maj", "Δ": "maj7", "M7": "maj7", "Maj7": "maj7", "j7": "maj7", "-": "min", "minor": "min",
    "-7": "min7", "mi7": "min7", "mmaj7": "minmaj7", "mM7": "minmaj7", "o": "dim", "°": "dim", "o7": "dim7",
    "°7": "dim7", "ø": "hdim7", "ø7": "hdim7", "m7-5": "hdim7", "min7b5": "hdim7", "m7(b5)": "hdim7", "+": "aug",
    "+7": "aug7", "7#5": "aug7", "aug(b7)": "aug7", "sus": "sus4", "7sus": "7sus4", "sus4(b7)": "7sus4",
    "sus4(b7,9)": "7sus4", "sus4(9)": "sus4", "maj(9)": "add9", "maj(2)/2": "add9", "maj(2)": "add9", "(9)": "add9",
    "add2": "add9", "2": "add9", "min(9)": "minadd9", "madd9": "minadd9", "maj6(9)": "maj6", "6/9": "maj6",
    "69": "maj6", "maj6(7)": "13", "maj9(13)": "maj9", "maj13": "maj9", "min7(11)": "min11", "min7(13)": "min7",
    "min13": "min11", "dom7": "7", "dominant": "7", "power": "5", "1": "5", "": "maj",
}  # fmt: skip
"""Other spellings; extensions that no quality of ours names are rounded to the nearest one that does."""

_DEGREE_SEMITONES = {1: 0, 2: 2, 3: 4, 4: 5, 5: 7, 6: 9, 7: 11, 9: 2, 10: 4, 11: 5, 12: 7, 13: 9}
_DEGREE_PATTERN = re.compile(r"^([#b]*)(\d{1,2})$")
_LETTER_STEPS = (0, 1, 1, 2, 2, 3, 4, 4, 4, 5, 6, 6)
"""How many letters a chord tone stands above the root, by semitones; 6 and 8 are the lowered and raised fifth."""
_ROOT_PATTERN = re.compile(r"^([A-G][#♯b♭]{0,2})(.*)$")


@dataclass(frozen=True, slots=True)
class Chord:
    """A chord.

    Attributes:
        root: pitch class of the root, 0..11 with C = 0.
        quality: one of `QUALITIES`.
        bass: pitch class of the lowest note; the root unless the chord is inverted or a slash chord.
    """

    root: int
    quality: str = "maj"
    bass: int = -1

    def __post_init__(self) -> None:
        if not 0 <= self.root <= 11:
            raise ArgumentError(f"chord root {self.root} is out of range; a pitch class is 0 to 11")
        if self.quality not in QUALITIES:
            raise ArgumentError(f"chord quality '{self.quality}' is unknown; it is one of {', '.join(QUALITIES)}")
        if self.bass == -1:
            object.__setattr__(self, "bass", self.root)
        if not 0 <= self.bass <= 11:
            raise ArgumentError(f"chord bass {self.bass} is out of range; a pitch class is 0 to 11")

    @classmethod
    def parse(cls, text: str) -> Chord:
        """Read ``"B:maj7/3"`` (Harte), ``"Bm7/A"``, ``"F#dim"``, ``"Gsus4"``; an unknown extension is rounded.

        Raises:
            ArgumentError: if the text is no chord. "N" and "N.C." (no chord) are no chord either.
        """
        return _parse(text)

    @property
    def intervals(self) -> tuple[int, ...]:
        """Semitones of the chord tones above the root, without the bass."""
        return QUALITIES[self.quality]

    @property
    def pitch_classes(self) -> frozenset[int]:
        """All sounding pitch classes, bass included."""
        return frozenset((self.root + step) % 12 for step in self.intervals) | {self.bass}

    @property
    def triad(self) -> str:
        """The triad under the chord: one of maj, min, dim, aug, sus2, sus4."""
        steps = set(self.intervals)
        if 4 in steps:
            return "aug" if 8 in steps else "maj"
        if 3 in steps:
            return "dim" if 6 in steps else "min"
        return "sus4" if 5 in steps else "sus2" if 2 in steps else "maj"

    def transpose(self, semitones: int) -> Chord:
        """Return the chord moved by a number of semitones."""
        return Chord((self.root + semitones) % 12, self.quality, (self.bass + semitones) % 12)

    def symbol(self, key: Key | None = None) -> str:
        """Return the lead-sheet symbol such as ``"Bbm7/Ab"``, spelled for a key (C major if none is given)."""
        text = self.root_name(key) + SUFFIXES[self.quality]
        return text if self.bass == self.root else f"{text}/{self.tone_name(self.bass, key)}"

    def root_name(self, key: Key | None = None) -> str:
        """Return the name of the root in a key (C major if none is given), as lead sheets write it.

        Borrowed major chords are flat (Ab and Eb in C major, where the notes alone would be G# and Eb), diminished
        chords sharp (G#dim leads to A). No name has two accidentals; those such as Fb are left to keys that own them.
        """
        key = key or Key(0)
        low = key.fifths + (-1 if self.triad == "dim" else -3 if self.triad == "min" else -4)
        place = low + (self.root * 7 - low) % 12
        name = note_name_at_fifths(place)
        foreign = self.root not in key.scale and self.triad != "dim"
        clumsy = len(name) > 2 or (foreign and name in ("Cb", "Fb", "E#", "B#"))
        return note_name_at_fifths(place + (12 if place < 0 else -12)) if clumsy else name

    def tone_name(self, pitch_class: int, key: Key | None = None) -> str:
        """Return the name of a note over the chord: a chord tone takes its degree's letter, others the key's name."""
        key, root = key or Key(0), self.root_name(key)
        interval = (pitch_class - self.root) % 12
        if interval in self.intervals:
            degree = 6 if interval == 9 and self.quality == "dim7" else _LETTER_STEPS[interval]
            letter = "CDEFGAB"[("CDEFGAB".index(root[0]) + degree) % 7]
            for accidental in ("", "b", "#"):
                if parse_note_name(letter + accidental) == pitch_class:
                    return letter + accidental
        return Chord(pitch_class).root_name(key)

    @property
    def harte(self) -> str:
        """The Harte label, such as ``"Bb:min7/Ab"`` with the bass as a note name."""
        label = f"{Key(0).spell(self.root)}:{self.quality}"
        return label if self.bass == self.root else f"{label}/{Key(0).spell(self.bass)}"

    def __str__(self) -> str:
        return self.symbol()


@cache
def _parse(text: str) -> Chord:
    match = _ROOT_PATTERN.match(text.strip())
    if not match:
        raise ArgumentError(f"'{text}' is no chord; write one such as C, F#m7, Bb/D or G:maj7/3")
    root = parse_note_name(match[1])
    rest = match[2].removeprefix(":")
    quality_text, _, bass_text = rest.partition("/")
    if rest == "6/9":
        quality_text, bass_text = "69", ""
    quality = _quality(quality_text)
    if quality is None:
        raise ArgumentError(f"'{text}': chord quality '{quality_text}' is unknown; use one of {', '.join(QUALITIES)}")
    return Chord(root, quality, _bass(text, bass_text, root))


def _quality(text: str) -> str | None:
    if text in QUALITIES:
        return text
    by_suffix = {suffix: quality for quality, suffix in SUFFIXES.items()}
    for candidate in (text, text.split("(")[0]):  # an extension in brackets that nobody names is left out
        for table in (_SYNONYMS, by_suffix):
            if candidate in table:
                return table[candidate]
        if candidate in QUALITIES:
            return candidate
    return None


def _bass(text: str, bass_text: str, root: int) -> int:
    if not bass_text:
        return root
    degree = _DEGREE_PATTERN.match(bass_text)
    if degree and int(degree[2]) in _DEGREE_SEMITONES:
        alteration = degree[1].count("#") - degree[1].count("b")
        return (root + _DEGREE_SEMITONES[int(degree[2])] + alteration) % 12
    try:
        return parse_note_name(bass_text)
    except ArgumentError:
        raise ArgumentError(f"'{text}': bass '{bass_text}' is neither a note nor a degree") from None
