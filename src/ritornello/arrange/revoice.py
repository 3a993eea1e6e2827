"""Notes over one chord moved onto another: close by, in order, with the chord's third and its bass.

Our design. Upper voices go to chord tones near their own pitch (voice leading by least movement, no crossing); the bass
keeps its function, so a root stays a root; notes outside the chord keep their distance from the chord tone they lean
on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from ritornello.score import Chord

REACH = 7
"""Furthest that an upper voice moves, in semitones."""

_MERGE_COST = 3.0
_MISSING_THIRD_COST = 6.0


@cache
def revoice(
    pitches: tuple[int, ...], source: Chord | None, target: Chord | None, scale: frozenset[int], has_bass: bool
) -> dict[int, int]:
    """Return where each pitch goes when the chord under it changes.

    Args:
        pitches: different MIDI pitches, rising.
        source: the chord that they sounded over, or None if unknown.
        target: the chord that they are to sound over; None leaves them.
        scale: pitch classes of the key, for notes outside the chord.
        has_bass: whether the lowest pitch is the bass.

    Returns:
        A pitch for each pitch.
    """
    if target is None or source == target or not pitches:
        return {pitch: pitch for pitch in pitches}
    own = source.pitch_classes if source is not None else frozenset(range(12))
    result: dict[int, int] = {}
    upper = list(pitches)
    floor = 0
    if has_bass:
        lowest = upper.pop(0)
        result[lowest] = floor = move_bass(lowest, source, target, scale)
    tones = [pitch for pitch in upper if pitch % 12 in own]
    result.update(zip(tones, _assign(tones, target, floor), strict=True))
    anchors = dict(result)
    for pitch in upper:
        if pitch not in result:
            result[pitch] = _move_neighbour(pitch, anchors, target, scale)
    return result


def move_bass(pitch: int, source: Chord | None, target: Chord, scale: frozenset[int]) -> int:
    """Return where a bass note goes: bass to bass, chord tones to their like, others within the scale."""
    if source is None:
        return _nearest(pitch, {target.bass})
    interval = (pitch - source.root) % 12
    if pitch % 12 == source.bass:
        wanted = target.bass
    elif interval == 0:
        wanted = target.root
    elif interval in (6, 7, 8) and interval in source.intervals:
        wanted = (target.root + next((i for i in target.intervals if i in (6, 7, 8)), 7)) % 12
    elif interval in (3, 4) and interval in source.intervals:
        wanted = (target.root + next((i for i in target.intervals if i in (3, 4)), 0)) % 12
    elif interval in source.intervals:
        wanted = (target.root + max(target.intervals)) % 12
    else:
        moved = pitch + (target.root - source.root + 6) % 12 - 6
        return _nearest(moved, set(scale) | set(target.pitch_classes))
    return _nearest(pitch, {wanted})


def _assign(tones: Sequence[int], target: Chord, floor: int) -> list[int]:
    """Return rising chord tones for rising pitches with the least movement; the third is not lost if it was there."""
    if not tones:
        return []
    classes = {(target.root + step) % 12 for step in target.intervals}
    third = next(((target.root + step) % 12 for step in target.intervals if step in (3, 4)), None)
    needs_third = third is not None and len({tone % 12 for tone in tones}) >= 3
    # For each last pitch and whether the third was used: (cost, pitches so far).
    paths: dict[tuple[int, bool], tuple[float, tuple[int, ...]]] = {(floor, False): (0.0, ())}
    for tone in tones:
        options = [p for p in range(tone - REACH, tone + REACH + 1) if p % 12 in classes and 0 <= p <= 127]
        following: dict[tuple[int, bool], tuple[float, tuple[int, ...]]] = {}
        for (last, used), (cost, path) in paths.items():
            for option in options:
                if option < last or (option == last and not path):
                    continue
                total = cost + abs(option - tone) + (_MERGE_COST if option == last else 0.0)
                state = (option, used or option % 12 == third)
                if state not in following or total < following[state][0]:
                    following[state] = (total, (*path, option))
        if not following:  # nothing fits above the floor: leave the order
            return [_nearest(tone, classes) for tone in tones]
        paths = following
    lost = _MISSING_THIRD_COST if needs_third else 0.0
    best = min(paths.items(), key=lambda item: (item[1][0] + (0.0 if item[0][1] else lost), item[1][1]))
    return list(best[1][1])


def _move_neighbour(pitch: int, anchors: dict[int, int], target: Chord, scale: frozenset[int]) -> int:
    inside = set(scale) | set(target.pitch_classes)
    if not anchors:
        return _nearest(pitch, inside)
    anchor = min(anchors, key=lambda known: (abs(known - pitch), known))
    moved = anchors[anchor] + pitch - anchor
    if moved % 12 in inside:
        return moved
    side = 1 if pitch > anchor else -1
    return moved + side if (moved + side) % 12 in inside else _nearest(moved, inside)


def _nearest(pitch: int, classes: set[int]) -> int:
    """Return the nearest pitch of some classes, the lower of two equally near."""
    for distance in range(7):
        for candidate in (pitch - distance, pitch + distance):
            if candidate % 12 in classes and 0 <= candidate <= 127:
                return candidate
    return pitch
