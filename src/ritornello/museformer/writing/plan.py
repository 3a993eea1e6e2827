"""Plans: which bars of a song repeat, vary or copy which earlier ones, told as a form or bar by bar.

Ours: the paper (Yu et al., NeurIPS 2022) states that its songs cannot be controlled. Three ways to write one:

- a form, ``A8 B8 A8 C8 A8``: a segment repeats, bar by bar, the latest earlier one of its letter that is long enough;
  the letters that never repeat (``X``, ``x``, ``i``, ``o``) leave their bars free;
- bars, ``17-24=1-8; 33-40~9-16; 41-44!1-4``: ``=`` repeats, ``~`` varies, ``!`` copies note for note;
- a JSON file: a list of ``{"bars": "17-24", "source": "1-8", "kind": "repeat"}``.

Bars are counted from 1, as musicians do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ritornello.errors import ArgumentError
from ritornello.files import read_json
from ritornello.museformer.attention.bars import NO_SOURCE
from ritornello.score.form import Form

Kind = Literal["free", "repeat", "vary", "copy"]
"""What a bar does with its source."""

MAX_BARS = 1_000
"""Longest song that can be planned, in bars."""

SIGNS: dict[str, Kind] = {"=": "repeat", "~": "vary", "!": "copy"}
"""How a kind is written between a range and its source."""

BarRange: TypeAlias = tuple[int, int]
"""First and last bar, both included, from 1."""

_RANGE = re.compile(r"\s*(\d{1,9})\s*(?:[-–]\s*(\d{1,9})\s*)?")
_MAX_JSON_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Plan:
    """What each bar of a song is to do.

    Attributes:
        kinds: for each bar what it does; the song has as many bars.
        sources: for each bar the bar that it repeats, varies or copies, from 1; `NO_SOURCE` for free ones.
        form: the form it was made from, if any.
    """

    kinds: tuple[Kind, ...]
    sources: tuple[int, ...]
    form: Form | None = None

    def __post_init__(self) -> None:
        if len(self.kinds) != len(self.sources):
            raise ArgumentError(
                f"a plan needs a source for each of its {len(self.kinds)} bars, not {len(self.sources)}"
            )
        if not 1 <= self.bars <= MAX_BARS:
            raise ArgumentError(f"the plan has {self.bars} bars; 1 to {MAX_BARS} can be planned")
        for bar, (kind, source) in enumerate(zip(self.kinds, self.sources, strict=True), start=1):
            if kind != "free" and kind not in SIGNS.values():
                raise ArgumentError(f"bar {bar}: '{kind}' is no kind of plan; use repeat, vary, copy or free")
            if (kind == "free") != (source == NO_SOURCE):
                raise ArgumentError(f"bar {bar}: a free bar has no source, every other one has one")
            if source != NO_SOURCE and not 1 <= source < bar:
                raise ArgumentError(f"bar {bar} cannot follow bar {source}: a source is an earlier bar, from 1 on")

    @property
    def bars(self) -> int:
        """Length of the song in bars."""
        return len(self.kinds)

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The planned bars with their sources, from 1."""
        return tuple((bar, source) for bar, source in enumerate(self.sources, start=1) if source != NO_SOURCE)

    @classmethod
    def parse(cls, text: str, bars: int | None = None) -> Plan:
        """Read a plan as a person writes it: a form, bars, or the name of a JSON file.

        Args:
            text: see the module.
            bars: length of the song; None for the form's length, or the last bar that is named.

        Raises:
            ArgumentError: if the text is no plan, or a bar or source does not exist, comes too late or comes twice.
            ReadError: if the JSON file cannot be read.
        """
        if not text.strip():
            raise ArgumentError("the plan is empty; write a form such as 'A8 B8 A8', or bars such as '17-24=1-8'")
        if text.strip().lower().endswith(".json"):
            return cls.read(Path(text.strip()), bars)
        if any(sign in text for sign in SIGNS):
            return cls.from_ranges([_entry(words) for words in re.split(r"[;,\n]", text) if words.strip()], bars)
        try:
            form = Form.parse(text)
        except ArgumentError as error:
            raise ArgumentError(f"plan: {error}; or name bars, such as '17-24=1-8'") from None
        return cls.from_form(form, bars)

    @classmethod
    def read(cls, path: Path, bars: int | None = None) -> Plan:
        """Read a plan from a JSON file; see the module.

        Raises:
            ReadError: if the file cannot be read.
            ArgumentError: if it holds no plan.
        """
        data = read_json(path, _MAX_JSON_BYTES)
        if not isinstance(data, list) or not data:
            raise ArgumentError(f'{path}: a plan is a list of {{"bars": "17-24", "source": "1-8", "kind": "repeat"}}')
        try:
            return cls.from_ranges([_json_entry(entry) for entry in data], bars)
        except ArgumentError as error:
            raise ArgumentError(f"{path}: {error}") from None

    @classmethod
    def from_form(cls, form: Form, bars: int | None = None) -> Plan:
        """Return the plan of a form: segments of a letter repeat each other, bar by bar, as far as both go.

        Args:
            form: the form.
            bars: length of the song; what comes after the form is free.

        Raises:
            ArgumentError: if the form is longer than the song or than can be planned.
        """
        if form.bars > MAX_BARS:
            raise ArgumentError(f"the form has {form.bars} bars; at most {MAX_BARS} can be planned")
        kinds: list[Kind] = []
        sources: list[int] = []
        for index, segment in enumerate(form):
            earlier = [
                (start, other.bars)
                for other, start in zip(form.segments[:index], form.starts, strict=False)
                if other.letter == segment.letter and segment.is_repeatable
            ]
            for bar in range(segment.bars):
                found = [start + bar + 1 for start, length in earlier if length > bar]
                kinds.append("repeat" if found else "free")
                sources.append(found[-1] if found else NO_SOURCE)
        return cls(tuple(kinds), tuple(sources), form).with_bars(bars if bars is not None else form.bars)

    @classmethod
    def from_ranges(cls, entries: Iterable[tuple[BarRange, BarRange, Kind]], bars: int | None = None) -> Plan:
        """Return the plan of ranges of bars, their sources and what they do with them.

        Args:
            entries: the ranges.
            bars: length of the song; None for the last bar that is named.

        Raises:
            ArgumentError: if a range differs from its source in length, a bar is planned twice or lies outside.
        """
        chosen: dict[int, tuple[int, Kind]] = {}
        for (first, last), (start, stop), kind in entries:
            name, source = _name(first, last), _name(start, stop)
            if not 1 <= first <= last or not 1 <= start <= stop:
                raise ArgumentError(f"plan: bars {name} and {source}: bars count from 1 and ranges rise")
            if last > MAX_BARS:
                raise ArgumentError(f"plan: bar {last} is too far; at most {MAX_BARS} bars can be planned")
            if last - first != stop - start:
                sizes = f"{last - first + 1} and {stop - start + 1} bars"
                raise ArgumentError(f"plan: bars {name} and their source {source} have {sizes}; make them equally long")
            for bar in range(first, last + 1):
                if bar in chosen:
                    raise ArgumentError(f"plan: bar {bar} is planned twice; leave one out")
                chosen[bar] = start + bar - first, kind
        length = max(chosen, default=1) if bars is None else bars
        if chosen and max(chosen) > length:
            raise ArgumentError(f"plan: bar {max(chosen)} is outside the song, which has {length} bars")
        free: tuple[int, Kind] = (NO_SOURCE, "free")
        planned = [chosen.get(bar, free) for bar in range(1, length + 1)]
        return cls(tuple(kind for _, kind in planned), tuple(source for source, _ in planned))

    def with_bars(self, bars: int) -> Plan:
        """Return the plan for a song of so many bars; bars after its end are free.

        Raises:
            ArgumentError: if the song is shorter than the plan.
        """
        if bars < self.bars:
            raise ArgumentError(f"plan: bar {self.bars} is outside the song, which has {bars} bars")
        if bars > MAX_BARS:
            raise ArgumentError(f"{bars} bars are too many; 1 to {MAX_BARS} can be planned")
        more = bars - self.bars
        free: list[Kind] = ["free"] * more
        return Plan((*self.kinds, *free), (*self.sources, *[NO_SOURCE] * more), self.form)

    def __str__(self) -> str:
        """The plan as `parse` reads it."""
        if self.form is not None:
            return " ".join(map(str, self.form))
        signs = {kind: sign for sign, kind in SIGNS.items()}
        texts = [f"{_name(*bars)}{signs[kind]}{_name(*source)}" for bars, source, kind in self._ranges()]
        return "; ".join(texts)

    def _ranges(self) -> Sequence[tuple[BarRange, BarRange, Kind]]:
        ranges: list[tuple[BarRange, BarRange, Kind]] = []
        for bar, source in self.pairs:
            kind = self.kinds[bar - 1]
            if ranges and ranges[-1][2] == kind and ranges[-1][0][1] == bar - 1 and ranges[-1][1][1] == source - 1:
                (first, _), (start, _), _ = ranges.pop()
                ranges.append(((first, bar), (start, source), kind))
            else:
                ranges.append(((bar, bar), (source, source), kind))
        return ranges


