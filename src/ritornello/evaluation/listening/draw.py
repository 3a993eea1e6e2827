"""The design of a test: which pieces meet, on which side, in which order, and which pairs are checks.

Every pair sets a song by people against a piece of one condition. Conditions, and within a condition the two sides,
come up equally often. About one pair in ten more is a check: a pair heard again with its sides changed, or two songs by
people. All of it is drawn from one seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ritornello.errors import ArgumentError
from ritornello.evaluation.listening.items import HUMAN, Item

Kind = Literal["pair", "piece", "repeat", "human"]
"""Human against a condition; one piece alone; an earlier trial again; human against human."""

MAX_TRIALS = 200
"""Most trials, checks not counted: three hours of listening is more than anybody does well."""

CHECK_SHARE = 0.1
"""Checks per trial."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One trial before its sound is made.

    Attributes:
        kind: what it is for.
        pieces: condition and item of each piece in the order shown: two of a pair, else one.
        repeats: the index of the trial that is heard again, for the kind ``"repeat"``.
    """

    kind: Kind
    pieces: tuple[tuple[str, Item], ...]
    repeats: int | None = None


def draw_pairs(items: Mapping[str, Sequence[Item]], pairs: int, rng: np.random.Generator) -> tuple[Drawn, ...]:
    """Draw pairs of a song by people and a piece of a condition, and the checks among them.

    A piece meets the song by people of its own name if there is one, else one of those heard least so far. No piece of
    a condition is used twice, and no song by people twice against the same condition.

    Args:
        items: the pieces of each condition, songs by people under `HUMAN`.
        pairs: number of pairs without the checks, 1..`MAX_TRIALS`.
        rng: where chance comes from.

    Raises:
        ArgumentError: if the number is out of range or a folder has too few pieces for it.
    """
    counts = _counts([name for name in items if name != HUMAN], pairs, rng)
    most = max(counts.values())
    if len(items[HUMAN]) < most:
        raise ArgumentError(
            f"human has {len(items[HUMAN])} pieces, but {pairs} pairs over {len(counts)} conditions need {most}; "
            "add songs or ask for fewer --pairs"
        )
    heard: Counter[str] = Counter()
    drawn: list[Drawn] = []
    for name, chosen in _choose(items, counts, pairs, rng).items():
        human_first = _balanced(len(chosen), rng)
        for piece, person, is_first in zip(
            chosen, _partners(chosen, items[HUMAN], heard, rng), human_first, strict=True
        ):
            sides = ((HUMAN, person), (name, piece))
            drawn.append(Drawn("pair", sides if is_first else sides[::-1]))
    checks = max(1, round(CHECK_SHARE * pairs))
    human_checks = checks // 2 if len(items[HUMAN]) > 1 else 0
    for _ in range(human_checks):
        two = _least_heard(items[HUMAN], heard, rng)[:2]
        heard.update(item.name for item in two)
        drawn.append(Drawn("human", tuple((HUMAN, item) for item in two)))
    return _in_order(drawn, checks - human_checks, rng)


def draw_pieces(items: Mapping[str, Sequence[Item]], pieces: int, rng: np.random.Generator) -> tuple[Drawn, ...]:
    """Draw single pieces to rate, songs by people among them as one more condition, and repeats as checks.

    Args:
        items: the pieces of each condition.
        pieces: number of pieces without the checks, at least one for each condition.
        rng: where chance comes from.

    Raises:
        ArgumentError: if the number is out of range or a folder has too few pieces for it.
    """
    counts = _counts(list(items), pieces, rng)
    drawn = [
        Drawn("piece", ((name, item),))
        for name, chosen in _choose(items, counts, pieces, rng).items()
        for item in chosen
    ]
    return _in_order(drawn, max(1, round(CHECK_SHARE * pieces)), rng)


def _counts(names: Sequence[str], trials: int, rng: np.random.Generator) -> dict[str, int]:
    if not len(names) <= trials <= MAX_TRIALS:
        raise ArgumentError(
            f"--pairs {trials} is out of range; with {len(names)} conditions it goes from {len(names)} to {MAX_TRIALS}"
        )
    extra = set(rng.permutation(len(names))[: trials % len(names)].tolist())
    return {name: trials // len(names) + (index in extra) for index, name in enumerate(names)}


def _choose(
    items: Mapping[str, Sequence[Item]], counts: Mapping[str, int], trials: int, rng: np.random.Generator
) -> dict[str, list[Item]]:
    chosen: dict[str, list[Item]] = {}
    for name, count in counts.items():
        if len(items[name]) < count:
            raise ArgumentError(
                f"{name} has {len(items[name])} pieces, but {trials} trials over {len(counts)} conditions need "
                f"{count}; add pieces or ask for fewer --pairs"
            )
        chosen[name] = [items[name][index] for index in rng.permutation(len(items[name]))[:count]]
    return chosen


def _partners(
    pieces: Sequence[Item], people: Sequence[Item], heard: Counter[str], rng: np.random.Generator
) -> list[Item]:
    """Return a song by people for each piece, all different, and count them as heard."""
    by_song = {item.song: item for item in people}
    partners: dict[int, Item] = {}
    for index, piece in enumerate(pieces):
        same = by_song.get(piece.song)
        if same is not None and same not in partners.values():
            partners[index] = same
    free = [item for item in _least_heard(people, heard, rng) if item not in partners.values()]
    for index in range(len(pieces)):
        if index not in partners:
            partners[index] = free.pop(0)
    heard.update(item.name for item in partners.values())
    return [partners[index] for index in range(len(pieces))]


def _least_heard(people: Sequence[Item], heard: Counter[str], rng: np.random.Generator) -> list[Item]:
    shuffled = [people[index] for index in rng.permutation(len(people))]
    return sorted(shuffled, key=lambda item: heard[item.name])


def _balanced(count: int, rng: np.random.Generator) -> list[bool]:
    """Return as many true as false in random order, one more of either if the count is odd."""
    flags = (np.arange(count) + rng.integers(2)) % 2 == 0
    return [bool(flag) for flag in rng.permutation(flags)]


def _in_order(drawn: Sequence[Drawn], repeats: int, rng: np.random.Generator) -> tuple[Drawn, ...]:
    """Shuffle the trials and put repeats of some early ones, sides changed, a third of the test or more after them."""
    shuffled = [drawn[index] for index in rng.permutation(len(drawn))]
    early = [place for place, trial in enumerate(shuffled) if trial.kind != "human"]
    early = early[: max(repeats, -(-len(early) // 2))]
    again = [early[index] for index in rng.permutation(len(early))[:repeats]]
    placed = [(float(place), trial, place) for place, trial in enumerate(shuffled)]
    for original in again:
        first = min(original + len(shuffled) / 3, len(shuffled) - 1.0)
        trial = Drawn("repeat", shuffled[original].pieces[::-1])
        placed.append((float(rng.uniform(first + 0.001, len(shuffled))), trial, original))
    placed.sort(key=lambda entry: entry[0])
    index_of = {place: index for index, (_, trial, place) in enumerate(placed) if trial.kind != "repeat"}
    return tuple(
        Drawn("repeat", trial.pieces, index_of[place]) if trial.kind == "repeat" else trial
        for _, trial, place in placed
    )
