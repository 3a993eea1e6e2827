"""Time signatures of files that other programs wrote, made into metres that a person would write.

Our rules, in this order. None of them moves a note; where the true bars are is for the analysis to find.

1. A repetition of the running metre on one of its bar lines says nothing and is left out.
2. A single-beat metre (1/4 opens two POP909 files in three) counts beats, not bars: up to seven such beats before
   another metre become one bar, at the start of the song a pickup; a longer run becomes 4/4.
3. A change that would cut a bar within an eighth note of one of its bar lines moves to that bar line. Any other change
   inside a bar stays and cuts the bar short, as notation programs do it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ritornello.score.timeline import TICKS_PER_QUARTER, Meter

LONGEST_COUNTED_BAR = 7
"""Most single beats that are taken for one bar."""

SHORTEST_BAR_TICKS = TICKS_PER_QUARTER // 2
"""A bar cut shorter than this is a slip of a tick, not music."""


def tidy_meters(meters: Sequence[Meter]) -> tuple[Meter, ...]:
    """Return the metres under the rules of this module; the first stands at tick 0, ticks rise."""
    different = _without_repetitions(meters)
    counted = [
        _bar_from_beats(meter, different[index + 1].tick if index + 1 < len(different) else None)
        for index, meter in enumerate(different)
    ]
    placed: list[Meter] = []
    for meter in counted:
        tick = _nearer_bar_line(placed[-1], meter.tick) if placed else meter.tick
        if placed and tick <= placed[-1].tick:
            tick = placed.pop().tick
        placed.append(Meter(tick, meter.numerator, meter.denominator))
    return tuple(_without_repetitions(placed))


def _without_repetitions(meters: Sequence[Meter]) -> list[Meter]:
    kept: list[Meter] = []
    for meter in meters:
        is_same = bool(kept) and (kept[-1].numerator, kept[-1].denominator) == (meter.numerator, meter.denominator)
        if not is_same or (meter.tick - kept[-1].tick) % meter.bar_ticks:
            kept.append(meter)
    return kept


def _bar_from_beats(meter: Meter, stop: int | None) -> Meter:
    if meter.numerator > 1:
        return meter
    beats, rest = divmod((stop or meter.tick) - meter.tick, meter.bar_ticks)
    if rest == 0 and 1 <= beats <= LONGEST_COUNTED_BAR:
        return Meter(meter.tick, beats, meter.denominator)
    return Meter(meter.tick, 4, 4)


def _nearer_bar_line(running: Meter, tick: int) -> int:
    past = (tick - running.tick) % running.bar_ticks
    if past < SHORTEST_BAR_TICKS and past <= running.bar_ticks - past:
        return tick - past
    if running.bar_ticks - past < SHORTEST_BAR_TICKS:
        return tick + running.bar_ticks - past
    return tick
