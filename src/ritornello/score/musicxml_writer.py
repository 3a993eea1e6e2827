"""Songs as MusicXML 4.0: a lead sheet (melody, chord symbols, rehearsal marks) or the whole score.

Own writer, since notation is what a lead sheet is for: note values, ties and triplets (`notation`), beams (`beams`),
voices (`voices`), spelling and accidentals (`spelling`) are decided here, not left to the program that opens the file.
Nothing of a song within its bars is lost but controllers: `musicxml_reader` gives the same song back. Two things that
MusicXML has no element for stand in ``<miscellaneous>``: the form with its exact bars (people see rehearsal marks) and
the roles of the parts. A pickup, our short first metre, is written as an unnumbered first measure.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal
from xml.sax.saxutils import escape

from ritornello.score.chord import Chord
from ritornello.score.form import Segment
from ritornello.score.key import Key
from ritornello.score.musicxml_staff import ChordSymbol, Engraving, engrave, key_xml, measure_notes
from ritornello.score.notation import Grid, bar_grid
from ritornello.score.song import Part, Song
from ritornello.score.systems import system_breaks
from ritornello.score.timeline import TICKS_PER_QUARTER, Meter
from ritornello.score.voices import top_line

FORM_FIELD = "ritornello-form"
"""The miscellaneous field that holds the form, such as ``i4A8B8``."""

ROLES_FIELD = "ritornello-roles"
"""The miscellaneous field that holds the roles of the parts, such as ``P1=melody P2=bass``."""

MARK_NAMES = {"i": "Intro", "o": "Outro", "x": "Interlude"}
"""Rehearsal marks of segments whose letter would say nothing to a player."""

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_VISIBLE_TEMPO_CHANGE = 0.05


@dataclass(frozen=True)
class _Bars:
    """What all parts of a score share: bar lines, the metrical grid of each bar, and the metres printed, by tick."""

    lines: list[int]
    grids: list[Grid]
    meters: list[Meter]
    printed: dict[int, Meter]
    has_pickup: bool


def musicxml_bytes(song: Song, parts: Literal["lead", "all"] = "lead") -> bytes:
    """Return a song as a MusicXML file.

    Args:
        song: any song; its ticks are written exactly.
        parts: ``"lead"`` for the melody (else the first pitched part) with chord symbols, overlapping notes reduced to
            the top line; ``"all"`` for every part on its own staff.

    Returns:
        UTF-8 XML, ``score-partwise``.
    """
    is_lead = parts == "lead"
    chosen = [lead_part(song)] if is_lead else list(song.parts) or [Part("Melody", role="melody")]
    bars = _bars(song)
    with_chords = next((i for i, part in enumerate(chosen) if part.role == "melody"), 0)
    body: list[str] = []
    for index, part in enumerate(chosen):
        engraving = engrave(song, part, f"P{index + 1}", bars.lines, bars.grids)
        breaks = system_breaks(song, engraving.staves[0], bars.lines) if is_lead else set()
        marks = _marks(song, bars) if index == 0 else {}
        symbols = _chord_symbols(song, bars) if index == with_chords else {}
        body.append(_part_xml(song, bars, engraving, breaks, marks, symbols))
    score = _header(song, chosen) + "".join(body)
    document = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
        '"http://www.musicxml.org/dtds/partwise.dtd">\n'
        f'<score-partwise version="4.0">\n{score}</score-partwise>\n'
    )
    return document.encode()


def lead_part(song: Song) -> Part:
    """Return the part that a lead sheet shows as a single line: the melody, else the first pitched part."""
    part = song.part("melody") or next((part for part in song.parts if not part.is_drums), None)
    return part.with_notes(top_line(part.notes)) if part is not None else Part("Melody", role="melody")


def pickup_meter(length: int, denominator: int) -> Meter | None:
    """Return the metre of a pickup bar in ticks: over the following metre's denominator where that fits, else finer."""
    for unit in (denominator, 4, 8, 16):
        count, rest = divmod(length * unit, 4 * TICKS_PER_QUARTER)
        if not rest and 1 <= count <= 64 and unit in (1, 2, 4, 8, 16):
            return Meter(0, count, unit)
    return None


def rehearsal_mark(segment: Segment) -> str:
    """Return the rehearsal mark that a form's segment is printed with."""
    return MARK_NAMES.get(segment.letter, segment.letter)


