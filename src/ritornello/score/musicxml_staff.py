"""The notes of one part as MusicXML: staves, clefs, voices, and the notes of each measure.

Called by `musicxml_writer`; MusicXML 4.0, elements ``note``, ``backup``, ``forward`` and ``clef``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ritornello.score.beams import beam_bar
from ritornello.score.chord import Chord
from ritornello.score.key import Key
from ritornello.score.musicxml_harmony import harmony_xml
from ritornello.score.notation import FULL_BAR, Grid, Written, write_bar
from ritornello.score.song import Part, Song
from ritornello.score.spelling import ACCIDENTALS, SpelledPitch, key_alterations, spell_notes
from ritornello.score.voices import allocate_voices, bar_events, slice_voice, staves

DEFAULT_VELOCITY = 80
"""Velocity of notes that say nothing about it."""

FORTE_VELOCITY = 90
"""The MIDI velocity that MusicXML's ``dynamics="100"`` stands for."""

DRUM_PLACES = {35: "F4", 36: "F4", 38: "C5", 40: "C5", 37: "C5", 39: "C5", 41: "G4", 43: "A4", 45: "B4", 47: "D5",
    48: "E5", 50: "F5", 42: "G5", 46: "G5", 44: "D4", 49: "A5", 57: "B5", 51: "F5", 59: "F5", 52: "B5", 55: "B5",
    53: "F5", 54: "B4", 56: "E5", 69: "G5", 70: "G5", 82: "G5"}  # fmt: skip
"""Where General MIDI drums stand on a five-line percussion staff; all others stand on C5."""

_CROSS_HEADS = {37, 39, 42, 44, 46, 49, 51, 52, 53, 54, 55, 57, 59, 69, 70, 82}


@dataclass(frozen=True)
class ChordSymbol:
    """A chord symbol to print at a tick of the bar, None for "N.C."; it can be written without being shown."""

    tick: int
    chord: Chord | None
    key: Key
    is_shown: bool


@dataclass(frozen=True)
class Staff:
    """A staff of a part.

    Attributes:
        clef: the ``<clef>`` element's content.
        voices: for each voice and bar what is written.
    """

    clef: str
    voices: list[list[list[Written]]]


@dataclass(frozen=True)
class Engraving:
    """A part made ready for writing.

    Attributes:
        part: the part.
        identity: its MusicXML id, such as ``"P1"``.
        staves: its staves.
        spelled: the spelling of each note.
        bar_lines: ticks of the bar lines.
        grids: the metrical grid of each bar.
    """

    part: Part
    identity: str
    staves: list[Staff]
    spelled: list[SpelledPitch]
    bar_lines: list[int]
    grids: list[Grid]


def engrave(song: Song, part: Part, identity: str, bar_lines: list[int], grids: list[Grid]) -> Engraving:
    """Lay out a part: staves, voices, note values and spelling."""
    cuts: list[list[int]] = [[] for _ in grids]
    for region in song.keys:
        bar = int(np.searchsorted(bar_lines, region.tick, side="right")) - 1
        if 0 <= bar < len(cuts) and bar_lines[bar] != region.tick:
            cuts[bar].append(region.tick - bar_lines[bar])
    laid_out: list[Staff] = []
    for indices in staves(part):
        voices = []
        for number, voice in enumerate(allocate_voices(part.notes, indices)):
            bars = bar_events(slice_voice(part.notes, voice), bar_lines)
            voices.append([
                write_bar(events, grid, cut) if events or number == 0 else []
                for events, grid, cut in zip(bars, grids, cuts, strict=True)
            ])  # fmt: skip
        laid_out.append(Staff(_clef(part, indices), voices))
    return Engraving(part, identity, laid_out, spell_notes(song, part.notes), bar_lines, grids)


def _clef(part: Part, indices: list[int]) -> str:
    if part.is_drums:
        return "<sign>percussion</sign>"
    pitches = part.notes["pitch"][indices] if indices else np.array([48 if part.role == "bass" else 67])
    middle = float(np.median(pitches))
    low_tenor = 48 <= middle < 60 and part.role in ("melody", "bridge")
    octave = 1 if middle > 88 else -1 if low_tenor or middle < 35 else 0
    treble = middle >= 57 or low_tenor
    shift = f"<clef-octave-change>{octave}</clef-octave-change>" if octave else ""
    return ("<sign>G</sign><line>2</line>" if treble else "<sign>F</sign><line>4</line>") + shift


def measure_notes(engraving: Engraving, bar: int, keys: dict[int, Key], symbols: list[ChordSymbol]) -> str:
    """Return the notes of a measure with what stands between them.

    Args:
        engraving: the part.
        bar: number of the bar, from 0.
        keys: the key at tick 0 of the bar, and key changes inside the bar by tick.
        symbols: chord symbols of the bar in order.
    """
    length = engraving.bar_lines[bar + 1] - engraving.bar_lines[bar]
    xml: list[str] = []
    number = 0
    for staff_index, staff in enumerate(engraving.staves):
        accidentals = _accidentals(engraving, staff, bar, keys)
        for voice_index, voice in enumerate(staff.voices):
            number = staff_index * 4 + voice_index + 1
            if not voice[bar]:
                continue
            if xml:
                xml.append(f"<backup><duration>{length}</duration></backup>\n")
            leads = staff_index == 0 and voice_index == 0
            waiting = list(symbols) if leads else []
            beams = beam_bar(voice[bar], engraving.grids[bar])
            for written, beam in zip(voice[bar], beams, strict=True):
                if leads and written.start in keys and written.start > 0:
                    xml.append(f"<attributes>{key_xml(keys[written.start])}</attributes>\n")
                while waiting and waiting[0].tick < written.stop:
                    symbol = waiting.pop(0)
                    offset = symbol.tick - written.start
                    xml.append(harmony_xml(symbol.chord, symbol.key, offset, symbol.is_shown) + "\n")
                place = f"<staff>{staff_index + 1}</staff>" if len(engraving.staves) > 1 else ""
                if not written.notes and voice_index > 0 and written.triplet is None:
                    ticks = written.stop - written.start
                    xml.append(f"<forward><duration>{ticks}</duration><voice>{number}</voice>{place}</forward>\n")
                else:
                    xml.append(_written_xml(engraving, written, beam, bar, number, place, accidentals))
    return "".join(xml)


