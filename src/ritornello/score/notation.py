"""Note values: how ticks are written as notes, rests, ties, dots and triplets in the bars of a metre.

At 12 ticks per quarter note every span of ticks can be written: sixteenths (3 ticks) and their multiples plainly, the
rest inside triplets, down to the triplet thirty-second (1 tick). The rules are those of common engraving practice
(Gould, *Behind Bars*, 2011, part I): a note is split with a tie where it would hide the middle of the bar or, off the
beat, a beat; one-level syncopations (eighth-quarter-eighth) and dotted notes up to the next strong beat stay whole;
rests are never syncopated; triplets are grouped over a beat, half a beat, or two beats where no note starts between.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

PLAIN_VALUES = {
    96: ("breve", 0), 72: ("whole", 1), 48: ("whole", 0), 36: ("half", 1), 24: ("half", 0), 18: ("quarter", 1),
    12: ("quarter", 0), 9: ("eighth", 1), 6: ("eighth", 0), 3: ("16th", 0),
}  # fmt: skip
"""Note type and number of dots of each length in ticks that one plain note can have."""

TRIPLET_VALUES = {
    32: ("whole", 0), 24: ("half", 1), 16: ("half", 0), 12: ("quarter", 1), 8: ("quarter", 0), 6: ("eighth", 1),
    4: ("eighth", 0), 3: ("16th", 1), 2: ("16th", 0), 1: ("32nd", 0),
}  # fmt: skip
"""The same inside a triplet (3 in the time of 2)."""

FULL_BAR = "measure"
"""The kind of a rest that fills a bar."""


@dataclass(frozen=True, slots=True)
class Event:
    """What one voice does from ``start`` to ``stop`` (ticks within the bar): the notes that sound, by index."""

    start: int
    stop: int
    notes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """One written note, chord or rest.

    Attributes:
        start: onset in ticks within the bar.
        stop: end in ticks within the bar.
        kind: MusicXML note type such as ``"quarter"``, or `FULL_BAR`.
        dots: augmentation dots, 0 or 1.
        notes: indices of the notes that sound; empty for a rest.
        triplet: ``None``, or the note type that the triplet counts in.
        opens: whether it is the first of its triplet.
        closes: whether it is the last of its triplet.
    """

    start: int
    stop: int
    kind: str
    dots: int
    notes: tuple[int, ...]
    triplet: str | None = None
    opens: bool = False
    closes: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """The metrical grid of a bar.

    Attributes:
        length: ticks of the bar, less than the metre's where a metre change cuts it short.
        groups: beats as ranges ``(start, stop)`` of ticks: what is beamed together.
        strength: for each tick of the bar how strong it is: 9 bar line, 4 half bar, 3 beat, 2 and 1 its divisions.
        is_compound: whether the beats are dotted.
        is_whole: whether the bar is as long as the time signature says; only then its rest is a whole-bar rest.
    """

    length: int
    groups: tuple[tuple[int, int], ...]
    strength: tuple[int, ...]
    is_compound: bool
    is_whole: bool = True


@cache
def bar_grid(numerator: int, denominator: int, length: int) -> Grid:
    """Return the grid of a bar of ``length`` ticks under a metre.

    Odd metres in eighths and sixteenths are grouped in pairs with a three at the end (7/8 is 2+2+3, 5/8 is 3+2).
    """
    unit = 48 // denominator if denominator <= 16 else 3
    count = numerator if denominator <= 16 else numerator // 2
    whole_beats = unit > 12  # half and whole notes are beats of two and four quarters
    while unit > 12:
        unit, count = unit // 2, count * 2
    compound = denominator >= 8 and count % 3 == 0 and count > 3
    pairs = [3, 2] if count == 5 else [2] * ((count - 3) // 2) + [3] if count % 2 else [2] * (count // 2)
    in_threes = count % 3 == 0 and (unit < 12 or count > 3) and not whole_beats
    larger = [3] * (count // 3) if in_threes else pairs if count > 1 else [1]
    strength = [0] * (unit * count)
    for level, step in enumerate((3, 6, 12), start=1):
        if step <= unit:
            strength[::step] = [level] * len(strength[::step])
    edges = [0]
    for size in larger:
        edges.append(edges[-1] + size * unit)
    for tick in edges[:-1]:
        strength[tick] = 3 if unit < 12 else 4
    if unit < 12 and len(larger) == 4 and compound:
        strength[edges[2]] = 4
    if count == 3 and unit == 12:  # 3/4: no beat is stronger than another, the bar line aside
        strength[12] = strength[24] = 3
    strength[0] = 9
    if unit == 12:
        edges = list(range(0, unit * count + 1, unit))
    groups = [(a, min(b, length)) for a, b in pairwise(edges) if a < length]
    return Grid(length, tuple(groups), tuple(strength[:length]), compound, length == unit * count)


def write_bar(events: Sequence[Event], grid: Grid, cuts: Collection[int] = ()) -> list[Written]:
    """Write one voice of one bar.

    Args:
        events: in order, not overlapping, within the bar; gaps become rests.
        grid: the bar.
        cuts: ticks within the bar where notes must be split in any case (a key change in mid-bar).

    Returns:
        Notes, chords and rests that fill the bar; a note cut in two is to be tied.
    """
    filled: list[Event] = []
    position = 0
    for event in [*events, Event(grid.length, grid.length, ())]:
        if event.start > position:
            filled.append(Event(position, event.start, ()))
        if event.stop > event.start:
            filled.append(event)
        position = event.stop
    cuts = sorted({cut for cut in cuts if 0 < cut < grid.length})
    if len(filled) == 1 and not filled[0].notes and not cuts and grid.is_whole:
        return [Written(0, grid.length, FULL_BAR, 0, ())]
    filled = _cut(filled, cuts)
    triplets = _triplets(filled, grid)
    written: list[Written] = []
    for event in _cut(filled, sorted({edge for start, stop, _ in triplets for edge in (start, stop)})):
        region = next((t for t in triplets if t[0] <= event.start < t[1]), None)
        if region is None:
            written += [
                Written(a, b, *PLAIN_VALUES[b - a], event.notes)
                for a, b in _plain(event.start, event.stop, event, grid)
            ]
            continue
        start, stop, base = region
        for a, b in _in_triplet(event.start - start, event.stop - start, base):
            kind, dots = TRIPLET_VALUES[b - a]
            a, b = a + start, b + start
            written.append(Written(a, b, kind, dots, event.notes, TRIPLET_VALUES[base][0], a == start, b == stop))
    return written


def _cut(events: Sequence[Event], cuts: Sequence[int]) -> list[Event]:
    pieces: list[Event] = []
    for event in events:
        edges = [event.start, *(cut for cut in cuts if event.start < cut < event.stop), event.stop]
        pieces += [Event(a, b, event.notes) for a, b in pairwise(edges)]
    return pieces


def _triplets(events: Sequence[Event], grid: Grid) -> list[tuple[int, int, int]]:
    # Regions (start, stop, ticks of the counted note) that must be written as triplets.
    edges = {event.start for event in events} | {event.stop for event in events}
    if all(edge % 3 == 0 for edge in edges):
        return []
    regions: list[tuple[int, int, int]] = []
    cell = 0
    while cell < grid.length:
        for size, base in ((48, 16), (24, 8), (12, 4), (6, 2), (3, 1)):
            stop = cell + size
            if stop > grid.length or not _is_cell(cell, stop, grid):
                continue
            inside = [edge - cell for edge in edges if cell < edge < stop]
            uneven = any(edge % 3 for edge in inside)
            if size > 12:  # over several beats only if no beat between is sounded
                if uneven and all(edge % (size // 6) == 0 for edge in inside) and {base, 2 * base} & set(inside):
                    if any(edge % 12 == 0 for edge in inside):
                        continue
                    break
            elif size == 12 and uneven and 6 in inside and any(edge % 4 for edge in inside if edge != 6):
                continue  # two triplets of sixteenths rather than one with odd values
            elif size == 12 or uneven or size == 3 or all(edge % 3 == 0 for edge in inside):
                break
        else:
            size, base, uneven = min(3, grid.length - cell), 1, grid.length - cell < 3
        if uneven:
            regions.append((cell, cell + size, base))
        cell += size
    return regions


def _is_cell(start: int, stop: int, grid: Grid) -> bool:
    size = stop - start
    if size <= 6:
        return any(a <= start and stop <= b and (start - a) % size == 0 for a, b in grid.groups)
    if size == 12:
        return (start, stop) in grid.groups
    return not grid.is_compound and start % size == 0 and grid.groups[0] == (0, 12) and _level(start, grid) >= 4


def _level(tick: int, grid: Grid) -> int:
    return grid.strength[tick] if tick < grid.length else 9


def _plain(start: int, stop: int, event: Event, grid: Grid) -> list[tuple[int, int]]:
    fits = _note_fits if event.notes else _rest_fits
    return _split(start, stop, lambda a, b: fits(a, b, grid), lambda tick: grid.strength[tick])


def _note_fits(start: int, stop: int, grid: Grid) -> bool:
    length = stop - start
    if length not in PLAIN_VALUES:
        return False
    first, last = grid.strength[start], _level(stop, grid)
    inside = max(grid.strength[start + 1 : stop], default=0)
    if grid.is_compound and inside >= 3:
        return first >= 3 and last >= 3
    if inside <= first:
        return True
    one_level = inside - first <= 1
    syncopated = PLAIN_VALUES[length][1] == 0 and start % length == length // 2
    return one_level and (last > inside or syncopated)


def _rest_fits(start: int, stop: int, grid: Grid) -> bool:
    length = stop - start
    if length not in PLAIN_VALUES:
        return False
    kind, dots = PLAIN_VALUES[length]
    inside = max(grid.strength[start + 1 : stop], default=0)
    if grid.is_compound:
        return inside < 3 and grid.strength[start] >= 3 if dots or length == 12 else length < 12
    if length == 24 and grid.groups[0] == (0, 12) and inside >= 3:
        return _level(start, grid) >= 4 and _level(stop, grid) >= 4
    return not dots and kind != "breve" and start % length == 0 and inside < max(grid.strength[start], 1)


def _in_triplet(start: int, stop: int, base: int) -> list[tuple[int, int]]:
    def strength(tick: int) -> int:
        return 3 if tick % base == 0 else 2 if base % 2 == 0 and tick % (base // 2) == 0 else 1

    def fits(a: int, b: int) -> bool:
        if b - a not in TRIPLET_VALUES:
            return False
        inside = max((strength(tick) for tick in range(a + 1, b)), default=0)
        return inside <= max(strength(a), strength(b) if b - a <= base else 0)

    return _split(start, stop, fits, strength)


def _split(
    start: int, stop: int, fits: Callable[[int, int], bool], strength: Callable[[int], int]
) -> list[tuple[int, int]]:
    if fits(start, stop) or stop - start == 1:
        return [(start, stop)]
    strongest = max(strength(tick) for tick in range(start + 1, stop))
    points = [tick for tick in range(start + 1, stop) if strength(tick) == strongest]
    point = points[0]
    if strength(start) >= strongest:  # from a strong place the longest value first
        point = next((tick for tick in reversed(points) if fits(start, tick)), point)
    return _split(start, point, fits, strength) + _split(point, stop, fits, strength)
