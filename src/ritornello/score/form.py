"""Form: the plan of a song as a row of phrases, written ``i4A8B8x4A8B8o4``.

Letters follow Dai, Zhang and Dannenberg (2020): ``A B C …`` melodic phrase families, ``X`` melodic and not repeated,
``b c …`` repeated without melody, ``x`` other bars without melody, ``i`` intro, ``o`` outro. The number counts bars.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from ritornello.errors import ArgumentError

MAX_BARS = 10_000
"""Longest form that is accepted, in bars."""

_SEGMENT = re.compile(r"([A-Za-z])(\d+)")


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a form.

    Attributes:
        letter: the family, one letter; see the module.
        bars: length in bars, at least 1.
    """

    letter: str
    bars: int

    @property
    def is_melodic(self) -> bool:
        """Whether the segment has a melody (a capital letter)."""
        return self.letter.isupper()

    @property
    def is_repeatable(self) -> bool:
        """Whether other segments of the same letter repeat this one (all letters but X, x, i, o)."""
        return self.letter not in "Xxio"

    def __str__(self) -> str:
        return f"{self.letter}{self.bars}"


@dataclass(frozen=True)
class Form:
    """A row of segments from bar 0 on.

    Attributes:
        segments: at least one segment.
    """

    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        if not self.segments:
            raise ArgumentError("a form needs at least one segment, such as A8")
        for segment in self.segments:
            if not (len(segment.letter) == 1 and segment.letter.isascii() and segment.letter.isalpha()):
                raise ArgumentError(f"form letter '{segment.letter}' is not one of A to Z or a to z")
            if not 1 <= segment.bars <= MAX_BARS:
                raise ArgumentError(f"form segment '{segment}' needs 1 to {MAX_BARS} bars")
        if self.bars > MAX_BARS:
            raise ArgumentError(f"the form has {self.bars} bars; at most {MAX_BARS} are accepted")

    @classmethod
    def parse(cls, text: str) -> Form:
        """Read a form such as ``"i4A8B8x4A8B8o4"``; spaces are allowed between segments.

        Raises:
            ArgumentError: naming the place where the text stops being a form.
        """
        compact = "".join(text.split())
        if not compact:
            raise ArgumentError("the form is empty; write letters and bars, such as i4A8B8A8o4")
        segments: list[Segment] = []
        position = 0
        while position < len(compact):
            match = _SEGMENT.match(compact, position)
            if not match:
                raise ArgumentError(
                    f"form '{text[:60]}' does not parse at '{compact[position : position + 8]}'; "
                    "write a letter and a number of bars for each segment, such as i4A8B8A8o4"
                )
            if len(match[2]) > 5:
                raise ArgumentError(f"form segment '{match[0][:12]}…' needs 1 to {MAX_BARS} bars")
            segments.append(Segment(match[1], int(match[2])))
            position = match.end()
        return cls(tuple(segments))

    @property
    def bars(self) -> int:
        """Length in bars."""
        return sum(segment.bars for segment in self.segments)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """First bar of each segment, from 0."""
        starts = [0]
        for segment in self.segments[:-1]:
            starts.append(starts[-1] + segment.bars)
        return tuple(starts)

    @cached_property
    def repeats(self) -> tuple[int | None, ...]:
        """For each segment the index of the first one with its letter; None for that one and for unique segments."""
        first: dict[str, int] = {}
        result: list[int | None] = []
        for index, segment in enumerate(self.segments):
            result.append(first.get(segment.letter) if segment.is_repeatable else None)
            first.setdefault(segment.letter, index)
        return tuple(result)

    @cached_property
    def sections(self) -> tuple[tuple[int, int], ...]:
        """Sections as ranges ``(first, stop)`` of segment indices.

        The row is split at every ``X`` and at every run of other segments without melody of two or more bars; a
        section is what stands between (our rule): melodic phrases and single bars of ``x`` between them.
        """
        sections: list[tuple[int, int]] = []
        start: int | None = None
        index = 0
        while index < len(self.segments):
            stop = index + 1
            if self.segments[index].is_melodic and self.segments[index].letter != "X":
                start = index if start is None else start
            else:
                while stop < len(self.segments) and not self.segments[stop].is_melodic:
                    if self.segments[index].letter == "X":
                        break
                    stop += 1
                run = sum(segment.bars for segment in self.segments[index:stop])
                if self.segments[index].letter == "X" or run >= 2 or stop == len(self.segments):
                    if start is not None:
                        sections.append((start, index))
                    start = None
            index = stop
        if start is not None:
            sections.append((start, len(self.segments)))
        return tuple(sections)

    @property
    def letters(self) -> tuple[str, ...]:
        """The melodic letters except X, in order of first appearance."""
        seen = dict.fromkeys(s.letter for s in self.segments if s.is_melodic and s.letter != "X")
        return tuple(seen)

    def segment_at_bar(self, bar: int) -> int:
        """Return the index of the segment that contains a bar.

        Raises:
            ArgumentError: if the bar is outside the form.
        """
        for index, start in enumerate(self.starts):
            if start <= bar < start + self.segments[index].bars:
                return index
        raise ArgumentError(f"bar {bar} is outside the form, which has bars 0 to {self.bars - 1}")

    def __iter__(self) -> Iterator[Segment]:
        return iter(self.segments)

    def __len__(self) -> int:
        return len(self.segments)

    def __str__(self) -> str:
        return "".join(map(str, self.segments))
