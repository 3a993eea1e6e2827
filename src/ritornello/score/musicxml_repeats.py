"""The order in which measures are played: repeats, numbered endings, da capo, dal segno, coda and fine.

MusicXML 4.0, elements ``repeat``, ``ending`` and ``sound``. After a jump (D.C., D.S.) repeats are not taken again and
the last ending is played, as is the custom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ritornello.errors import ReadError
from ritornello.score.form import MAX_BARS


@dataclass(frozen=True, slots=True)
class RepeatSigns:
    """The signs of one measure.

    Attributes:
        signs: any of forward, backward, segno, coda, tocoda, fine, dacapo, dalsegno.
        times: how often a section that this measure's backward repeat closes is played.
        ending: numbers of the ending that the measure belongs to; empty outside endings.
    """

    signs: frozenset[str]
    times: int = 2
    ending: tuple[int, ...] = ()


def playback_order(measures: Sequence[RepeatSigns], name: str) -> list[int]:
    """Return the indices of the measures in the order in which they sound; none only if there is no measure.

    Raises:
        ReadError: if that makes more than 10,000 bars.
    """
    order: list[int] = []
    index, start, turn = 0, 0, 1
    has_jumped = is_jump = False
    codas = [i for i, measure in enumerate(measures) if "coda" in measure.signs]
    last_endings = _last_endings(measures)
    steps = 0
    while index < len(measures):
        steps += 1
        if len(order) > MAX_BARS or steps > 20 * MAX_BARS:
            raise ReadError(f"{name}: more than {MAX_BARS} bars with repeats played out")
        measure = measures[index]
        if not is_jump and index > 0 and measures[index - 1].ending and not measure.ending:
            start, turn = index, 1  # the endings are over
        is_jump = False
        if "forward" in measure.signs and start != index:
            start, turn = index, 1
        last = last_endings[index]
        if measure.ending and (last if has_jumped else turn) not in measure.ending:
            index += 1
            continue
        order.append(index)
        if has_jumped and "fine" in measure.signs:
            break
        if has_jumped and "tocoda" in measure.signs and any(coda > index for coda in codas):
            index, is_jump = next(coda for coda in codas if coda > index), True
            continue
        if "backward" in measure.signs and not has_jumped:
            if turn < (last if measure.ending else measure.times):
                turn += 1
                index, is_jump = start, True
                continue
            if not measure.ending:
                start, turn = index + 1, 1
        if not has_jumped and measure.signs & {"dacapo", "dalsegno"}:
            has_jumped = True
            start = index = _segno(measures, index) if "dalsegno" in measure.signs else 0
            turn, is_jump = 1, True
            continue
        index += 1
    if len(order) > MAX_BARS:
        raise ReadError(f"{name}: more than {MAX_BARS} bars with repeats played out")
    return order or list(range(len(measures)))  # brackets that leave nothing to play are a slip of the pen


def _segno(measures: Sequence[RepeatSigns], before: int) -> int:
    return next((i for i in range(before, -1, -1) if "segno" in measures[i].signs), 0)


def _last_endings(measures: Sequence[RepeatSigns]) -> list[int]:
    # For each measure the highest number among the endings that stand side by side with it, at least 2: a first ending
    # alone is followed by what needs no bracket. 0 outside endings.
    last = [0] * len(measures)
    index = 0
    while index < len(measures):
        stop = index
        while stop < len(measures) and measures[stop].ending:
            stop += 1
        highest = max([2, *(number for measure in measures[index:stop] for number in measure.ending)])
        last[index:stop] = [highest] * (stop - index)
        index = stop + 1
    return last
