"""Errors of the bar grammar, found by a plain loop that knows nothing of the automaton that sampling uses.

The rules and numbers are written out here a second time on purpose: a mistake in `grammar` or `vocabulary` must not
hide itself. A bar is ``[<c>] [u-k] t-x ( o-k ( i-y ( p d v )+ )+ )* b-1``; tempi 7 to 44 (24 to 200 quarter notes a
minute), onsets 0 to 47 rising, families in the order 80, 128, 43, 25, 0, 48 within an onset, pitches falling within a
family, drum pitches after ``i-128`` only and others elsewhere, durations 1 to 48, velocities 0 to 31, plan 0 to 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

# First id, number of ids of each kind that a bar may hold.
_KINDS = {
    "b": (5, 1), "o": (6, 48), "i": (70, 6), "p": (76, 256), "d": (333, 48), "v": (460, 32), "t": (499, 38),
    "c": (541, 1), "u": (543, 3),
}  # fmt: skip
_FAMILY_PLACES = {74: 0, 75: 1, 72: 2, 71: 3, 70: 4, 73: 5}
_DRUMS = 75

_MAY_FOLLOW = {
    "": "cut", "c": "ut", "u": "t", "t": "ob", "o": "i", "i": "p", "p": "d", "d": "v", "v": "piob", "b": "",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GrammarError:
    """A token that breaks the grammar.

    Attributes:
        bar: number of the bar, from 1.
        position: number of the token in its bar, from 1; one more than the bar has if it is not closed.
        reason: what is wrong.
    """

    bar: int
    position: int
    reason: str

    def __str__(self) -> str:
        return f"bar {self.bar}, token {self.position}: {self.reason}"


def grammar_errors(bars: Iterable[ArrayLike]) -> list[GrammarError]:
    """Return every error of a song's bars; an empty list means none.

    Args:
        bars: token ids of each bar, without ``</s>``.
    """
    errors: list[GrammarError] = []
    for number, bar in enumerate(bars, start=1):
        errors += [GrammarError(number, place, reason) for place, reason in _bar_errors(np.asarray(bar).tolist())]
    return errors


def _bar_errors(ids: list[int]) -> list[tuple[int, str]]:
    errors: list[tuple[int, str]] = []
    before = ""
    onset, family, family_place, pitch = -1, -1, -1, 1000
    for place, id in enumerate(ids, start=1):
        kind = next((name for name, (first, count) in _KINDS.items() if first <= id < first + count), "?")
        if kind == "?":
            errors.append((place, f"id {id} does not belong in a bar"))
            continue
        if kind not in _MAY_FOLLOW[before]:
            errors.append((place, f"a token of kind {kind} cannot follow {before or 'the bar line'}"))
        before = kind
        if kind == "o":
            if id - 6 <= onset:
                errors.append((place, f"onset {id - 6} after onset {onset}"))
            onset, family_place = id - 6, -1
        elif kind == "i":
            if _FAMILY_PLACES[id] <= family_place:
                errors.append((place, "families out of order"))
            family, family_place, pitch = id, _FAMILY_PLACES[id], 1000
        elif kind == "p":
            if (id - 76 >= 128) != (family == _DRUMS):
                errors.append((place, f"pitch {id - 76} does not belong to this family"))
            if id - 76 >= pitch:
                errors.append((place, f"pitch {id - 76} after pitch {pitch}"))
            pitch = id - 76
    if before != "b":
        errors.append((len(ids) + 1, "the bar is not closed"))
    return errors