def parse_range(text: str) -> BarRange:
    """Return the first and last bar of a range such as ``17-24`` or ``17``.

    Raises:
        ArgumentError: if the text is no range, or the range falls.
    """
    match = _RANGE.fullmatch(text)
    if match is None:
        raise ArgumentError(f"'{text[:40]}' is no range of bars; write 17-24, or 17 for one bar")
    first, last = int(match[1]), int(match[2] or match[1])
    if not 1 <= first <= last:
        raise ArgumentError(f"bars {text.strip()}: bars count from 1, and a range goes from the lower to the higher")
    return first, last


def _entry(text: str) -> tuple[BarRange, BarRange, Kind]:
    sign = next((sign for sign in SIGNS if sign in text), None)
    left, _, right = text.partition(sign or "=")
    if sign is None or any(other in right for other in SIGNS):
        raise ArgumentError(f"plan: '{text.strip()[:40]}' does not parse; write bars=source, such as 17-24=1-8")
    try:
        return parse_range(left), parse_range(right), SIGNS[sign]
    except ArgumentError as error:
        raise ArgumentError(f"plan: {error}") from None


def _json_entry(entry: Any) -> tuple[BarRange, BarRange, Kind]:
    if not isinstance(entry, dict) or not {"bars", "source"} <= set(entry) <= {"bars", "source", "kind"}:
        raise ArgumentError(f"plan: {json.dumps(entry)[:80]} needs bars and source, and may have a kind")
    kind = entry.get("kind", "repeat")
    if kind not in SIGNS.values():
        raise ArgumentError(f"plan: kind '{str(kind)[:40]}' is not repeat, vary or copy")
    return parse_range(str(entry["bars"])), parse_range(str(entry["source"])), kind


def _name(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
