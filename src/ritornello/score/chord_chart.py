"""Chord charts as text: bars between ``|``, headings for the phrases of a form, and their way into a framework.

Our own notation, after what musicians type::

    [A]                     # the A phrases; [A2] the second A alone; "A:" is the same as "[A]"
    | G    | D/F#   | Em C  | % |          two chords share a bar evenly, % repeats the bar before
    | G /  / D7     | N     | ? | G |      a slash is one more beat; N no chord, ? one still to be found

A line's end ends a bar as well. Without headings the bars are those of the whole song in order.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from math import gcd
from typing import NoReturn

from ritornello.errors import ArgumentError, ReadError
from ritornello.files import read_bytes
from ritornello.score.chord import Chord
from ritornello.score.form import MAX_BARS
from ritornello.score.framework import ChordCell, Framework
from ritornello.score.key import Key
from ritornello.score.timeline import Meter

MAX_CHART_BYTES = 1_000_000
"""Largest chart that is read."""

BARS_A_LINE = 4
"""Bars on a line of a chart that is written."""

_HEADING = re.compile(r"\s*(?:\[\s*([A-Za-z])([0-9]{0,4})\s*\]|([A-Za-z])([0-9]{0,4}):(?=\s|$))")

Bar = tuple[ChordCell, ...]
"""Chord cells that fill one bar."""


@dataclass(frozen=True, slots=True)
class ChartSection:
    """The bars under one heading.

    Attributes:
        letter: the letter of the phrases it is for; empty without a heading.
        number: which of them, from 1; 0 for all.
        bars: its bars.
    """

    letter: str
    number: int
    bars: tuple[Bar, ...]

    @property
    def name(self) -> str:
        """The heading, such as ``"A2"``."""
        return f"{self.letter}{self.number or ''}"


@dataclass(frozen=True, slots=True)
class ChordChart:
    """Chords bar by bar.

    Attributes:
        sections: in the order of the chart; one without a letter where there are no headings.
        metre: the metre whose beats the bars have.
    """

    sections: tuple[ChartSection, ...]
    metre: Meter

    @classmethod
    def parse(cls, text: str, metre: Meter | str = "4/4", name: str = "chord chart") -> ChordChart:
        """Read a chart; ``name`` stands for it in errors.

        Raises:
            ArgumentError: naming line and bar, if a word is no chord or the chords do not fill a bar.
        """
        metre = Meter.parse(metre) if isinstance(metre, str) else metre
        if metre.bar_ticks % metre.beat_ticks:
            raise ArgumentError(f"{name}: {metre} has no whole number of beats in a bar")
        sections: list[tuple[str, int, list[Bar]]] = []
        for number, line in enumerate(text.splitlines(), start=1):
            content = _without_comment(line)
            heading = _HEADING.match(content)
            if heading:
                letter, which = heading[1] or heading[3], heading[2] or heading[4]
                if sections and not sections[-1][0]:
                    raise ArgumentError(f"{name} line {number}: bars stand before the first heading; give them one too")
                if which and int(which) == 0:
                    raise ArgumentError(f"{name} line {number}: [{letter}{which}] counts from 1")
                sections.append((letter, int(which or 0), []))
                content = content[heading.end() :]
            words = content.strip()
            if not words:
                continue
            if not sections:
                sections.append(("", 0, []))
            bars = sections[-1][2]
            for place, bar in enumerate(words.removeprefix("|").removesuffix("|").split("|"), start=1):
                bars.append(_bar(bar.split(), bars, metre, f"{name} line {number}, bar {place}"))
            if sum(len(section[2]) for section in sections) > MAX_BARS:
                raise ArgumentError(f"{name} line {number}: there are more than {MAX_BARS} bars")
        if not any(bars for _, _, bars in sections):
            raise ArgumentError(f"{name}: there are no chords in it; write bars such as | G | D/F# | Em C |")
        for letter, which, bars in sections:
            if not bars:
                raise ArgumentError(f"{name}: there are no bars under [{letter}{which or ''}]")
        return cls(tuple(ChartSection(letter, which, tuple(bars)) for letter, which, bars in sections), metre)

    @classmethod
    def read(cls, path: str | os.PathLike[str], metre: Meter | str = "4/4") -> ChordChart:
        """Read a chart from a text file.

        Raises:
            ReadError: if the file cannot be read, has more than `MAX_CHART_BYTES`, or is no chart.
        """
        data = read_bytes(path, MAX_CHART_BYTES)
        try:
            return cls.parse(data.decode("utf-8-sig"), metre, str(path))
        except UnicodeDecodeError:
            raise ReadError(f"{path}: is not text in UTF-8, so it is no chord chart") from None
        except ArgumentError as error:
            raise ReadError(str(error)) from None

    @classmethod
    def of(cls, framework: Framework) -> ChordChart:
        """Return the chords of a framework; phrases without any are left out.

        A letter whose phrases all have the same chords has one heading, another one a heading for each phrase.

        Raises:
            ArgumentError: if no chord is decided at all.
        """
        per_letter: dict[str, list[tuple[Bar, ...] | None]] = {}
        for phrase in framework.effective:
            bars = None if phrase.chords is None else _bars_of(phrase.chords, framework.metre)
            per_letter.setdefault(phrase.letter, []).append(bars)
        counts = dict.fromkeys(per_letter, 0)
        sections = []
        for phrase in framework.phrases:
            counts[phrase.letter] += 1
            number, rows = counts[phrase.letter], per_letter[phrase.letter]
            bars = rows[number - 1]
            is_shared = all(row == rows[0] for row in rows)
            if bars is not None and not (is_shared and number > 1):
                sections.append(ChartSection(phrase.letter, 0 if is_shared else number, bars))
        if not sections:
            raise ArgumentError("no chords are decided in the framework, so there is nothing to write a chart of")
        return cls(tuple(sections), framework.metre)

    def text(self, key: Key | None = None) -> str:
        """Return the chart as text, its chords spelled for a key; reading it back gives the same chart.

        A chord that changes off the beat is written as several of equal length.
        """
        lines = []
        for section in self.sections:
            if section.letter:
                lines.append(f"[{section.name}]")
            words = [_bar_text(bar, self.metre, key) for bar in section.bars]
            for start in range(0, len(words), BARS_A_LINE):
                lines.append(f"| {' | '.join(words[start : start + BARS_A_LINE])} |")
        return "\n".join([*lines, ""])


def with_chart(framework: Framework, chart: ChordChart, lock: bool = False) -> Framework:
    """Return a framework with the chords of a chart.

    Args:
        framework: the framework; phrases that the chart does not name keep their chords.
        chart: a chart in the same metre.
        lock: whether its chords are to be kept; open ones never are.

    Raises:
        ArgumentError: if the chart names phrases that the form lacks, or its bars do not fill them.
    """
    if (chart.metre.numerator, chart.metre.denominator) != (framework.metre.numerator, framework.metre.denominator):
        raise ArgumentError(f"the chord chart is in {chart.metre}, the framework in {framework.metre}")
    given = _sections_of_phrases(framework, chart)
    phrases = []
    for phrase in framework.phrases:
        section = given.get(phrase.id)
        if section is not None:
            cells = [replace(cell, lock=lock and not cell.is_open) for bar in section.bars for cell in bar]
            phrase = replace(phrase, chords=tuple(cells))
            other = None if phrase.source is None or phrase.repeat == "free" else given.get(phrase.source)
            same_key = phrase.source is not None and framework.key_of(phrase.source) == framework.key_of(phrase.id)
            if other is not None and (other is section or (other.bars == section.bars and same_key)):
                phrase = replace(phrase, chords=None)  # it shares its source's, moved to its own key
        phrases.append(phrase)
    return framework.replace(phrases=tuple(phrases))


def _sections_of_phrases(framework: Framework, chart: ChordChart) -> dict[int, ChartSection]:
    form, first = framework.form, chart.sections[0]
    if not first.letter:
        if len(first.bars) != form.bars:
            raise ArgumentError(
                f"the chords do not fill the form: the chart has {len(first.bars)} bars, the form {form.bars}"
            )
        return {
            phrase.id: ChartSection("", 0, first.bars[phrase.start_bar : phrase.start_bar + phrase.bars])
            for phrase in framework.phrases
        }
    given: dict[int, ChartSection] = {}
    for letter in dict.fromkeys(section.letter for section in chart.sections):
        ids = [phrase.id for phrase in framework.phrases if phrase.letter == letter]
        if not ids:
            raise ArgumentError(f"the chord chart has [{letter}], but no phrase of the form is {letter}")
        plain = [section for section in chart.sections if section.letter == letter and not section.number]
        if len(plain) > 1 and len(plain) != len(ids):
            raise ArgumentError(
                f"the chord chart has [{letter}] {len(plain)} times, the form {len(ids)} times; write it once for all, "
                f"or number it as [{letter}1], [{letter}2]"
            )
        if plain:
            given |= {phrase: plain[min(place, len(plain) - 1)] for place, phrase in enumerate(ids)}
        for section in chart.sections:
            if section.letter == letter and section.number:
                if section.number > len(ids):
                    raise ArgumentError(f"the chord chart has [{section.name}], but the form has only {len(ids)} of it")
                given[ids[section.number - 1]] = section
        for number, phrase in enumerate(ids, start=1):
            wanted, bars = framework.phrases[phrase].bars, len(given[phrase].bars) if phrase in given else None
            if bars not in (None, wanted):
                raise ArgumentError(
                    f"the chords do not fill the form: {letter}{number} has {wanted} bars, the chart {bars} for it"
                )
    return given


def _bar(words: list[str], before: list[Bar], metre: Meter, place: str) -> Bar:
    beats = metre.bar_ticks // metre.beat_ticks
    if not words:
        _fail(place, "is empty; write a chord, % to repeat the bar before, or N for no chord")
    if "%" in words:
        if len(words) > 1:
            _fail(place, "% repeats a whole bar and stands alone in it")
        if not before:
            _fail(place, "% has no bar before it to repeat")
        return before[-1]
    if "/" not in words:
        if metre.bar_ticks % len(words):
            _fail(place, f"{len(words)} chords do not share {beats} beats evenly; write a word a beat, with / to go on")
        share = metre.bar_ticks // len(words) / metre.beat_ticks
        return tuple(_chord(word, share, place) for word in words)
    if words[0] == "/":
        _fail(place, "begins with /, which goes on with a chord; write the chord")
    if len(words) != beats:
        _fail(place, f"has {len(words)} chords and slashes, the bar has {beats} beats")
    cells: list[ChordCell] = []
    for word in words:
        if word == "/":
            cells[-1] = replace(cells[-1], beats=cells[-1].beats + 1)
        else:
            cells.append(_chord(word, 1, place))
    return tuple(cells)


def _chord(word: str, beats: float, place: str) -> ChordCell:
    if word == "?":
        return ChordCell(None, beats, is_open=True)
    if word in ("N", "N.C.", "NC"):
        return ChordCell(None, beats)
    try:
        return ChordCell(Chord.parse(word), beats)
    except ArgumentError:
        shown = word if len(word) <= 20 else word[:19] + "…"
        _fail(place, f"'{shown}' is no chord; write one such as C, F#m7 or Bb/D, % to repeat a bar, N for no chord")


def _bars_of(cells: tuple[ChordCell, ...], metre: Meter) -> tuple[Bar, ...]:
    """Cut the cells of a phrase at its bar lines, without their locks."""
    bars: list[Bar] = []
    bar: list[ChordCell] = []
    left = metre.bar_ticks
    for cell in cells:
        ticks = round(cell.beats * metre.beat_ticks)
        while ticks:
            part = min(ticks, left)
            bar.append(ChordCell(cell.chord, part / metre.beat_ticks, is_open=cell.is_open))
            ticks, left = ticks - part, left - part
            if not left:
                bars.append(tuple(bar))
                bar, left = [], metre.bar_ticks
    return tuple(bars)


def _bar_text(bar: Bar, metre: Meter, key: Key | None) -> str:
    names = ["?" if cell.is_open else cell.chord.symbol(key) if cell.chord else "N" for cell in bar]
    lengths = [round(cell.beats * metre.beat_ticks) for cell in bar]
    if len(set(lengths)) == 1:
        return " ".join(names)
    on_beats = all(length % metre.beat_ticks == 0 for length in lengths)
    unit = metre.beat_ticks if on_beats else gcd(*lengths)
    # Off the beat the name itself is repeated, for a bar without slashes is shared evenly.
    return " ".join(
        " ".join([name] + ["/" if on_beats else name] * (length // unit - 1))
        for name, length in zip(names, lengths, strict=True)
    )


def _without_comment(line: str) -> str:
    # A sharp follows a letter, a comment does not.
    return re.split(r"(?:^|(?<=[\s|\]]))#", line, maxsplit=1)[0]


def _fail(place: str, problem: str) -> NoReturn:
    raise ArgumentError(f"{place}: {problem}")