def _bars(song: Song) -> _Bars:
    lines = [int(tick) for tick in song.bar_lines]
    first, *later = song.meters
    has_pickup = (
        bool(later)
        and later[0].tick == first.bar_ticks < later[0].bar_ticks
        and pickup_meter(first.bar_ticks, later[0].denominator) == first
    )
    printed = {meter.tick: meter for meter in song.meters}
    if has_pickup:
        printed = {0: later[0]} | {meter.tick: meter for meter in later[1:]}
    meters: list[Meter] = []
    index = 0
    for start in lines[:-1]:
        while index + 1 < len(song.meters) and song.meters[index + 1].tick <= start:
            index += 1
        meters.append(song.meters[index])
    grids = [
        bar_grid(meter.numerator, meter.denominator, stop - start)
        for meter, start, stop in zip(meters, lines, lines[1:], strict=False)
    ]
    if has_pickup:
        grids[0] = dataclasses.replace(grids[0], is_whole=False)
    return _Bars(lines, grids, meters, printed, has_pickup)


def _header(song: Song, parts: list[Part]) -> str:
    title = f"<work><work-title>{_text(song.title)}</work-title></work>\n" if song.title else ""
    roles = " ".join(f"P{index}={part.role or '-'}" for index, part in enumerate(parts, 1))
    fields = [(FORM_FIELD, str(song.form) if song.form else ""), (ROLES_FIELD, roles)]
    fields_xml = "".join(
        f'<miscellaneous-field name="{name}">{text}</miscellaneous-field>' for name, text in fields if text
    )
    miscellaneous = f"<miscellaneous>{fields_xml}</miscellaneous>" if fields_xml else ""
    encoding = "<encoding><software>Ritornello</software></encoding>"
    part_list = "".join(_score_part(part, index, len(parts) > 1) for index, part in enumerate(parts))
    return f"{title}<identification>{encoding}{miscellaneous}</identification>\n<part-list>\n{part_list}</part-list>\n"


def _score_part(part: Part, index: int, is_named: bool) -> str:
    identity = f"P{index + 1}"
    hidden = "" if is_named else ' print-object="no"'
    label = _text(part.name)
    name = f"<part-name{hidden}>{label}</part-name>"
    if not part.is_drums:
        channel = (index % 15) + 1
        channel += channel >= 10
        instrument = f"<instrument-name>{label}</instrument-name>"
        return (
            f'<score-part id="{identity}">{name}'
            f'<score-instrument id="{identity}-I1">{instrument}</score-instrument>'
            f'<midi-instrument id="{identity}-I1"><midi-channel>{channel}</midi-channel>'
            f"<midi-program>{part.program + 1}</midi-program></midi-instrument></score-part>\n"
        )
    pitches = sorted({int(pitch) for pitch in part.notes["pitch"]}) or [38]
    instruments = "".join(
        f'<score-instrument id="{identity}-I{pitch}"><instrument-name>Drum {pitch}</instrument-name></score-instrument>'
        for pitch in pitches
    )
    midi = "".join(
        f'<midi-instrument id="{identity}-I{pitch}"><midi-channel>10</midi-channel>'
        f"<midi-program>{part.program + 1}</midi-program><midi-unpitched>{pitch + 1}</midi-unpitched></midi-instrument>"
        for pitch in pitches
    )
    return f'<score-part id="{identity}">{name}{instruments}{midi}</score-part>\n'


def _part_xml(
    song: Song,
    bars: _Bars,
    engraving: Engraving,
    breaks: Collection[int],
    marks: dict[int, list[str]],
    symbols: dict[int, list[ChordSymbol]],
) -> str:
    key_ticks = {region.tick: region.key for region in song.keys}
    segment_starts = set(song.form.starts) if song.form else set()
    measures: list[str] = []
    last = len(bars.grids) - 1
    for bar, (start, stop) in enumerate(pairwise(bars.lines)):
        number = f'number="{bar if bars.has_pickup else bar + 1}"'
        if bar == 0 and bars.has_pickup:
            number += ' implicit="yes"'
        keys = {0: song.key_at(start) or Key(0)}
        keys |= {tick - start: key for tick, key in key_ticks.items() if start < tick < stop}
        style = "light-heavy" if bar == last else "light-light" if bar + 1 in segment_starts else ""
        measures += [
            f"<measure {number}>\n",
            '<print new-system="yes"/>\n' if bar in breaks else "",
            _attributes(bar, bars, key_ticks.get(start), engraving),
            *marks.get(bar, []),
            measure_notes(engraving, bar, keys, symbols.get(bar, [])),
            f'<barline location="right"><bar-style>{style}</bar-style></barline>\n' if style else "",
            "</measure>\n",
        ]
    return f'<part id="{engraving.identity}">\n{"".join(measures)}</part>\n'


