"""Leftover bars: what follows a phrase and belongs to no family may be the end of that phrase.

Follows Dai, Zhang and Dannenberg (2020): a phrase tends to end where its longest note is, so up to two bars after it
are moved into it when their notes are longer. LN below is a bar's longest note with the rest after it.
"""

from __future__ import annotations

from collections.abc import Set

from ritornello.analysis.structure.labelling import MELODIC_LETTERS, Piece, Row, description_length, renamed
from ritornello.analysis.structure.lines import Lines

MatchSet = Set[tuple[int, int, int]]
"""Matching pairs as ``(bars, first bar, first bar)``."""


def settle(lines: Lines, row: Row, matches: MatchSet) -> Row:
    """Return the row with its leftover bars given to phrases where they belong, and its letters in order."""
    small = _refine(lines, _absorb(lines, row, longest=2), matches)
    whole = _refine(lines, _absorb(lines, row, longest=None), matches)
    return small if description_length(small) < description_length(whole) - 1e-9 else whole


def _absorb(lines: Lines, row: Row, longest: int | None) -> Row:
    pieces = list(row)
    lowest: dict[str, int] = {}
    index = 0
    while index < len(pieces):
        phrase = pieces[index]
        if phrase.is_phrase:
            if index + 1 < len(pieces):
                rest = pieces[index + 1]
                loose = rest.letter == "X" or (rest.letter == "x" and not lines.is_empty(rest.start, rest.stop))
                if loose and (longest is None or rest.bars <= longest):
                    after = pieces[index + 2] if index + 2 < len(pieces) else None
                    moved = _bars_to_move(lines, phrase, rest, after, min(lowest.get(phrase.letter, 8), 8))
                    pieces[index : index + 2] = _move(phrase, rest, moved)
            last = lines.longest_notes[pieces[index].stop - 1]
            lowest[phrase.letter] = min(lowest.get(phrase.letter, last), last)
        index += 1
    return tuple(pieces)


def _move(phrase: Piece, rest: Piece, bars: int) -> list[Piece]:
    longer = phrase.longer(bars)
    if bars == rest.bars:
        return [longer]
    return [longer, Piece(rest.letter, rest.start + bars, rest.bars - bars)]


def _bars_to_move(lines: Lines, phrase: Piece, rest: Piece, after: Piece | None, low: int) -> int:
    """Return how many leftover bars, 0 to 2, belong to a phrase; ``low`` is its letter's shortest last note so far."""
    notes = lines.longest_notes
    ln0, ln1 = notes[phrase.stop - 1], notes[rest.start]
    ln2 = notes[rest.start + 1] if rest.bars > 1 else 0
    extended = max(low, 6)
    if extended < 8 and extended < ln0 + 2:
        extended = ln0 + 2
    f0, f1, f2 = ln0 >= low, ln1 >= extended, ln2 >= extended
    if rest.bars > 1 and lines.is_empty(rest.start + 1, rest.start + 2, 0):
        f2 = False
    if lines.is_empty(rest.start, rest.start + 1, 0) or lines.is_empty(phrase.stop - 1, phrase.stop, 0):
        f1 = f2 = False
    capital_follows = after is not None and after.letter.isupper()
    if phrase.bars % 4 == 0 and (
        (ln0 >= 8 and (rest.bars > 2 or capital_follows)) or (rest.letter == "x" and ln0 >= 4)
    ):
        f0, f1, f2 = True, False, False
    if f0 == f1 == f2:
        moved = 2 if ln2 >= max(ln0, ln1) else 1 if ln1 >= max(ln0, ln2) else 0
    elif f1 and f2:
        moved = 2 if ln2 >= ln1 else 1
    elif f2:
        moved = 2 if not f0 or ln2 >= ln0 else 0
    elif f1:
        moved = 1 if not f0 or ln1 >= ln0 else 0
    else:
        moved = 0
    return min(moved, rest.bars)


def _refine(lines: Lines, row: Row, matches: MatchSet) -> Row:
    """Return the row after the last steps: a letter for two matching X, phrases of eight bars, silent X."""
    row = _pair_of_leftovers(row, matches)
    row = _complete_eights(renamed(row), matches)
    return _quiet_leftovers(lines, row)


def _pair_of_leftovers(row: Row, matches: MatchSet) -> Row:
    loose = [piece for piece in row if piece.letter == "X" and piece.bars >= 4]
    letter = next((name for name in MELODIC_LETTERS if all(piece.letter != name for piece in row)), None)
    for index, first in enumerate(loose):
        for second in loose[index + 1 :]:
            if first.bars == second.bars and (first.bars, first.start, second.start) in matches and letter:
                return tuple(Piece(letter, p.start, p.bars) if p in (first, second) else p for p in row)
    return row


def _complete_eights(row: Row, matches: MatchSet) -> Row:
    pieces = list(row)
    for letter in dict.fromkeys(piece.letter for piece in row if piece.is_phrase):
        lengths = [piece.bars for piece in pieces if piece.letter == letter]
        if min(lengths) <= 5:
            continue
        ready = [
            index
            for index in range(len(pieces) - 1)
            if pieces[index].letter == letter
            and pieces[index].bars in (6, 7)
            and pieces[index + 1].letter == "X"
            and pieces[index].bars + pieces[index + 1].bars == 8
        ]
        starts = [pieces[index].start for index in ready]
        fit = [
            index
            for index, start in zip(ready, starts, strict=True)
            if any((8, min(start, other), max(start, other)) in matches for other in starts if other != start)
        ]
        for index in reversed(fit):
            pieces[index : index + 2] = [Piece(letter, pieces[index].start, 8)]
    return tuple(pieces)


def _quiet_leftovers(lines: Lines, row: Row) -> Row:
    """Return the row with silent ``X`` as ``x``, joined to an ``x`` or ``o`` that follows."""
    pieces: list[Piece] = []
    for piece in reversed(row):
        if piece.letter == "X" and lines.is_empty(piece.start, piece.stop):
            after = pieces[-1] if pieces else None
            if after is not None and after.letter in "xo":
                pieces[-1] = Piece(after.letter, piece.start, piece.bars + after.bars)
            else:
                pieces.append(Piece("x", piece.start, piece.bars))
        else:
            pieces.append(piece)
    return tuple(reversed(pieces))
