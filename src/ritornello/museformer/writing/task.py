"""What is to be written: given bars, the order of generation, what each new bar is held to, and a plan.

Ours (Yu et al., NeurIPS 2022, generate from scratch only). The bars that are given come first in the order of
generation; bars to refill come last, so that they see what stands before and behind them. A bar that does not follow
its musical predecessor begins with ``<c>``; in a planned song every bar begins with ``u-0`` (free), ``u-1`` (repeat) or
``u-2`` (vary), given ones too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError
from ritornello.museformer.attention.sequence import BarSequence, make_sequence
from ritornello.museformer.data import FREE, REPEAT, VARY
from ritornello.museformer.tokens import vocabulary as v
from ritornello.museformer.tokens.encoding import Ids
from ritornello.museformer.tokens.grammar import BarRules, Limits
from ritornello.museformer.writing.given import GivenSong, tempo_step_at, up_to
from ritornello.museformer.writing.instruments import ALL, Instruments
from ritornello.museformer.writing.plan import MAX_BARS, Kind, Plan

LABELS: Mapping[Kind, int] = {"free": FREE, "repeat": REPEAT, "copy": REPEAT, "vary": VARY}
"""The label of each kind of planned bar: k of its ``u-k``."""

MAX_CANDIDATES = 64
"""Songs of one wish that are written at once."""

_ENDLESS = 2**62


@dataclass(frozen=True, eq=False)
class Task:
    """A song to write, or to go on with.

    Bars have the model's musical numbers, from 1; file bar n is number n - ``skipped``.

    Attributes:
        given: tokens of the given bars in generation order, without control tokens.
        order: musical number of each bar in generation order, given ones first; None: musical order, until ``</s>``.
        rules: what new bars are held to, by musical number.
        other_rules: what all other new bars are held to.
        plan: kinds and sources of all bars, by musical number.
        limits: how many tokens there may be.
        skipped: silent bars at the start of the given file that the model does not see.
    """

    given: tuple[Ids, ...] = ()
    order: tuple[int, ...] | None = None
    rules: Mapping[int, BarRules] = field(default_factory=dict)
    other_rules: BarRules = field(default_factory=BarRules)
    plan: Plan | None = None
    limits: Limits = field(default_factory=Limits)
    skipped: int = 0

    def __post_init__(self) -> None:
        if self.order is None and self.plan is not None:
            raise ArgumentError("a planned song has a number of bars")
        if self.order is not None and len(self.order) <= len(self.given):
            raise ArgumentError(f"all {len(self.order)} bars are given; there is nothing to write")

    def number(self, place: int) -> int:
        """Return the musical number of a bar by its place in generation order."""
        return place + 1 if self.order is None else self.order[place]

    def is_whole(self, bars: int) -> bool:
        """Return whether so many bars are all that is asked for."""
        return bars >= (MAX_BARS if self.order is None else len(self.order))

    def rules_at(self, place: int) -> BarRules:
        """Return what a bar is held to, by its place in generation order."""
        if self.is_whole(place):
            return self.other_rules
        return self.rules.get(self.number(place), self.other_rules)

    def control_tokens(self, place: int) -> list[int]:
        """Return what a bar begins with before its tempo."""
        number = self.number(place)
        follows = number == (self.number(place - 1) if place else 0) + 1
        tokens = [] if follows else [v.CONTINUE]
        if self.plan is not None:
            tokens.append(v.PLAN0 + LABELS[self.plan.kinds[number - 1]])
        return tokens

    def copied(self, place: int) -> int | None:
        """Return the musical number of the bar that a bar copies note for note, or None."""
        number = self.number(place)
        if self.plan is None or self.plan.kinds[number - 1] != "copy":
            return None
        return self.plan.sources[number - 1]

    @cached_property
    def sources(self) -> tuple[int, ...] | None:
        """Musical number of each bar's source in generation order, or `NO_SOURCE`; None without a plan."""
        if self.plan is None or self.order is None:
            return None
        return tuple(self.plan.sources[number - 1] for number in self.order)

    def prompt(self, offsets: Sequence[int]) -> BarSequence | None:
        """Return the given bars as the network reads them; None if there are none."""
        if not self.given:
            return None
        count = len(self.given)
        bars: list[NDArray[np.integer]] = [
            np.concatenate([self.control_tokens(place), bar]).astype(np.int64) for place, bar in enumerate(self.given)
        ]
        sources = None if self.sources is None else self.sources[:count]
        return make_sequence(bars, [self.number(place) for place in range(count)], sources, offsets=offsets, ends=False)


def new_song(bars: int | None, instruments: Instruments, tempo_step: int | None, plan: Plan | None) -> Task:
    """Return the task of a song from scratch.

    Args:
        bars: how many bars; None for the plan's, or as many as the model likes.
        instruments: what may play where.
        tempo_step: tempo of all bars; None leaves it to the model.
        plan: what repeats what.

    Raises:
        ArgumentError: if the number of bars is out of range, the plan or the instruments go beyond it, or a bar is to
            copy what its instruments cannot play.
    """
    return _forward((), 0, bars, instruments, tempo_step, plan)


