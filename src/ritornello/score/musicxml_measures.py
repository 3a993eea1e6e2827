"""One part of a MusicXML file, measure by measure: notes, harmonies, keys, tempi, marks and repeat signs.

MusicXML 4.0, element ``measure``. Times are exact fractions of a quarter note from the start of the measure, as
written: repeats are unfolded later (`musicxml_repeats`) and ticks are made by `musicxml_reader`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from xml.etree.ElementTree import Element

from ritornello.errors import ReadError
from ritornello.score.chord import Chord
from ritornello.score.key import STEP_PITCH_CLASS, Key
from ritornello.score.musicxml_harmony import read_harmony
from ritornello.score.musicxml_staff import DEFAULT_VELOCITY, DRUM_PLACES, FORTE_VELOCITY

MAX_MEASURE_QUARTERS = 1024
"""Longest measure that is read, in quarter notes."""

_MODES = {"major": 0, "ionian": 0, "dorian": 2, "phrygian": 4, "lydian": 5, "mixolydian": 7, "minor": 9, "aeolian": 9,
          "locrian": 11}  # fmt: skip
_MINOR_MODES = ("minor", "aeolian", "dorian", "phrygian", "locrian")
_BEAT_QUARTERS = {"breve": 8.0, "whole": 4.0, "half": 2.0, "quarter": 1.0, "eighth": 0.5, "16th": 0.25}
_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?$")
_SNARE = 38


@dataclass(frozen=True, slots=True)
class ReadNote:
    """A note as written: one piece of a tie, in a voice of a staff."""

    start: Fraction
    duration: Fraction
    pitch: int
    velocity: int
    voice: str
    ties_back: bool
    ties_on: bool
    is_unpitched: bool


@dataclass
class ReadMeasure:
    """What one part's measure holds; times in quarter notes from its start."""

    length: Fraction = Fraction(0)
    notes: list[ReadNote] = field(default_factory=list)
    time: tuple[int, int] | None = None
    keys: list[tuple[Fraction, Key]] = field(default_factory=list)
    harmonies: list[tuple[Fraction, Chord | None]] = field(default_factory=list)
    tempi: list[tuple[Fraction, float]] = field(default_factory=list)
    marks: list[tuple[Fraction, str]] = field(default_factory=list)
    signs: set[str] = field(default_factory=set)
    """Any of forward, backward, segno, coda, tocoda, fine, dacapo, dalsegno, ending-stop."""
    times: int = 2
    ending: tuple[int, ...] = ()
    """Numbers of an ending that starts in this measure."""
    ending_stop: tuple[int, ...] = ()
    """Numbers of an ending that stops in this measure."""


