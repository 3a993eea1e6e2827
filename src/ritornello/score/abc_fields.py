"""The fields of an ABC tune: metre, note length, tempo, key, voice.

Follows *The ABC music standard 2.1* (abcnotation.com, 2011), sections 3 and 4.6. Times are `WHOLE` units per whole
note, fine enough for tuplets of 3, 5, 7 and 9, so that sums stay whole numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ritornello.errors import ArgumentError
from ritornello.score.key import STEP_PITCH_CLASS, Key, parse_note_name
from ritornello.score.timeline import TICKS_PER_QUARTER, Meter

UNITS_PER_TICK = 2520
"""Time units per song tick."""

WHOLE = 4 * TICKS_PER_QUARTER * UNITS_PER_TICK
"""Time units per whole note."""

# Fifths to add to the major key on the same tonic, by the first three letters of the mode.
_MODE_FIFTHS = {
    "maj": 0, "ion": 0, "mix": -1, "dor": -2, "m": -3, "min": -3, "aeo": -3, "phr": -4, "loc": -5, "lyd": 1, "": 0,
}  # fmt: skip
_MAJOR_MODES = ("maj", "ion", "mix", "lyd", "")
_SHARP_ORDER = "FCGDAEB"

_KEY = re.compile(r"([A-G])([#b]?)\s*(maj|ion|mix|dor|min|aeo|phr|loc|lyd|m(?![a-z]))?[a-z]*", re.IGNORECASE)
_KEY_ACCIDENTAL = re.compile(r"(?<![\w=])([_^=]{1,2})([A-Ga-g])(?![\w=])")
_ATTRIBUTE = re.compile(r"([a-z]+)\s*=\s*(\"[^\"]*\"|\S+)", re.IGNORECASE)
_CLEF_OCTAVE = re.compile(r"(?:treble|alto|tenor|bass|clef\s*=\s*\S*?)([+^_-])8")
_FRACTION = re.compile(r"(\d{1,4})\s*/\s*(\d{1,4})")


@dataclass(frozen=True)
class KeyField:
    """A K: field.

    Attributes:
        key: the key with the tonic and the third of the mode; None for ``none`` and pipes.
        accidentals: alteration in semitones by note letter.
        shift: semitones by which what is written sounds higher; None if the field does not say.
    """

    key: Key | None
    accidentals: dict[str, int] = field(default_factory=dict)
    shift: int | None = None


def parse_meter(text: str) -> Meter | None:
    """Return the metre of an M: field at tick 0; None for ``none`` and for what no `Meter` can hold."""
    text = text.strip()
    if text in ("C", "c"):
        return Meter(0, 4, 4)
    if text in ("C|", "c|"):
        return Meter(0, 2, 2)
    match = re.fullmatch(r"\(?\s*([\d+ ]{1,40}?)\s*\)?\s*/\s*(\d{1,3})", text)
    if not match:
        return None
    numbers = [int(number) for number in re.findall(r"\d{1,3}", match[1])]
    try:
        return Meter(0, sum(numbers), int(match[2]))
    except ArgumentError:
        return None


def parse_length(text: str) -> int | None:
    """Return the note length of an L: field in units, or None if it is none."""
    match = _FRACTION.fullmatch(text.strip())
    if not match or not int(match[1]) or not int(match[2]):
        return WHOLE if text.strip() == "1" else None
    return int(match[1]) * WHOLE // int(match[2])


def default_length(meter: Meter | None) -> int:
    """Return the note length in units where no L: field stands: 1/16 in metres shorter than 3/4, else 1/8."""
    is_short = meter is not None and meter.numerator * 4 < meter.denominator * 3
    return WHOLE // (16 if is_short else 8)


def parse_tempo(text: str, unit: int) -> float | None:
    """Return the quarter notes a minute of a Q: field, between 2 and 1000, or None if it names none.

    Args:
        text: such as ``1/4=120``, ``"Allegro" 3/8=50``, ``1/4 3/8=40`` or, in old files, ``120`` and ``C3=40``.
        unit: the note length in units, which old files count in.
    """
    text = re.sub(r"\"[^\"]*\"", "", text).strip()
    beat, equals, rate = text.rpartition("=")
    match = re.fullmatch(r"\s*(\d{1,4}(?:\.\d{1,4})?)\s*", rate)
    if not match:
        return None
    lengths = [int(a) * WHOLE / int(b) for a, b in _FRACTION.findall(beat) if int(b)]
    old = re.fullmatch(r"\s*[A-Ca-c](\d{0,2})\s*", beat)
    beat_units = sum(lengths) if lengths else unit * int((old and old[1]) or 1)
    if equals and not lengths and not old:
        return None
    qpm = float(match[1]) * beat_units * 4 / WHOLE
    return min(max(qpm, 2.0), 1000.0) if qpm else None


def parse_key(text: str) -> KeyField:
    """Return what a K: field says; modes, global accidentals, clefs with octaves and ``transpose=`` included."""
    text = text.strip()[:200]
    shift = parse_shift(text)
    if text.startswith(("HP", "Hp")):  # the Highland pipes: F and C sharp, G natural
        return KeyField(None, {"F": 1, "C": 1}, shift)
    match = _KEY.match(text)
    alterations: dict[str, int] = {}
    key = None
    if match and not text.lower().startswith(("clef", "bass", "alto")):
        tonic = parse_note_name(match[1].upper() + match[2].lower())
        mode = (match[3] or "").lower()
        place = "FCGDAEB".index(match[1].upper()) - 1 + 7 * ((match[2] == "#") - (match[2] == "b"))
        fifths = place + _MODE_FIFTHS[mode]
        key = Key(tonic, "major" if mode in _MAJOR_MODES else "minor")
        for sharp in range(7):
            # A letter's alteration counts how often the signature passes it on the line of fifths.
            alterations[_SHARP_ORDER[sharp]] = (fifths + 6 - sharp) // 7
        if re.search(r"\bexp\b", text):
            alterations = {}
    for sign, letter in _KEY_ACCIDENTAL.findall(text):
        alterations[letter.upper()] = accidental(sign)
    return KeyField(key, alterations, shift)


def parse_shift(text: str) -> int | None:
    """Return the semitones that clef octaves, ``octave=`` and ``transpose=`` add up to, None if none is there."""
    shifts = [12 if sign in "+^" else -12 for sign in _CLEF_OCTAVE.findall(text)]
    for name, value in _ATTRIBUTE.findall(text):
        if name.lower() in ("transpose", "octave") and re.fullmatch(r"[+-]?\d{1,2}", value):
            shifts.append(int(value) * (12 if name.lower() == "octave" else 1))
    return sum(shifts) if shifts else None


def parse_voice(text: str) -> tuple[str, str, int | None]:
    """Return the id, the name (may be empty) and the shift in semitones of a V: field."""
    text = text.strip()[:400]
    identity = text.split(maxsplit=1)[0] if text else ""
    name = next((value for key, value in _ATTRIBUTE.findall(text) if key.lower() in ("name", "nm")), "")
    return identity, name.strip('"').strip(), parse_shift(text[len(identity) :])


def accidental(signs: str) -> int:
    """Return the semitones of ``^``, ``^^``, ``=``, ``_`` or ``__``."""
    return signs.count("^") - signs.count("_")


def natural_pitch(letter: str, octave_marks: str) -> int:
    """Return the MIDI pitch of a letter without accidental: ``C`` is 60, ``c`` 72; ``'`` and ``,`` move octaves."""
    octave = 5 + letter.islower() + octave_marks.count("'") - octave_marks.count(",")
    return 12 * octave + STEP_PITCH_CLASS[letter.upper()]
