"""From a cover to a row of segments, and its description length.

Follows Dai, Zhang and Dannenberg (2020): letters in order of appearance, bars between families read as ``x`` (no
melody) or ``X`` (melody that does not come back), intro and outro; the description length that the search minimises.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ritornello.analysis.structure.families import Family
from ritornello.analysis.structure.lines import Lines
from ritornello.analysis.structure.search import BAR_COST, SEGMENT_COST

MELODIC_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWYZ"
OTHER_LETTERS = "bcdefghjklmnpqrstuvwyza"
"""Letters of families; X, x, i and o have meanings of their own."""


class Piece(NamedTuple):
    """A segment with its place: letter, first bar, length in bars."""

    letter: str
    start: int
    bars: int

    @property
    def stop(self) -> int:
        """The bar line after its last bar."""
        return self.start + self.bars

    def longer(self, bars: int) -> Piece:
        """Return the segment with so many bars more at its end."""
        return Piece(self.letter, self.start, self.bars + bars)

    @property
    def is_phrase(self) -> bool:
        """Whether it is a melodic phrase that comes back: a capital other than X."""
        return self.letter.isupper() and self.letter != "X"

    @property
    def is_uncovered(self) -> bool:
        """Whether it belongs to no family and is neither intro nor outro."""
        return self.letter in "xX"


Row = tuple[Piece, ...]


class Labeller:
    """Turns covers of one song into rows of segments.

    Args:
        lines: the song.
        families: the families that covers refer to.
    """

    def __init__(self, lines: Lines, families: Sequence[Family]) -> None:
        self.lines = lines
        self.families = families
        self._gaps: dict[tuple[int, int], Row] = {}

    def row(self, cover: Sequence[int]) -> Row:
        """Return the segments of a cover, from bar 0 to the last bar."""
        lines = self.lines
        placed = sorted((start, index) for index in cover for start in self.families[index].starts)
        pieces: list[Piece] = []
        if lines.real_start:
            pieces.append(Piece("i", 0, lines.real_start))
        position = lines.real_start
        names: dict[int, str] = {}
        letters = {True: iter(MELODIC_LETTERS), False: iter(OTHER_LETTERS)}
        for start, index in placed:
            family = self.families[index]
            pieces.extend(self._gap(position, start))
            if index not in names:
                names[index] = next(letters[family.is_melodic], "X" if family.is_melodic else "x")
            pieces.append(Piece(names[index], start, family.bars))
            position = start + family.bars
        if position < lines.real_end:
            pieces.append(Piece("X", position, lines.real_end - position))
        if lines.real_end < lines.bars:
            pieces.append(Piece("o", lines.real_end, lines.bars - lines.real_end))
        return tuple(pieces)

    def _gap(self, start: int, stop: int) -> Row:
        if (start, stop) not in self._gaps:
            self._gaps[start, stop] = _read_gap(self.lines, start, stop) if stop > start else ()
        return self._gaps[start, stop]


def _read_gap(lines: Lines, start: int, stop: int) -> Row:
    """Return the bars between two families as ``x`` and ``X``."""
    per_bar = lines.sixteenths_per_bar
    if lines.is_held_over(start, stop):
        return (Piece("x", start, stop - start),)
    rest = lines.long_rest(start, stop)
    opening = lines.cut_bars(start, stop)[0]
    if rest is not None:
        bar, remainder = divmod(rest[0], per_bar)
        low = bar + (remainder > 4)
        bar, remainder = divmod(rest[1], per_bar)
        high = bar + (remainder > per_bar // 2)
        if stop * per_bar - rest[1] <= per_bar // 2:
            high = stop
        cuts = [("X", start, low), ("x", low, high), ("X", high, stop)]
    elif opening >= per_bar:
        bar, remainder = divmod(opening, per_bar)
        high = start + bar + (remainder > per_bar // 2)
        cuts = [("x", start, high), ("X", high, stop)]
    else:
        cuts = [("X", start, stop)]
    return tuple(Piece(letter, first, last - first) for letter, first, last in cuts if last > first)


def renamed(row: Row) -> Row:
    """Return the row with letters in order of first appearance."""
    names: dict[str, str] = {}
    letters = {True: iter(MELODIC_LETTERS), False: iter(OTHER_LETTERS)}
    for piece in row:
        if piece.letter not in names:
            keep = piece.letter in "xXio"
            names[piece.letter] = piece.letter if keep else next(letters[piece.letter.isupper()])
    return tuple(Piece(names[piece.letter], piece.start, piece.bars) for piece in row)


def with_last_bars(row: Row) -> Row:
    """Return the row with single bars of ``x`` joined to the melodic phrase before them, as the cost counts them.

    They join if a capital letter or the end follows, or if the phrase's letter also occurs one bar longer.
    """
    lengths = {(piece.letter, piece.bars) for piece in row}
    pieces: list[Piece] = []
    for index, piece in enumerate(row):
        before = row[index - 1] if index else None
        if piece.letter == "x" and piece.bars == 1 and before is not None and before.is_phrase:
            after = row[index + 1] if index + 1 < len(row) else None
            if after is None or after.letter.isupper() or (before.letter, before.bars + 1) in lengths:
                pieces[-1] = before.longer(1)
                continue
        pieces.append(piece)
    return tuple(pieces)


def description_length(row: Row) -> float:
    """Return SDL, the structure description length of a row."""
    row = with_last_bars(row)
    total = -2.0
    occurrences: dict[str, list[int]] = {}
    before: Piece | None = None
    for piece in row:
        if piece.is_uncovered:
            total += BAR_COST * piece.bars
            opens = before is None or not before.is_uncovered
            if before is None or opens or (min(before.bars, piece.bars) >= 2 and before.bars + piece.bars > 4):
                total += SEGMENT_COST
        else:
            occurrences.setdefault(piece.letter, []).append(piece.bars)
        before = piece
    for bars in occurrences.values():
        total += SEGMENT_COST * len(bars) + BAR_COST * sum(bars) / len(bars)
    return total


def text(row: Row) -> str:
    """Return the row as a form string."""
    return "".join(f"{piece.letter}{piece.bars}" for piece in row)
