"""Which bar of a seed each bar of a new song takes its accompaniment from.

Our design. With the seed's own form every bar takes the bar in its place, so build-ups, fills and the ending stay where
they belong. With another form a segment takes the seed's segment of the same letter, the first for the first, and so
on.
"""

from __future__ import annotations

from collections import Counter

from ritornello.score import Form


def source_bars(seed: Form, new: Form) -> tuple[int, ...]:
    """Return for each bar of the new form a bar of the seed's form."""
    if str(seed) == str(new):
        return tuple(range(new.bars))
    seen: Counter[str] = Counter()
    result: list[int] = []
    for place, segment in enumerate(new.segments):
        index = _source_segment(seed, new, place, seen[segment.letter])
        seen[segment.letter] += 1
        start, bars = seed.starts[index], seed.segments[index].bars
        for bar in range(segment.bars):
            last = bar == segment.bars - 1
            result.append(start + (bars - 1 if last else bar % max(1, bars - 1)))
    return tuple(result)


def _source_segment(seed: Form, new: Form, place: int, occurrence: int) -> int:
    letter = new.segments[place].letter
    same = [index for index, segment in enumerate(seed.segments) if segment.letter == letter]
    if same:
        # The same length first: a phrase of its own length needs no bar twice.
        fitting = [index for index in same if seed.segments[index].bars == new.segments[place].bars] or same
        return fitting[min(occurrence, len(fitting) - 1)]
    melodic = new.segments[place].is_melodic
    alike = [index for index, segment in enumerate(seed.segments) if segment.is_melodic == melodic]
    if not alike:
        alike = list(range(len(seed.segments)))
    if letter == "o":
        return alike[-1]
    if letter == "i":
        return alike[0]
    letters = list(dict.fromkeys(seed.segments[index].letter for index in alike))
    wanted = letters[(ord(letter.lower()) - ord("a")) % len(letters)]
    same = [index for index in alike if seed.segments[index].letter == wanted]
    return same[min(occurrence, len(same) - 1)]