class PartReader:
    """Reads the measures of one part in order, keeping what lasts from one to the next."""

    def __init__(self, name: str, drum_pitches: dict[str, int]) -> None:
        self.name = name
        self.drum_pitches = drum_pitches
        self.divisions = Fraction(1)
        self.durations: dict[str, Fraction] = {}  # by text, under these divisions
        self.semitones = 0
        self.velocity = DEFAULT_VELOCITY

    def read(self, elements: Iterable[Element], number: str) -> ReadMeasure:
        """Read one measure.

        Raises:
            ReadError: for pitches, durations or divisions that are no music.
        """
        self.number = number
        self.measure = ReadMeasure()
        self.position = self.chord_start = Fraction(0)
        for element in elements:
            tag = element.tag
            if tag == "note":
                self._note(element)
            elif tag == "backup":
                self.position = max(self.position - self._duration(element), Fraction(0))
            elif tag == "forward":
                self._advance(self._duration(element))
            elif tag == "attributes":
                self._attributes(element)
            elif tag == "harmony":
                position = self._offset(element)
                chord = read_harmony(element)
                self.measure.harmonies.append((position, chord.transpose(self.semitones) if chord else None))
            elif tag == "direction":
                self._direction(element)
            elif tag == "sound":
                self._sound(element, self._offset(element))
            elif tag == "barline":
                self._barline(element)
        return self.measure

    def _number(self, element: Element, tag: str, default: str = "0") -> Fraction:
        return self._fraction(element.findtext(tag) or default, tag)

    def _fraction(self, text: str, tag: str) -> Fraction:
        number = _fraction(text)
        if number is None:
            raise ReadError(f"{self.name}: measure {self.number}: {tag} '{text[:20]}' is no number that can be read")
        return number

    def _duration(self, element: Element) -> Fraction:
        text = element.findtext("duration") or "0"
        known = self.durations.get(text)
        if known is not None:
            return known
        duration = self._fraction(text, "duration") / self.divisions
        if not 0 <= duration <= MAX_MEASURE_QUARTERS:
            raise ReadError(
                f"{self.name}: measure {self.number}: a duration of {float(duration):g} quarter notes; "
                f"at most {MAX_MEASURE_QUARTERS} are read"
            )
        self.durations[text] = duration
        return duration

    def _advance(self, duration: Fraction) -> None:
        self.position += duration
        self.measure.length = max(self.measure.length, self.position)
        if self.measure.length > MAX_MEASURE_QUARTERS:
            raise ReadError(f"{self.name}: measure {self.number} is longer than {MAX_MEASURE_QUARTERS} quarter notes")

    def _offset(self, element: Element) -> Fraction:
        return max(self.position + self._number(element, "offset") / self.divisions, Fraction(0))

    def _note(self, element: Element) -> None:
        children = {child.tag: child for child in element}
        if "grace" in children:
            return
        duration = self._duration(element)
        if "chord" not in children:
            self.chord_start = self.position
            self._advance(duration)
        if "rest" in children or "cue" in children or duration == 0:
            return
        if "pitch" in children:
            pitch = self._pitch(children["pitch"])
        elif "unpitched" in children:
            pitch = self._drum(children["unpitched"], children.get("instrument"))
        else:
            return
        ties: set[str | None] = set()
        if "tie" in children or "notations" in children:
            ties = {tie.get("type") for tag in ("tie", "notations/tied") for tie in element.findall(tag)}
        staff, voice = children.get("staff"), children.get("voice")
        place = f"{staff.text if staff is not None else 1}/{voice.text if voice is not None else 1}"
        self.measure.notes.append(
            ReadNote(
                self.chord_start, duration, pitch, self._velocity(element), place, "stop" in ties, "start" in ties,
                "unpitched" in children,
            )
        )  # fmt: skip

    def _drum(self, unpitched: Element, instrument: Element | None) -> int:
        identity = instrument.get("id", "") if instrument is not None else ""
        place = (unpitched.findtext("display-step") or "C") + (unpitched.findtext("display-octave") or "5")
        return self.drum_pitches.get(identity, _DRUMS_BY_PLACE.get(place, _SNARE))

    def _pitch(self, written: Element) -> int:
        step = (written.findtext("step") or "").strip()
        if step not in STEP_PITCH_CLASS:
            raise ReadError(f"{self.name}: measure {self.number}: pitch step '{step[:10]}' is not a letter A to G")
        octave, alter = self._number(written, "octave"), self._number(written, "alter")
        pitch = 12 * (round(octave) + 1) + STEP_PITCH_CLASS[step] + round(alter) + self.semitones
        if not 0 <= pitch <= 127:
            raise ReadError(f"{self.name}: measure {self.number}: a pitch lies outside MIDI's range C-1 to G9")
        return pitch

    def _velocity(self, element: Element) -> int:
        text = element.get("dynamics", "").strip()
        if not _NUMBER.match(text):
            return self.velocity
        return min(max(round(float(text) * FORTE_VELOCITY / 100), 1), 127)

    def _attributes(self, element: Element) -> None:
        if element.find("divisions") is not None:
            divisions = self._number(element, "divisions")
            if not 0 < divisions <= 1_000_000:
                raise ReadError(f"{self.name}: measure {self.number}: divisions {divisions} are not 1 to 1,000,000")
            self.divisions = divisions
            self.durations = {}
        transpose = element.find("transpose")
        if transpose is not None:
            octaves = self._number(transpose, "octave-change")
            self.semitones = round(self._number(transpose, "chromatic")) + 12 * round(octaves)
        key = element.find("key")
        if key is not None and key.find("fifths") is not None:
            self.measure.keys.append((self.position, self._key(key)))
        time = element.find("time")
        if time is not None and time.find("beats") is not None and self.position == 0:
            self.measure.time = self._time(time)

    def _key(self, element: Element) -> Key:
        fifths = round(self._number(element, "fifths"))
        mode = (element.findtext("mode") or "major").strip().lower()
        tonic = (fifths * 7 + _MODES.get(mode, 0) + self.semitones) % 12
        return Key(tonic, "minor" if mode in _MINOR_MODES else "major")

    def _time(self, element: Element) -> tuple[int, int]:
        # Composite metres add up over the finest beat: 3+2/8, or 2/4 + 3/8.
        total = Fraction(0)
        finest = 1
        for beats, beat_type in zip(element.findall("beats"), element.findall("beat-type"), strict=False):
            counts = [part.strip() for part in (beats.text or "").split("+")]
            unit = (beat_type.text or "").strip()
            if not all(count.isdecimal() and len(count) <= 3 for count in [*counts, unit]) or int(unit) == 0:
                raise ReadError(f"{self.name}: measure {self.number}: time signature {beats.text}/{unit} is not known")
            finest = max(finest, int(unit))
            total += Fraction(sum(map(int, counts)), int(unit))
        count = total * finest
        return (int(count) if count.denominator == 1 else 0), finest

    def _direction(self, element: Element) -> None:
        position = self._offset(element)
        sounds = element.findall("sound")
        for kind in element.findall("direction-type"):
            for item in kind:
                text = " ".join((item.text or "").split())
                if item.tag == "rehearsal" and text:
                    self.measure.marks.append((position, text))
                elif item.tag in ("segno", "coda") and not sounds:
                    self.measure.signs.add(item.tag)
                elif item.tag == "words" and not sounds:
                    self._words(text.lower())
                elif item.tag == "metronome" and not any(sound.get("tempo") for sound in sounds):
                    self._metronome(item, position)
        for sound in sounds:
            self._sound(sound, position)

    def _words(self, text: str) -> None:
        for pattern, sign in (
            (r"\bd\. ?c\.|\bda capo\b", "dacapo"), (r"\bd\. ?s\.|\bdal segno\b", "dalsegno"),
            (r"^fine$", "fine"), (r"^to coda\b", "tocoda"),
        ):  # fmt: skip
            if re.search(pattern, text):
                self.measure.signs.add(sign)

    def _metronome(self, element: Element, position: Fraction) -> None:
        beat = _BEAT_QUARTERS.get((element.findtext("beat-unit") or "").strip())
        number = re.search(r"\d{1,4}(\.\d{1,6})?", element.findtext("per-minute") or "")
        if beat is not None and number:
            dotted = 1.5 if element.find("beat-unit-dot") is not None else 1.0
            self._tempo(float(number[0]) * beat * dotted, position)

    def _tempo(self, qpm: float, position: Fraction) -> None:
        if 2 <= qpm <= 1000:
            self.measure.tempi.append((position, qpm))

    def _sound(self, element: Element, position: Fraction) -> None:
        tempo = element.get("tempo", "").strip()
        if re.fullmatch(r"\d{1,4}(\.\d{1,20})?", tempo):
            self._tempo(float(tempo), position)
        dynamics = element.get("dynamics", "").strip()
        if _NUMBER.match(dynamics):
            self.velocity = min(max(round(float(dynamics) * FORTE_VELOCITY / 100), 1), 127)
        for sign in ("segno", "coda", "tocoda", "fine", "dacapo", "dalsegno"):
            if element.get(sign):
                self.measure.signs.add(sign)

    def _barline(self, element: Element) -> None:
        repeat = element.find("repeat")
        if repeat is not None and repeat.get("direction") in ("forward", "backward"):
            self.measure.signs.add(repeat.get("direction", ""))
            times = repeat.get("times", "2")
            self.measure.times = max(int(times), 1) if times.isdecimal() and len(times) <= 4 else 2
        ending = element.find("ending")
        if ending is None:
            return
        numbers = tuple(sorted({int(number) for number in re.findall(r"[0-9]{1,2}", ending.get("number", ""))[:32]}))
        if ending.get("type") == "start":
            self.measure.ending = numbers
        else:
            self.measure.signs.add("ending-stop")
            self.measure.ending_stop = numbers


@lru_cache(maxsize=4096)
def _fraction(text: str) -> Fraction | None:
    text = text.strip()
    return Fraction(text) if _NUMBER.match(text) else None


_DRUMS_BY_PLACE = {place: pitch for pitch, place in reversed(DRUM_PLACES.items())}
