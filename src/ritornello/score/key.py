"""Keys: a tonic and a mode, parsed from and written as the usual names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ritornello.errors import ArgumentError

Mode = Literal["major", "minor"]

STEP_PITCH_CLASS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
"""Pitch class of each natural note name."""

MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
"""Semitones of the major scale above its tonic."""

MINOR_SCALE = (0, 2, 3, 5, 7, 8, 10)
"""Semitones of the natural minor scale above its tonic."""

_FIFTHS_ORDER = "FCGDAEB"
_KEY_PATTERN = re.compile(
    r"^\s*([A-Ga-g])([#♯b♭]{0,2})\s*:?\s*(major|maj|minor|min|m|M|)\s*$",
)


def parse_note_name(name: str) -> int:
    """Return the pitch class (0..11, C = 0) of a note name such as ``"F#"``, ``"Bb"`` or ``"e♭"``.

    Raises:
        ArgumentError: if the text is no note name.
    """
    step, accidentals = name[:1].upper(), name[1:].replace("♯", "#").replace("♭", "b")
    if step not in STEP_PITCH_CLASS or set(accidentals) - {"#", "b"}:
        raise ArgumentError(f"'{name}' is no note name; write a letter A to G with # or b, such as F# or Bb")
    return (STEP_PITCH_CLASS[step] + accidentals.count("#") - accidentals.count("b")) % 12


def note_name_at_fifths(fifths: int) -> str:
    """Return the note name at a place on the line of fifths (F = -1, C = 0, G = 1, F# = 6, Bb = -2)."""
    step = _FIFTHS_ORDER[(fifths + 1) % 7]
    alteration = (fifths + 1) // 7
    return step + ("#" * alteration if alteration > 0 else "b" * -alteration)


@dataclass(frozen=True, slots=True)
class Key:
    """A major or minor key.

    Attributes:
        tonic: pitch class of the tonic, 0..11 with C = 0.
        mode: ``"major"`` or ``"minor"``.
    """

    tonic: int
    mode: Mode = "major"

    def __post_init__(self) -> None:
        if not 0 <= self.tonic <= 11:
            raise ArgumentError(f"key tonic {self.tonic} is out of range; a pitch class is 0 to 11")
        if self.mode not in ("major", "minor"):
            raise ArgumentError(f"key mode '{self.mode}' is unknown; it is 'major' or 'minor'")

    @classmethod
    def parse(cls, text: str) -> Key:
        """Read a key: ``"G"``, ``"Em"``, ``"e minor"``, ``"Gb:maj"``, ``"F# minor"``; a lone small letter is minor.

        Raises:
            ArgumentError: if the text is no key.
        """
        match = _KEY_PATTERN.match(text)
        if not match:
            raise ArgumentError(f"'{text}' is no key; write one such as G, Em, 'F# minor' or Gb:maj")
        step, accidentals, mode = match.groups()
        minor = mode in ("m", "min", "minor") or (mode == "" and step.islower())
        return cls(parse_note_name(step.upper() + accidentals), "minor" if minor else "major")

    @classmethod
    def from_fifths(cls, fifths: int, mode: Mode = "major") -> Key:
        """Return the key with a signature of ``fifths`` sharps (flats where negative), -7..7."""
        tonic = fifths * 7 % 12
        return cls(tonic if mode == "major" else (tonic + 9) % 12, mode)

    @property
    def fifths(self) -> int:
        """The key signature: sharps (positive) or flats (negative), -6..5.

        Of the two signatures with six accidentals the flats are taken (G flat major, E flat minor), as pop lead
        sheets do.
        """
        major_tonic = self.tonic if self.mode == "major" else (self.tonic + 3) % 12
        fifths = major_tonic * 7 % 12
        return fifths - 12 if fifths >= 6 else fifths

    @property
    def scale(self) -> tuple[int, ...]:
        """Pitch classes of the scale (natural minor for minor keys), from the tonic up."""
        steps = MAJOR_SCALE if self.mode == "major" else MINOR_SCALE
        return tuple((self.tonic + step) % 12 for step in steps)

    @property
    def scale_with_leading_tone(self) -> frozenset[int]:
        """Pitch classes of the scale and, in minor, the raised seventh degree of the dominant chord."""
        return frozenset(self.scale) | {(self.tonic + 11) % 12}

    def transpose(self, semitones: int) -> Key:
        """Return the key moved by a number of semitones."""
        return Key((self.tonic + semitones) % 12, self.mode)

    def spell(self, pitch_class: int) -> str:
        """Return the note name of a pitch class as this key spells it, such as ``"Bb"`` in F major.

        Scale notes take their own name; others the nearest place on the line of fifths, so that raised degrees
        (leading tones, secondary dominants) are sharps and lowered ones flats. In minor the raised sixth and seventh
        degrees count as scale notes.
        """
        centre = self.fifths
        low = centre - 3 if self.mode == "major" else centre - 2
        place = low + (pitch_class * 7 - low) % 12
        return note_name_at_fifths(place)

    @property
    def name(self) -> str:
        """The usual name, such as ``"Bb major"``."""
        return f"{self.spell(self.tonic)} {self.mode}"

    def __str__(self) -> str:
        return self.name
