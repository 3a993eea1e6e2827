"""Accompaniments from chords alone: a few patterns for piano, guitar, bass and drums, in any metre.

Our design. A pattern is written once for bars of four and of three beats; other bars are put together from these. Every
bar is a function of its own chords and its place in the form and of nothing else, so a changed chord changes no bar but
its own. Voices still lead well, because a pitch class always sounds in the same octave: common tones stay where they
are and the others move to a neighbour.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.arrange.plan import ChordFinder, Note
from ritornello.errors import ArgumentError
from ritornello.score import Chord, ChordSpan, Form, Meter, Part, make_notes
from ritornello.score.song import CONTROL_DTYPE

VOICING_LOW = 54
"""Lowest pitch of a voicing (F#3); all its tones lie within the octave above."""

BASS_LOW = 31
"""Lowest pitch of a bass note that is a chord's bass (G1); all lie within the octave above."""

MOST_VOICES = 4
"""A chord of more tones loses its fifth, then its root, which the bass has."""

ALL = -1
"""The whole voicing at once."""

UPPER = -2
"""All of the voicing but its lowest tone."""

KICK, RIM, SNARE, HAT, CRASH = 36, 37, 38, 42, 49
"""General MIDI percussion."""

PEDAL = 64
"""The controller of the sustaining pedal."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One stroke of a pattern.

    Attributes:
        beat: where it falls, in beats; a half is the off-beat, which lilts in compound metres.
        length: how long it sounds, in beats.
        what: in chords the number of a voice from below (it goes on an octave higher above the top), `ALL` or `UPPER`;
            in the bass the chord degree 1, 5 or 8; in drums a General MIDI percussion key.
        velocity: 1..127.
    """

    beat: float
    length: float
    what: int
    velocity: int


Pattern = tuple[Hit, ...]

Stroke = tuple[int, int, int, int]
"""A hit in its bar: ticks into the bar, length in ticks, what, velocity."""


@dataclass(frozen=True)
class Style:
    """An accompaniment.

    Attributes:
        name: what `--style` calls it.
        about: one line for a person.
        program: General MIDI program of the chords.
        bass_program: the bass's.
        chords: patterns of a bar of four and of three beats.
        bass: likewise.
        drums: likewise; empty for none.
        pedal: whether the sustaining pedal is changed with the chords.
    """

    name: str
    about: str
    program: int
    bass_program: int
    chords: tuple[Pattern, Pattern]
    bass: tuple[Pattern, Pattern]
    drums: tuple[Pattern, Pattern] = ((), ())
    pedal: bool = False


def _arpeggio(voices: Sequence[int], velocity: int) -> Pattern:
    """Eighths over the given voices; those on a beat are a little louder."""
    return tuple(Hit(i / 2, 1.0, voice, velocity - 6 * (i % 2)) for i, voice in enumerate(voices))


def _pulse(beats: int, length: float, what: int, velocity: int) -> Pattern:
    """Eighths on one thing; beats are louder than off-beats, the first louder still."""
    return tuple(
        Hit(i / 2, length, what, velocity + (4 if i == 0 else 0 if i % 2 == 0 else -12)) for i in range(2 * beats)
    )


def _kit(beats: int, kicks: Sequence[float], snares: Sequence[float]) -> Pattern:
    struck = [Hit(beat, 0.5, KICK, 88) for beat in kicks] + [Hit(beat, 0.5, SNARE, 84) for beat in snares]
    return (*struck, *_pulse(beats, 0.5, HAT, 58))


STYLES: dict[str, Style] = {
    style.name: style
    for style in (
        Style(
            "block", "held piano chords and their bass notes", 0, 32,
            ((Hit(0, 4, ALL, 62),), (Hit(0, 3, ALL, 62),)),
            ((Hit(0, 4, 1, 72),), (Hit(0, 3, 1, 72),)),
        ),
        Style(
            "ballad", "piano arpeggios in eighths with pedal", 0, 32,
            (_arpeggio((0, 1, 2, 1, 3, 2, 1, 2), 60), _arpeggio((0, 1, 2, 3, 2, 1), 60)),
            ((Hit(0, 3, 1, 72), Hit(3, 1, 5, 62)), (Hit(0, 3, 1, 72),)),
            pedal=True,
        ),
        Style(
            "pop", "electric piano and bass in eighths, drums", 4, 33,
            (_pulse(4, 0.45, ALL, 60), _pulse(3, 0.45, ALL, 60)),
            (_pulse(4, 0.45, 1, 80), _pulse(3, 0.45, 1, 80)),
            (_kit(4, (0, 2, 2.5), (1, 3)), _kit(3, (0,), (1, 2))),
        ),
        Style(
            "waltz", "bass on the strong beats, chords on the others", 0, 32,
            (
                (Hit(1, 0.8, ALL, 56), Hit(3, 0.8, ALL, 56)),
                (Hit(1, 0.8, ALL, 58), Hit(2, 0.8, ALL, 54)),
            ),
            ((Hit(0, 1, 1, 76), Hit(2, 1, 5, 68)), (Hit(0, 1, 1, 76),)),
        ),
        Style(
            "strum", "steel guitar strummed down and up, bass on one and three", 25, 32,
            (
                (
                    Hit(0, 1, ALL, 70), Hit(1, 0.5, ALL, 60), Hit(1.5, 1, UPPER, 54), Hit(2.5, 0.5, UPPER, 54),
                    Hit(3, 0.5, ALL, 64), Hit(3.5, 0.5, UPPER, 52),
                ),
                (Hit(0, 1, ALL, 70), Hit(1, 0.5, ALL, 60), Hit(1.5, 0.5, UPPER, 52), Hit(2, 0.5, ALL, 60),
                 Hit(2.5, 0.5, UPPER, 52)),
            ),
            ((Hit(0, 1.9, 1, 78), Hit(2, 1.9, 5, 72)), (Hit(0, 2.8, 1, 78),)),
        ),
    )
}  # fmt: skip
"""The styles by name."""


def default_style(meter: Meter) -> str:
    """Return the name of the style that suits a metre: a waltz for bars of three beats, else a ballad."""
    return "waltz" if meter.bar_ticks // meter.beat_ticks == 3 else "ballad"


def style_of(name: str) -> Style:
    """Return a style by name.

    Raises:
        ArgumentError: if there is none of that name; the message lists them.
    """
    if name not in STYLES:
        raise ArgumentError(f"style '{name[:40]}' is unknown; use one of {', '.join(STYLES)}")
    return STYLES[name]


def styled_parts(style: Style, chords: Sequence[ChordSpan], bars: int, meter: Meter, form: Form) -> tuple[Part, ...]:
    """Return the parts under a melody: chords, bass and, where the style has them, drums.

    Drums are silent in an intro and an outro (`i`, `o`) and crash where a section begins. The last bar is held.

    Args:
        style: what is played.
        chords: the chords, by onset.
        bars: number of bars of the song.
        meter: the metre of all bars.
        form: the form, for the drums.
    """
    layout = _BarLayout(meter)
    finder = ChordFinder(chords)
    section_starts = {form.starts[first] for first, _ in form.sections}
    upper: list[Note] = []
    bass: list[Note] = []
    drums: list[Note] = []
    for bar in range(bars):
        start, stop = bar * meter.bar_ticks, (bar + 1) * meter.bar_ticks
        spans = _spans_of_bar(finder, chords, start, stop)
        if bar == bars - 1:
            upper += [(s.onset, s.duration, p, 60) for s in spans for p in voicing(s.chord)]
            bass += [(s.onset, s.duration, bass_pitch(s.chord, 1), 72) for s in spans]
        else:
            upper += _played(
                _with_chord_starts(layout.strokes(style.chords), start, spans, False), start, spans, _voices
            )
            bass += _played(_with_chord_starts(layout.strokes(style.bass), start, spans, True), start, spans, _bass)
        letter = form.segments[form.segment_at_bar(bar)].letter if bar < form.bars else "o"
        if style.drums[0] and letter not in "io" and spans:
            strokes = layout.strokes(style.drums) if bar < bars - 1 else [(0, meter.beat_ticks, KICK, 88)]
            drums += [(start + at, length, key, velocity) for at, length, key, velocity in strokes]
            if bar in section_starts:
                drums.append((start, meter.beat_ticks, CRASH, 72))
    parts = [
        Part("Chords", _notes(upper), style.program, role="chords", controls=_pedal(style, chords)),
        Part("Bass", _notes(bass), style.bass_program, role="bass"),
    ]
    if drums:
        parts.append(Part("Drums", _notes(drums), is_drums=True, role="drums"))
    return tuple(part for part in parts if len(part.notes))


def voicing(chord: Chord) -> tuple[int, ...]:
    """Return the pitches of a chord from below, each in its place of the octave from `VOICING_LOW` on."""
    steps = list(chord.intervals)
    for dispensable in (7, 0):
        if len(steps) > MOST_VOICES and dispensable in steps:
            steps.remove(dispensable)
    classes = {(chord.root + step) % 12 for step in steps[-MOST_VOICES:]}
    return tuple(sorted(VOICING_LOW + (pitch_class - VOICING_LOW) % 12 for pitch_class in classes))


def bass_pitch(chord: Chord, degree: int) -> int:
    """Return the pitch of a bass note: 1 the chord's bass, 5 its fifth (the root if it is inverted), 8 the octave."""
    first = BASS_LOW + (chord.bass - BASS_LOW) % 12
    if degree == 1:
        return first
    if degree == 8:
        return first + 12
    fifth = next((step for step in chord.intervals if step in (6, 7, 8)), 7)
    wanted = (chord.root + fifth) % 12 if chord.bass == chord.root else chord.root
    above = first + (wanted - first) % 12
    return above if above <= BASS_LOW + 14 else above - 12


class _BarLayout:
    """Where the beats of a pattern fall in the bars of a metre."""

    def __init__(self, meter: Meter) -> None:
        self.beat = meter.beat_ticks
        self.off_beat = meter.beat_ticks * 2 // 3 if meter.is_compound else meter.beat_ticks // 2
        self.groups = _groups(meter.bar_ticks // meter.beat_ticks)

    def strokes(self, patterns: tuple[Pattern, Pattern]) -> list[Stroke]:
        """Return a bar's strokes by time."""
        found: list[Stroke] = []
        first = 0
        for size in self.groups:
            pattern = patterns[1] if size == 3 else patterns[0]
            for hit in pattern:
                if hit.beat < size:
                    whole, half = int(hit.beat), hit.beat % 1
                    at = (first + whole) * self.beat + (self.off_beat if half else 0)
                    length = min(hit.length, size - hit.beat)
                    found.append((at, max(1, round(length * self.beat)), hit.what, hit.velocity))
            first += size
        return sorted(found)


def _groups(beats: int) -> list[int]:
    """Return a bar's beats in groups of four and three, smaller ones where nothing else is left."""
    groups: list[int] = []
    while beats:
        size = 3 if beats in (3, 5, 6) else min(beats, 4)
        groups.append(size)
        beats -= size
    return groups


def _spans_of_bar(finder: ChordFinder, chords: Sequence[ChordSpan], start: int, stop: int) -> list[ChordSpan]:
    """Return the chords that sound in a bar, cut at its lines."""
    first = int(np.searchsorted(finder.onsets, start, side="right")) - 1
    spans = []
    for span in chords[max(first, 0) :]:
        if span.onset >= stop:
            break
        onset, end = max(span.onset, start), min(span.end, stop)
        if onset < end:
            spans.append(ChordSpan(onset, end - onset, span.chord))
    return spans


def _played(
    strokes: Sequence[Stroke], start: int, spans: Sequence[ChordSpan], pitches_of: Callable[[Chord, int], Sequence[int]]
) -> list[Note]:
    """Return a bar's notes: the strokes within each chord, cut where it ends."""
    notes: list[Note] = []
    for span in spans:
        for at, length, what, velocity in strokes:
            onset = start + at
            if span.onset <= onset < span.end:
                duration = min(length, span.end - onset)
                notes += [(onset, duration, pitch, velocity) for pitch in pitches_of(span.chord, what)]
    return notes


def _with_chord_starts(
    strokes: Sequence[Stroke], start: int, spans: Sequence[ChordSpan], is_bass: bool
) -> list[Stroke]:
    """Return a bar's strokes such that every chord is heard, and the bass begins each with its bass note."""
    result = list(strokes)
    for span in spans:
        at = span.onset - start
        inside = [stroke for stroke in result if at <= stroke[0] < span.end - start]
        if is_bass:
            result = [(s[0], s[1], 1, s[3]) if s[0] == at else s for s in result]
        if not inside or (is_bass and inside[0][0] > at):
            until = inside[0][0] if inside else span.end - start
            result.append((at, until - at, 1 if is_bass else ALL, strokes[0][3] if strokes else 60))
    return sorted(result)


def _voices(chord: Chord, what: int) -> Sequence[int]:
    pitches = voicing(chord)
    if what == ALL:
        return pitches
    if what == UPPER:
        return pitches[1:]
    octave, place = divmod(what, len(pitches))
    return (pitches[place] + 12 * octave,)


def _bass(chord: Chord, what: int) -> Sequence[int]:
    return (bass_pitch(chord, what),)


def _pedal(style: Style, chords: Sequence[ChordSpan]) -> NDArray[np.void]:
    """Return the pedal, up just before each chord and down on it."""
    rows: list[tuple[int, int, int]] = []
    if style.pedal and chords:
        for span in chords:
            rows += [(max(span.onset - 1, 0), PEDAL, 0), (span.onset, PEDAL, 127)]
        rows.append((chords[-1].end, PEDAL, 0))
    return np.array(rows, dtype=CONTROL_DTYPE)


def _notes(rows: Sequence[Note]) -> NDArray[np.void]:
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return make_notes(table[:, 0], table[:, 1], table[:, 2], table[:, 3])