def continuation(
    given: GivenSong, bars: int | None, instruments: Instruments, tempo_step: int | None, plan: Plan | None
) -> Task:
    """Return the task of a song that begins with a given one.

    Args:
        given: the given song.
        bars: bars of the whole song; None for the plan's, or as many as the model likes.
        instruments: what may play in which new bars.
        tempo_step: tempo of all new bars; None leaves it to the model.
        plan: what repeats what, in bars of the whole song.

    Raises:
        ArgumentError: if nothing is left to write, something goes beyond the song, or a bar is to copy what its
            instruments cannot play.
    """
    if len(given.bars) >= MAX_BARS:
        raise ArgumentError(f"{given.name} has {len(given.bars)} bars already; a song can have {MAX_BARS}")
    wanted = bars if bars is not None else (plan.bars if plan is not None else None)
    if wanted is not None and wanted <= len(given.bars):
        raise ArgumentError(f"{given.name} has {len(given.bars)} bars already; ask for more than that, not {wanted}")
    skipped = 0 if plan is not None else given.leading_bars
    return _forward(given.bars[skipped:], skipped, bars, instruments, tempo_step, plan)


def _forward(
    given: tuple[Ids, ...],
    skipped: int,
    bars: int | None,
    instruments: Instruments,
    tempo_step: int | None,
    plan: Plan | None,
) -> Task:
    if bars is not None and not 1 <= bars <= MAX_BARS:
        raise ArgumentError(f"{bars} bars are out of range; ask for 1 to {MAX_BARS}")
    if plan is not None:
        plan = plan if bars is None else plan.with_bars(bars)
        bars = plan.bars
        _check_copies(plan, given, instruments)
    if bars is not None and instruments.last_bar > bars:
        raise ArgumentError(f"instruments: bar {instruments.last_bar} is outside the song, which has {bars} bars")
    last = bars if bars is not None else instruments.last_bar
    rules = {
        bar - skipped: _rules(instruments.at(bar), tempo_step) for bar in range(skipped + len(given) + 1, last + 1)
    }
    length = sum(len(bar) for bar in given)
    order = None if bars is None else tuple(range(1, bars - skipped + 1))
    if order is not None:
        limits = Limits(min_tokens=_ENDLESS, max_tokens=_ENDLESS)  # the number of bars ends it
    else:
        # At least one new bar; the paper's limits otherwise.
        limits = Limits(min_tokens=max(2_048, length + 2), max_tokens=length + 20_480)
    return Task(given, order, rules, _rules(instruments.at(MAX_BARS + 1), tempo_step), plan, limits, skipped)


def infill(given: GivenSong, first: int, last: int, families: frozenset[str], plan: Plan | None = None) -> Task:
    """Return the task of writing bars of a given song anew.

    Args:
        given: the given song.
        first: first bar to write, from 1.
        last: last bar to write.
        families: the families that are written; the notes of the others stay. All: nothing stays.
        plan: what bars of the range repeat or vary.

    Raises:
        ArgumentError: if the bars lie outside the song, or the plan names others.
    """
    bars = given.song.bars
    if not 1 <= first <= last <= bars:
        raise ArgumentError(f"bars {first}-{last} are outside {given.name}, which has bars 1 to {bars}")
    if plan is not None:
        plan = plan.with_bars(bars)
        outside = [bar for bar, _ in plan.pairs if not first <= bar <= last]
        if outside:
            raise ArgumentError(f"plan: bar {outside[0]} is not among the bars {first}-{last} that are written")
    skipped = 0 if plan is not None else min(given.leading_bars, first - 1)
    everything = up_to(given, max(len(given.bars), last))
    numbers = range(skipped + 1, len(everything) + 1)
    kept = [bar for bar in numbers if not first <= bar <= last]
    rules = {}
    for bar in range(first, last + 1):
        rule = _rules(families, tempo_step_at(given, bar))
        if families != ALL:
            rule = dataclasses.replace(rule, kept=tuple(everything[bar - 1].tolist()))
        rules[bar - skipped] = rule
    order = tuple(bar - skipped for bar in (*kept, *range(first, last + 1)))
    limits = Limits(min_tokens=_ENDLESS, max_tokens=_ENDLESS)
    return Task(tuple(everything[bar - 1] for bar in kept), order, rules, BarRules(), plan, limits, skipped)


def _check_copies(plan: Plan, given: tuple[Ids, ...], instruments: Instruments) -> None:
    """Refuse new bars that copy a bar of more instruments than they may have."""
    players = [frozenset(family.name for family in v.FAMILIES if family.token in bar) for bar in given]
    for bar in range(len(given) + 1, plan.bars + 1):
        allowed, source = instruments.at(bar), plan.sources[bar - 1]
        if plan.kinds[bar - 1] == "copy" and (missing := players[source - 1] - allowed):
            names = ", ".join(sorted(missing))
            raise ArgumentError(f"instruments: bar {bar} copies bar {source}, so its {names} must be allowed")
        players.append(players[source - 1] if plan.kinds[bar - 1] == "copy" else allowed)


def _rules(families: frozenset[str], tempo_step: int | None) -> BarRules:
    return BarRules(None if families == ALL else families, tempo_step)