def _attributes(bar: int, bars: _Bars, key: Key | None, engraving: Engraving) -> str:
    meter = bars.printed.get(bars.lines[bar])
    inside = [
        f"<divisions>{TICKS_PER_QUARTER}</divisions>" if bar == 0 else "",
        key_xml(key) if key is not None else "",
        f"<time><beats>{meter.numerator}</beats><beat-type>{meter.denominator}</beat-type></time>" if meter else "",
    ]
    if bar == 0:
        several = len(engraving.staves) > 1
        inside.append(f"<staves>{len(engraving.staves)}</staves>" if several else "")
        for number, staff in enumerate(engraving.staves, 1):
            inside.append((f'<clef number="{number}">' if several else "<clef>") + staff.clef + "</clef>")
    text = "".join(inside)
    return f"<attributes>{text}</attributes>\n" if text else ""


def _marks(song: Song, bars: _Bars) -> dict[int, list[str]]:
    # Rehearsal marks and tempi by bar.
    marks: dict[int, list[str]] = {}
    for segment, bar in zip(song.form or (), song.form.starts if song.form else (), strict=True):
        text = _text(rehearsal_mark(segment))
        marks.setdefault(bar, []).append(
            f'<direction placement="above"><direction-type><rehearsal enclosure="square" font-weight="bold">{text}'
            "</rehearsal></direction-type></direction>\n"
        )
    shown_qpm = 0.0
    bar = 0
    for tempo in (tempo for tempo in song.tempi if tempo.tick < bars.lines[-1]):
        while bar + 2 < len(bars.lines) and bars.lines[bar + 1] <= tempo.tick:
            bar += 1
        offset = tempo.tick - bars.lines[bar]
        offset_xml = f"<offset>{offset}</offset>" if offset else ""
        sound = f'<sound tempo="{tempo.qpm!r}">{offset_xml}</sound>'
        if abs(tempo.qpm - shown_qpm) > _VISIBLE_TEMPO_CHANGE * shown_qpm and not offset:
            shown_qpm = tempo.qpm
            dotted = bars.meters[bar].is_compound
            beats = tempo.qpm / 1.5 if dotted else tempo.qpm
            beat = "<beat-unit>quarter</beat-unit>" + ("<beat-unit-dot/>" if dotted else "")
            sound = (
                f'<direction placement="above"><direction-type><metronome parentheses="no">{beat}'
                f"<per-minute>{beats:.0f}</per-minute></metronome></direction-type>{sound}</direction>"
            )
        marks.setdefault(bar, []).append(sound + "\n")
    return marks


def _chord_symbols(song: Song, bars: _Bars) -> dict[int, list[ChordSymbol]]:
    # By bar. A gap between chords is "N.C."; a chord that goes on unchanged is written for the sake of its span but not
    # shown, except where a segment of the form begins.
    symbols: list[tuple[int, Chord | None, bool]] = []
    segment_starts = {bars.lines[bar] for bar in song.form.starts} if song.form else set()
    for index, span in enumerate(song.chords):
        before = song.chords[index - 1] if index else None
        goes_on = before is not None and before.end == span.onset and before.chord == span.chord
        symbols.append((span.onset, span.chord, not goes_on or span.onset in segment_starts))
        is_last = index + 1 == len(song.chords)
        following = bars.lines[-1] if is_last else song.chords[index + 1].onset
        if span.end < following:
            symbols.append((span.end, None, not is_last and following - span.end >= TICKS_PER_QUARTER))
    result: dict[int, list[ChordSymbol]] = {}
    bar = 0
    for tick, chord, is_shown in symbols:
        while bars.lines[bar + 1] <= tick:
            bar += 1
        symbol = ChordSymbol(tick - bars.lines[bar], chord, song.key_at(tick) or Key(0), is_shown)
        result.setdefault(bar, []).append(symbol)
    return result


def _text(text: str) -> str:
    return escape(_ILLEGAL.sub("", text))
