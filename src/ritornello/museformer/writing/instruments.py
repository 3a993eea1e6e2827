"""Which instruments may play in which bars: ``melody,drums,bass``, or ``1-8: piano; 9-32: melody, piano``.

Our design; the names are those of the families in `vocabulary`. Bars that no range names may use all instruments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ritornello.errors import ArgumentError
from ritornello.museformer.tokens.vocabulary import FAMILIES, family
from ritornello.museformer.writing.plan import MAX_BARS, BarRange, parse_range

ALL = frozenset(kind.name for kind in FAMILIES)
"""The names of all families."""


@dataclass(frozen=True)
class Instruments:
    """The families that may play, by bar.

    Attributes:
        ranges: ranges of bars with their families; None as a range stands for all bars.
    """

    ranges: tuple[tuple[BarRange | None, frozenset[str]], ...] = ((None, ALL),)

    def at(self, bar: int) -> frozenset[str]:
        """Return the families that may play in a bar, from 1."""
        for bars, names in self.ranges:
            if bars is None or bars[0] <= bar <= bars[1]:
                return names
        return ALL

    @property
    def last_bar(self) -> int:
        """The last bar that is named; 0 if none is."""
        return max((bars[1] for bars, _ in self.ranges if bars is not None), default=0)

    @classmethod
    def parse(cls, wanted: str | Sequence[str] | None) -> Instruments:
        """Read instruments as a person writes them.

        Args:
            wanted: names, or text as in the module; None for all.

        Raises:
            ArgumentError: if a name is unknown (all are listed), nothing is named, or ranges overlap or
                go too far.
        """
        if wanted is None:
            return cls()
        if not isinstance(wanted, str):
            return cls(((None, family_names(wanted)),))
        if ":" not in wanted:
            return cls(((None, family_names(wanted.split(","))),))
        ranges: list[tuple[BarRange | None, frozenset[str]]] = []
        known: set[int] = set()
        for entry in wanted.split(";"):
            bars, colon, names = entry.partition(":")
            if not colon:
                raise ArgumentError(
                    f"instruments '{entry.strip()[:40]}' lack their bars; write 1-8: piano, bass; 9-16: …"
                )
            first, last = parse_range(bars)
            if last > MAX_BARS:
                raise ArgumentError(f"instruments: bar {last} is too far; a song has at most {MAX_BARS} bars")
            twice = known.intersection(range(first, last + 1))
            if twice:
                raise ArgumentError(f"instruments of bar {min(twice)} are given twice; leave one out")
            known.update(range(first, last + 1))
            ranges.append(((first, last), family_names(names.split(","))))
        return cls(tuple(ranges))


def family_names(names: Sequence[str]) -> frozenset[str]:
    """Return names of families as a set.

    Raises:
        ArgumentError: if there is none, or one is unknown; the message lists all.
    """
    given = [name for name in names if name.strip()]
    if not given:
        raise ArgumentError(f"no instrument is named; use some of {', '.join(kind.name for kind in FAMILIES)}")
    return frozenset(family(name.strip()).name for name in given)