def key_xml(key: Key) -> str:
    """Return a ``<key>`` element."""
    return f"<key><fifths>{key.fifths}</fifths><mode>{key.mode}</mode></key>"


def _accidentals(engraving: Engraving, staff: Staff, bar: int, keys: dict[int, Key]) -> dict[tuple[int, int], str]:
    # Which notes print an accidental, by (start in the bar, note): those whose letter and octave last stood otherwise
    # in this bar; a note tied over from the last bar prints none and counts for none.
    if engraving.part.is_drums:
        return {}
    start = engraving.bar_lines[bar]
    entries = sorted({(w.start, i) for voice in staff.voices for w in voice[bar] for i in w.notes})
    changes = sorted(keys)
    signature = key_alterations(keys[0])
    current: dict[tuple[str, int], int] = {}
    printed: dict[tuple[int, int], str] = {}
    for tick, index in entries:
        while len(changes) > 1 and changes[1] <= tick:
            changes.pop(0)
            signature, current = key_alterations(keys[changes[0]]), {}
        if int(engraving.part.notes["onset"][index]) < start + tick:
            continue
        spelled = engraving.spelled[index]
        place = (spelled.step, spelled.octave)
        if current.get(place, signature[spelled.step]) != spelled.alter:
            printed[tick, index] = ACCIDENTALS[spelled.alter]
        current[place] = spelled.alter
    return printed


def _written_xml(
    engraving: Engraving,
    written: Written,
    beam: tuple[str, ...],
    bar: int,
    voice: int,
    staff: str,
    accidentals: dict[tuple[int, int], str],
) -> str:
    duration = f"<duration>{written.stop - written.start}</duration>"
    value = ""
    if written.kind != FULL_BAR:
        value = f"<type>{written.kind}</type>" + "<dot/>" * written.dots
    modification = tuplet = ""
    if written.triplet is not None:
        modification = (
            "<time-modification><actual-notes>3</actual-notes><normal-notes>2</normal-notes>"
            f"<normal-type>{written.triplet}</normal-type></time-modification>"
        )
        edges = [edge for edge, is_there in (("start", written.opens), ("stop", written.closes)) if is_there]
        tuplet = "".join(f'<tuplet type="{edge}"/>' for edge in edges)
    if not written.notes:
        rest = '<rest measure="yes"/>' if written.kind == FULL_BAR else "<rest/>"
        notations = f"<notations>{tuplet}</notations>" if tuplet else ""
        return f"<note>{rest}{duration}<voice>{voice}</voice>{value}{modification}{staff}{notations}</note>\n"
    beams = "".join(f'<beam number="{level}">{text}</beam>' for level, text in enumerate(beam, 1))
    start = engraving.bar_lines[bar] + written.start
    stop = engraving.bar_lines[bar] + written.stop
    xml: list[str] = []
    for place, index in enumerate(written.notes):
        note = engraving.part.notes[index]
        pitch = int(note["pitch"])
        ties = [
            edge
            for edge, is_there in (
                ("stop", int(note["onset"]) < start),
                ("start", int(note["onset"] + note["duration"]) > stop),
            )
            if is_there
        ]
        tie = "".join(f'<tie type="{edge}"/>' for edge in ties)
        tied = "".join(f'<tied type="{edge}"/>' for edge in ties)
        marks = tied + (tuplet if place == 0 else "")
        head = _drum_xml(pitch) if engraving.part.is_drums else _pitch_xml(engraving.spelled[index])
        instrument = f'<instrument id="{engraving.identity}-I{pitch}"/>' if engraving.part.is_drums else ""
        printed = accidentals.get((written.start, index))
        xml += [
            f"<note{_dynamics(int(note['velocity']))}>",
            "<chord/>" if place else "",
            head,
            duration,
            tie,
            instrument,
            f"<voice>{voice}</voice>",
            value,
            f"<accidental>{printed}</accidental>" if printed else "",
            modification,
            "<notehead>x</notehead>" if engraving.part.is_drums and pitch in _CROSS_HEADS else "",
            staff,
            beams if place == 0 else "",
            f"<notations>{marks}</notations>" if marks else "",
            "</note>\n",
        ]
    return "".join(xml)


def _dynamics(velocity: int) -> str:
    return "" if velocity == DEFAULT_VELOCITY else f' dynamics="{velocity * 100 / FORTE_VELOCITY:.2f}"'


def _pitch_xml(pitch: SpelledPitch) -> str:
    alter = f"<alter>{pitch.alter}</alter>" if pitch.alter else ""
    return f"<pitch><step>{pitch.step}</step>{alter}<octave>{pitch.octave}</octave></pitch>"


def _drum_xml(pitch: int) -> str:
    place = DRUM_PLACES.get(pitch, "C5")
    return f"<unpitched><display-step>{place[0]}</display-step><display-octave>{place[1]}</display-octave></unpitched>"
