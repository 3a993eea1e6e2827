"""Chords where a plan gives none: bar by bar from counts of the training phrases, loops kept as loops, with cadences.

Our design. A bar repeats an earlier one of its phrase or is drawn chord by chord, each after the two before it. The
root of the last chord comes from counts of endings (V is followed by I at .85 of section ends); a song ends on its
tonic. Single chords that are open between given ones are drawn to lead on to what follows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ritornello.frameworks.chance import Chance
from ritornello.frameworks.tables import (
    Tables,
    bar_contexts,
    change_contexts,
    chord_contexts,
    clearer,
    ending_contexts,
    place_name,
    root_of,
)

FloatArray = NDArray[np.float64]

TOP_P = 0.85
"""Share of the likeliest chords that are drawn from."""

LAST_BARS = 2
"""Bars before the end in which the last chord may start."""


class ChordWriter:
    """Draws chords as symbols relative to the key, see `tables`.

    Args:
        tables: the counts.
        mode: ``"major"`` or ``"minor"``.
        beats: beats in a bar.
    """

    def __init__(self, tables: Tables, mode: str, beats: int) -> None:
        self.tables, self.mode, self.beats = tables, mode, beats
        self.known_metre = beats if (beats,) in tables["change"].rows else 4

    @property
    def tonic(self) -> str:
        """The symbol of the tonic chord."""
        return "0 maj 0" if self.mode == "major" else "0 min 0"

    def phrase(self, bars: int, ends_section: bool, closes: bool, chance: Chance) -> list[str]:
        """Return the chords of a phrase, one symbol a beat.

        Args:
            bars: length in bars.
            ends_section: whether it ends a section.
            closes: whether the song ends with it.
            chance: the phrase's place.
        """
        chords: list[str] = []
        mask_before = 0
        for bar in range(bars):
            here = chance.at(bar)
            place = place_name(ends_section, bar == bars - 1)
            lag = self._drawn("bar", bar_contexts(self.known_metre, bar, bars, place), here.at("repeats")) if bar else 0
            if lag and bar >= int(lag):
                at = (bar - int(lag)) * self.beats
                chords += chords[at : at + self.beats]
                mask_before = _mask(chords[at : at + self.beats])
                continue
            contexts = change_contexts(self.known_metre, mask_before, place)
            mask = int(self._drawn("change", contexts, here.at("changes"))) | 1
            for beat in range(self.beats):
                if mask >> beat & 1:
                    before, earlier = last_two(chords)
                    contexts = chord_contexts(self.mode, before, earlier, beat == 0)
                    chords.append(str(self._drawn("chord", contexts, here.at(beat))))
                else:
                    chords.append(chords[-1])
            mask_before = mask
        self._end(chords, ends_section, closes, chance.at("ending"))
        return chords

    def single(self, before: str, earlier: str, following: str, on_bar: bool, chance: Chance) -> str:
        """Return a chord between others ("" where there is none): likely after those, and leading to what follows."""
        items, weights = self.tables["chord"].distribution(*chord_contexts(self.mode, before, earlier, on_bar))
        if not items:
            return self.tonic
        if following:
            onward = [self._onward(str(item), before, following) for item in items]
            weights = weights * np.array(onward)
        weights = np.where([item == before for item in items], 0, weights) if len(items) > 1 else weights
        return str(items[chance.draw(weights, top_p=TOP_P)])

    def ending(self, chords: list[str], ends_section: bool, closes: bool, chance: Chance) -> list[str]:
        """Return the chords of a phrase, one a beat, with another last chord."""
        changed = list(chords)
        self._end(changed, ends_section, closes, chance)
        return changed

    def _onward(self, chord: str, before: str, following: str) -> float:
        items, weights = self.tables["chord"].distribution(*chord_contexts(self.mode, chord, before, True))
        return float(weights[items.index(following)]) if following in items else 1e-4

    def _drawn(self, table: str, contexts: tuple[tuple[str | int, ...], ...], chance: Chance) -> str | int:
        items, weights = self.tables[table].distribution(*contexts)
        if not items:
            return self.tonic if table == "chord" else 0
        return items[chance.draw(weights, top_p=TOP_P if table == "chord" else 0.97)]

    def _end(self, chords: list[str], ends_section: bool, closes: bool, chance: Chance) -> None:
        """Give the last two chords the roots that the counts of endings draw; a song's last chord is the tonic."""
        last = _start_of_last(chords, len(chords), self.beats * LAST_BARS)
        items, weights = self.tables["ending"].distribution(*ending_contexts(self.mode, place_name(ends_section)))
        weights = clearer(weights, ends_section)
        if closes:
            weights = np.where([str(item).endswith(" 0") for item in items], weights, 0)
        if not items or not weights.any() or len(chords) < 2:
            chords[last:] = [self.tonic if closes else chord for chord in chords[last:]]
            return
        before_root, root = (int(part) for part in str(items[chance.at("roots").draw(weights)]).split(" "))
        first = _start_of_last(chords, last, self.beats)
        if last and root_of(chords[last - 1]) != before_root:
            chosen = self._with_root(before_root, chords[:first], chance.at("before"))
            chords[first:last] = [chosen] * (last - first)
        if root_of(chords[-1]) != root or closes:
            chosen = self.tonic if closes else self._with_root(root, chords[:last], chance.at("chord"))
            chords[last:] = [chosen] * (len(chords) - last)

    def _with_root(self, root: int, before: Sequence[str], chance: Chance) -> str:
        """Return a chord on a root that is likely after others, else the usual one on it."""
        contexts = chord_contexts(self.mode, *last_two(before), True)
        for some in (contexts, contexts[-1:]):
            items, weights = self.tables["chord"].distribution(*some)
            fitting = np.where([root_of(str(item)) == root for item in items], weights, 0)
            if fitting.any():
                return str(items[chance.draw(fitting, top_p=TOP_P)])
        return f"{root} maj 0"


def _start_of_last(chords: Sequence[str], stop: int, most: int) -> int:
    """Return where the chord that ends at beat ``stop`` begins, at most so many beats before; half if it is longer."""
    start = stop
    while start > 0 and stop - start < most and root_of(chords[start - 1]) == root_of(chords[stop - 1]):
        start -= 1
    longer = start > 0 and root_of(chords[start - 1]) == root_of(chords[stop - 1])
    return max(1 if stop > 1 else 0, stop - most // 2 if longer or start == 0 else start)


def last_two(chords: Sequence[str]) -> tuple[str, str]:
    """Return the last two different chords, the last first; "" where there is none."""
    if not chords:
        return "", ""
    before = chords[-1]
    earlier = next((chord for chord in reversed(chords) if chord != before), "")
    return before, earlier


def _mask(bar: Sequence[str]) -> int:
    return 1 + sum(1 << beat for beat in range(1, len(bar)) if bar[beat] != bar[beat - 1])
