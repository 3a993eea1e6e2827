"""MusicXML files as songs: partwise or timewise, plain or compressed, with repeats played out.

Own reader: partitura drops rehearsal marks and music21 weighs 224 MB and is slow; both stay the independent reference
in the tests. It gives back what `musicxml_writer` wrote, and takes the files of notation programs: voices, chords,
ties, tuplets, transposing instruments, changes of key, metre and tempo, unpitched percussion, chord symbols, repeats
with endings, D.C., D.S. and coda. Grace and cue notes are left out; times are rounded to ticks.

Bars: a measure is as long as what it holds (its metre, if empty). A short first measure becomes a pickup, which is a
short first metre here. Two successive short measures that together fill a bar (one cut by a repeat sign) are one bar.
A short measure before a new time signature stays a bar that the change cuts; any other irregular one gets its own
metre. Equal successive keys, metres and tempi count as one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar
from xml.etree.ElementTree import Element

from ritornello.errors import ArgumentError, ReadError
from ritornello.score.chord import Chord
from ritornello.score.form import MAX_BARS
from ritornello.score.key import Key
from ritornello.score.musicxml_container import read_root
from ritornello.score.musicxml_form import read_form
from ritornello.score.musicxml_measures import PartReader, ReadMeasure
from ritornello.score.musicxml_repeats import RepeatSigns, playback_order
from ritornello.score.musicxml_ties import join_ties
from ritornello.score.musicxml_writer import FORM_FIELD, ROLES_FIELD, pickup_meter
from ritornello.score.song import MAX_TICKS, ROLES, ChordSpan, KeyRegion, Original, Part, Role, Song
from ritornello.score.timeline import TICKS_PER_QUARTER, Meter, Tempo, bar_ticks

T = TypeVar("T")

_MELODY_NAME = re.compile(r"melod|vocal|voice|voix|stimme|gesang|lead|sing|cant", re.IGNORECASE)
_DRUM_CHANNEL = "10"


@dataclass(frozen=True)
class _Instrument:
    identity: str
    name: str
    program: int
    is_percussion: bool
    drum_pitches: dict[str, int]


@dataclass(frozen=True)
class _Bar:
    """A measure as it is played: its place in the file, its start and length in ticks."""

    measure: int
    start: int
    length: int
    follows: bool  # whether the measure before it in the file was played before it


def read_musicxml(data: bytes, name: str) -> Song:
    """Read a MusicXML file.

    Args:
        data: its bytes, XML or a compressed ``.mxl`` archive.
        name: its file name, for `Song.original` and messages.

    Raises:
        ReadError: if it is no MusicXML, is damaged, hostile, or beyond the bounds (10,000 bars).
    """
    root = read_root(data, name)
    instruments = _instruments(root)
    measures = _measures(root, instruments, name)
    if not measures:
        raise ReadError(f"{name}: a score without parts; give a MusicXML file with at least one part")
    try:
        return _song(root, data, name, instruments, measures)
    except ArgumentError as error:
        raise ReadError(f"{name}: {error}") from None


def _song(
    root: Element, data: bytes, name: str, instruments: list[_Instrument], measures: list[list[ReadMeasure]]
) -> Song:
    together = [list(column) for column in zip(*measures, strict=True)]  # by measure, then part
    meters_written = _written_meters(together)
    order = playback_order(_repeat_signs(together), name)
    bars = _bars(order, together, meters_written, name)
    end = bars[-1].start + bars[-1].length
    with_harmonies = next((part for part in measures if any(measure.harmonies for measure in part)), measures[0])
    chords = _chords(bars, with_harmonies, end)
    fields = {
        field.get("name", ""): (field.text or "").strip()
        for field in root.findall("identification/miscellaneous/miscellaneous-field")
    }
    roles = _roles(fields.get(ROLES_FIELD), instruments, measures, bool(chords))
    parts = tuple(
        Part(
            instrument.name,
            join_ties([(bar.start, part[bar.measure]) for bar in bars], name),
            instrument.program,
            _is_drums(instrument, part),
            role,
        )
        for instrument, part, role in zip(instruments, measures, roles, strict=True)
    )
    meters = _meters(bars, together, meters_written)
    marks = sorted({mark for part in measures for mark in _placed(bars, [measure.marks for measure in part])})
    return Song(
        parts=parts,
        tempi=_tempi(bars, together),
        meters=meters,
        keys=_keys(bars, measures, parts),
        chords=chords,
        form=read_form(fields.get(FORM_FIELD, ""), marks, [int(tick) for tick in bar_ticks(meters, end)]),
        title=_title(root),
        original=Original(name, data),
    )


def _instruments(root: Element) -> list[_Instrument]:
    instruments: list[_Instrument] = []
    for element in root.findall("part-list/score-part"):
        midi = element.findall("midi-instrument")
        drum_pitches = {
            item.get("id", ""): _whole(item.findtext("midi-unpitched"), 1, 128) - 1
            for item in midi
            if item.find("midi-unpitched") is not None
        }
        channels = {(item.findtext("midi-channel") or "").strip() for item in midi}
        instruments.append(
            _Instrument(
                element.get("id", ""),
                " ".join((element.findtext("part-name") or "").split()),
                _whole(midi[0].findtext("midi-program"), 1, 128) - 1 if midi else 0,
                channels == {_DRUM_CHANNEL},
                drum_pitches,
            )
        )
    return instruments


def _whole(text: str | None, low: int, high: int) -> int:
    text = (text or "").strip()
    return min(max(int(text), low), high) if text.isdecimal() and len(text) < 9 else low


def _measures(root: Element, instruments: list[_Instrument], name: str) -> list[list[ReadMeasure]]:
    # By part, in the order of the part list, which is completed by parts that it leaves out.
    elements: dict[str, list[tuple[str, list[Element]]]] = {}
    if root.tag == "score-partwise":
        for part in root.findall("part"):
            column = elements.setdefault(part.get("id", ""), [])
            column += [(measure.get("number", ""), list(measure)) for measure in part.findall("measure")]
    elif root.tag == "score-timewise":
        for measure in root.findall("measure"):
            for part in measure.findall("part"):
                elements.setdefault(part.get("id", ""), []).append((measure.get("number", ""), list(part)))
    else:
        raise ReadError(f"{name}: the XML is <{root.tag[:40]}>, not <score-partwise> or <score-timewise> of MusicXML")
    known = {instrument.identity for instrument in instruments}
    instruments[:] = [instrument for instrument in instruments if instrument.identity in elements]
    instruments += [_Instrument(i, i, 0, False, {}) for i in elements if i not in known]
    length = max((len(column) for column in elements.values()), default=0)
    if length > MAX_BARS:
        raise ReadError(f"{name}: {length} measures; at most {MAX_BARS} are read")
    result: list[list[ReadMeasure]] = []
    for instrument in instruments:
        reader = PartReader(name, instrument.drum_pitches)
        read = [reader.read(content, number[:20]) for number, content in elements[instrument.identity]]
        result.append(read + [ReadMeasure() for _ in range(length - len(read))])
    return result if length else []


def _repeat_signs(together: list[list[ReadMeasure]]) -> list[RepeatSigns]:
    signs: list[RepeatSigns] = []
    ending: tuple[int, ...] = ()
    has_to_coda = any("tocoda" in part.signs for measure in together for part in measure)
    codas = sum(any("coda" in part.signs for part in measure) for measure in together)
    for measure in together:
        found = {sign for part in measure for sign in part.signs}
        if "coda" in found and codas > 1 and not has_to_coda:  # of two coda signs the first says where to leave
            found, codas = (found - {"coda"}) | {"tocoda"}, 0
        ending = next((part.ending for part in measure if part.ending), ending)
        closed = next((part.ending_stop for part in measure if part.ending_stop), ())
        times = max((part.times for part in measure if "backward" in part.signs), default=2)
        signs.append(RepeatSigns(frozenset(found), times, ending or closed))  # some files state only where one stops
        if "ending-stop" in found:
            ending = ()
    return signs


def _written_meters(together: list[list[ReadMeasure]]) -> list[Meter]:
    meters: list[Meter] = []
    current = Meter(0, 4, 4)
    for measure in together:
        time = next((part.time for part in measure if part.time), None)
        current = Meter(0, *time) if time else current
        meters.append(current)
    return meters


def _bars(order: list[int], together: list[list[ReadMeasure]], meters: list[Meter], name: str) -> list[_Bar]:
    bars: list[_Bar] = []
    start = 0
    for place, index in enumerate(order):
        held = max((part.length for part in together[index]), default=Fraction(0)) * TICKS_PER_QUARTER
        length = max(round(held), 1) if held else meters[index].bar_ticks
        if place + 1 == len(order):
            length = max(length, meters[index].bar_ticks)
        follows = place == 0 or order[place - 1] == index - 1
        bars.append(_Bar(index, start, length, follows))
        start += length
        if start > MAX_TICKS:
            raise ReadError(f"{name}: longer than {MAX_TICKS // TICKS_PER_QUARTER} quarter notes")
    return bars


def _meters(bars: list[_Bar], together: list[list[ReadMeasure]], written: list[Meter]) -> tuple[Meter, ...]:
    meters: list[Meter] = []
    is_cut = False
    place = 0
    while place < len(bars):
        bar = bars[place]
        meter = written[bar.measure]
        length = bar.length
        after = bars[place + 1] if place + 1 < len(bars) else None
        changes_after = after is not None and after.follows and any(part.time for part in together[after.measure])
        joins = (
            after is not None
            and not changes_after
            and length < meter.bar_ticks == length + after.length
            and written[after.measure] == meter
            and place > 0
        )
        if joins and after is not None:
            length += after.length
            place += 1
        own = pickup_meter(length, meter.denominator)
        is_regular = length == meter.bar_ticks or (length < meter.bar_ticks and changes_after)
        shown = meter if is_regular or own is None else own
        current = meters[-1] if meters else None
        if (
            current is None
            or is_cut
            or (current.numerator, current.denominator) != (shown.numerator, shown.denominator)
        ):
            meters.append(Meter(bar.start, shown.numerator, shown.denominator))
        is_cut = length % shown.bar_ticks != 0
        place += 1
    return tuple(meters)


def _placed(bars: list[_Bar], columns: list[list[tuple[Fraction, T]]]) -> list[tuple[int, T]]:
    # Events of a part's measures at song ticks, as they are played.
    return [
        (min(bar.start + round(position * TICKS_PER_QUARTER), bar.start + bar.length - 1), value)
        for bar in bars
        for position, value in columns[bar.measure]
    ]


def _in_effect(bars: list[_Bar], columns: list[list[tuple[Fraction, T]]]) -> list[tuple[int, T]]:
    # The same for what lasts until the next event; after a jump, what lasts at that place of the file is stated again.
    before: list[T | None] = []
    current: T | None = None
    for column in columns:
        before.append(current)
        current = max(column, key=lambda event: event[0])[1] if column else current
    jumps = [(bar.start, before[bar.measure]) for bar in bars if not bar.follows]
    stated = [(tick, value) for tick, value in jumps if value is not None]
    placed: dict[int, T] = dict(stated)
    placed.update(dict(_placed(bars, columns)))
    return sorted(placed.items(), key=lambda event: event[0])


def _tempi(bars: list[_Bar], together: list[list[ReadMeasure]]) -> tuple[Tempo, ...]:
    columns = [next((part.tempi for part in measure if part.tempi), []) for measure in together]
    tempi: list[Tempo] = []
    for tick, qpm in _in_effect(bars, columns):
        if not tempi or tempi[-1].qpm != qpm:
            tempi.append(Tempo(tick, qpm))
    if not tempi or tempi[0].tick > 0:
        tempi.insert(0, Tempo(0, 120.0))
    return tuple(tempi)


def _keys(bars: list[_Bar], measures: list[list[ReadMeasure]], parts: tuple[Part, ...]) -> tuple[KeyRegion, ...]:
    pitched = [column for column, part in zip(measures, parts, strict=True) if not part.is_drums] or measures
    column = next((column for column in pitched if any(measure.keys for measure in column)), pitched[0])
    regions: list[KeyRegion] = []
    key: Key
    for tick, key in _in_effect(bars, [measure.keys for measure in column]):
        if not regions or regions[-1].key != key:
            regions.append(KeyRegion(tick, key))
    return tuple(regions)


def _chords(bars: list[_Bar], column: list[ReadMeasure], end: int) -> tuple[ChordSpan, ...]:
    symbols: list[tuple[int, Chord | None]] = _in_effect(bars, [measure.harmonies for measure in column])
    ends = [*(tick for tick, _ in symbols[1:]), end][: len(symbols)]
    return tuple(
        ChordSpan(tick, stop - tick, chord)
        for (tick, chord), stop in zip(symbols, ends, strict=True)
        if chord is not None and stop > tick
    )


def _is_drums(instrument: _Instrument, column: list[ReadMeasure]) -> bool:
    notes = [note.is_unpitched for measure in column for note in measure.notes]
    return 2 * sum(notes) > len(notes) if notes else instrument.is_percussion


def _roles(
    field: str | None, instruments: list[_Instrument], measures: list[list[ReadMeasure]], has_chords: bool
) -> list[Role | None]:
    # Our own files say it; else the tune of a song with chord symbols is a part so named, or the one under the symbols
    # if it never sounds two notes at once.
    if field is not None:
        stated = dict(item.split("=", 1) for item in field.split() if "=" in item)
        by_name: dict[str, Role] = {role: role for role in ROLES}
        return [by_name.get(stated.get(f"P{index}", "")) for index in range(1, len(instruments) + 1)]
    roles: list[Role | None] = [
        "drums" if _is_drums(i, m) else None for i, m in zip(instruments, measures, strict=True)
    ]
    if has_chords:
        named = [i for i, role in enumerate(roles) if role is None and _MELODY_NAME.search(instruments[i].name)]
        under = [i for i, column in enumerate(measures) if any(measure.harmonies for measure in column)]
        lines = [i for i in under[:1] if roles[i] is None and _is_line(measures[i])]
        for index in (named or lines)[:1]:
            roles[index] = "melody"
    return roles


def _is_line(column: list[ReadMeasure]) -> bool:
    return all(len({note.voice for note in measure.notes}) <= 1 for measure in column) and all(
        len({note.start for note in measure.notes}) == len(measure.notes) for measure in column
    )


def _title(root: Element) -> str:
    for path in ("work/work-title", "movement-title"):
        title = " ".join((root.findtext(path) or "").split())
        if title:
            return title
    return ""
