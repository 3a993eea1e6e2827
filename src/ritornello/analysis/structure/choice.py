"""The choice of one analysis among those of short description: regular lengths, natural endings, good cover.

Follows Dai, Zhang and Dannenberg (2020): unnatural boundaries are rejected, the rest is weighed by the description
length before and after leftover bars were settled, a penalty for irregular phrase lengths, and the bars covered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ritornello.analysis.structure.labelling import Piece, Row
from ritornello.analysis.structure.lines import Lines

BEFORE_WEIGHT = 0.95

KEEP_IF_SHORT_AFTER = 2.2
"""Fifteenths of the melodic bars by which a row may be longer before, if it is short enough after."""


@dataclass(frozen=True)
class Reading:
    """One possible analysis.

    Attributes:
        before: the row before leftover bars were settled.
        after: the row after.
        cost_before: description length of the one.
        cost_after: description length of the other.
        score: match score of the families.
        is_natural: whether no phrase ends in an unnatural place; see `has_unnatural_boundary`.
    """

    before: Row
    after: Row
    cost_before: float
    cost_after: float
    score: float
    is_natural: bool


def choose(lines: Lines, readings: Sequence[Reading]) -> tuple[Reading, float]:
    """Return the reading with the lowest cost, and that cost (J).

    Args:
        lines: the song.
        readings: at least one.
    """
    natural = [reading for reading in readings if reading.is_natural] or list(readings)
    unit = lines.melodic_bars / 15
    best_before = min(reading.cost_before for reading in natural)
    best_after = min(reading.cost_after for reading in natural)
    kept = [
        reading
        for reading in natural
        if reading.cost_before <= best_before + unit
        or (reading.cost_before <= best_before + KEEP_IF_SHORT_AFTER * unit and reading.cost_after <= best_after + unit)
    ]
    lowest = [
        min(reading.cost_before for reading in kept),
        min(reading.cost_after for reading in kept),
        min(reading.cost_before + reading.cost_after for reading in kept),
    ]
    most_before = max(_covered(reading.before) for reading in kept)
    most_after = max(_covered(reading.after) for reading in kept)

    def judged(reading: Reading) -> float:
        missing_after = most_after - _covered(reading.after)
        missing_before = most_before - _covered(reading.before)
        irregular = irregularity(reading.after)
        total = reading.cost_after + BEFORE_WEIGHT * reading.cost_before + irregular
        return total + 0.5 * missing_after + 0.1 * missing_before

    outright = [
        reading
        for reading in kept
        if reading.cost_before <= lowest[0] + 1e-9
        and reading.cost_after <= lowest[1] + 1e-9
        and reading.cost_before + reading.cost_after <= lowest[2] + 1e-9
    ]
    if len(outright) == 1 and _is_alone(kept, lowest[0], lowest[1]):
        return outright[0], judged(outright[0])
    best = min(
        kept,
        key=lambda reading: (round(judged(reading), 6), -round(reading.score, 6), -_covered(reading.after)),
    )
    return best, judged(best)


def _is_alone(readings: Sequence[Reading], before: float, after: float) -> bool:
    """Return whether only one reading has the lowest length before, and only one the lowest after."""
    shortest_before = sum(reading.cost_before <= before + 1e-9 for reading in readings)
    shortest_after = sum(reading.cost_after <= after + 1e-9 for reading in readings)
    return shortest_before == shortest_after == 1


def _covered(row: Row) -> int:
    grace = 1 if row[-1].letter == "X" else 0
    return sum(piece.bars for piece in row if piece.letter != "X") + grace


def has_unnatural_boundary(lines: Lines, row: Row) -> bool:
    """Return whether a phrase of irregular length stops short of, or behind, a long note, before another letter."""
    per_bar, notes = lines.sixteenths_per_bar, lines.longest_notes
    for piece, after in pairwise(row):
        if not piece.is_phrase or piece.bars % 4 == 0 or after.letter in "xXio" or after.letter == piece.letter:
            continue
        l1, l2 = notes[piece.stop - 1], notes[after.start]
        l0 = notes[piece.stop - 2]
        if (
            (l1 <= per_bar // 2 - 2 and (l2 >= per_bar - 4 or l0 >= per_bar - 4))
            or (l1 <= 4 and (l2 - l1 >= 4 or l0 - l1 >= 4))
            or (l1 <= 8 and l0 >= 14)
        ):
            return True
    return False


def irregularity(row: Row) -> float:
    """Return V, the penalty for phrases of irregular length."""
    row = _with_completing_bars(row)
    total = 0.0
    for letter in dict.fromkeys(piece.letter for piece in row if piece.is_phrase):
        own = [index for index, piece in enumerate(row) if piece.letter == letter]
        mean = sum(row[index].bars for index in own) / len(own)
        target = 16 if mean > 14 else 12 if mean > 11 else 8 if mean > 6 else 4
        full_inside = any(
            row[index].bars == target and index + 1 < len(row) and row[index + 1].letter != "o" for index in own
        )
        for index in own:
            excess = row[index].bars - target
            if excess < 0:
                total += 32 / target if full_inside else 2
            elif excess > 0:
                total += _excess_cost(excess, target, row[index + 1] if index + 1 < len(row) else None)
    phrases = [index for index, piece in enumerate(row) if piece.is_phrase]
    for index in phrases:
        if index + 1 < len(row) and row[index + 1].is_phrase:
            pair = (row[index], row[index + 1])
            short = min(pair, key=lambda piece: piece.bars)
            if abs(pair[0].bars - pair[1].bars) >= 7 and short.bars <= 6 and not _repeats_beside(row, short):
                total += 2
    bars = sum(piece.bars for piece in row if piece.letter not in "io")
    return total * max(1.0, bars / 60)


def _excess_cost(excess: int, target: int, after: Piece | None) -> float:
    if excess == 1 and target != 12:
        return 0.0
    if excess == 2 and (target > 4 or after is None or after.letter.islower()):
        return 0.25
    return (excess / 2) ** 2


def _repeats_beside(row: Row, piece: Piece) -> bool:
    index = row.index(piece)
    return any(0 <= other < len(row) and row[other].letter == piece.letter for other in (index - 1, index + 1))


def _with_completing_bars(row: Row) -> Row:
    """Return the row with single bars of ``x`` that complete a multiple of four joined to their phrase."""
    pieces: list[Piece] = []
    for piece in row:
        before = pieces[-1] if pieces else None
        completes = before is not None and before.is_phrase and (before.bars + 1) % 4 == 0
        if before is not None and piece.letter == "x" and piece.bars == 1 and completes:
            pieces[-1] = before.longer(1)
        else:
            pieces.append(piece)
    return tuple(pieces)


def finish(row: Row) -> Row:
    """Return the row with single leftover bars joined to the phrase before them."""
    lengths = {(piece.letter, piece.bars) for piece in row}
    pieces: list[Piece] = []
    for index, piece in enumerate(row):
        before = pieces[-1] if pieces else None
        if (
            before is not None
            and before.is_phrase
            and before.stop == piece.start
            and piece.is_uncovered
            and piece.bars == 1
        ):
            after = row[index + 1] if index + 1 < len(row) else None
            follows = after is None or after.letter.isupper()
            if (follows and (piece.letter == "x" or (before.bars + 1) % 4 == 0)) or (
                (before.letter, before.bars + 1) in lengths
            ):
                pieces[-1] = before.longer(1)
                continue
        pieces.append(piece)
    return tuple(pieces)
