"""What happened to a motif on the way to a hit: transposed, inverted, slower, ornamented, in words and as kinds.

Axes: K pairs of an alignment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.motifs.align import Pairs, Score

SPEEDS = {0.5: "twice as fast", 2 / 3: "1.5 times as fast", 1.0: "", 1.5: "1.5 times as slow", 2.0: "twice as slow"}
"""How a stretch is called."""

SAME, OTHER = 0.85, 0.6
"""A similarity from the first on counts as kept, below the second as lost."""

IN_SCALE_SHARE = 0.3
"""From this share of notes that are off by a semitone or two from one transposition, it is one within the scale."""


@dataclass(frozen=True)
class Transformation:
    """What happened, see `describe`.

    Attributes:
        kinds: of exact, transposed, diatonic, inverted, retrograde, augmented, diminished, ornamented, reduced,
            fragment, changed, changed rhythm, rhythm only, rhythm and contour, pitch only.
        text: the same in words.
        transposition: semitones from query to hit that most notes moved by; for an inversion those of the first note.
        changed: pairs that moved otherwise, and notes passed over on both sides of a step.
        inserted: other notes of the hit passed over between pairs.
        missing: other notes of the query passed over between pairs.
        left_out: notes of the query before the first pair and after the last.
    """

    kinds: tuple[str, ...]
    text: str
    transposition: int
    changed: int
    inserted: int
    missing: int
    left_out: tuple[int, int]


def describe(
    query_pitch: Sequence[int] | NDArray[np.int64], target_pitch: Sequence[int] | NDArray[np.int64], pairs: Pairs,
    score: Score, *, stretch: float = 1.0, inverted: bool = False, retrograde: bool = False,
) -> Transformation:  # fmt: skip
    """Return what happened between the notes of a query and those of its hit.

    Args:
        query_pitch: ``(m,)`` MIDI, in the order in which it is aligned (backwards for a retrograde), upright.
        target_pitch: pitches of the notes that the pairs point to.
        pairs: (note of the query, note of the target), rising.
        score: of the alignment.
        stretch: times of the hit over those of the query.
        inverted: whether the query was turned upside down.
        retrograde: whether it runs backwards.
    """
    chosen = np.asarray(pairs, np.int64).reshape(-1, 2)
    query, target = np.asarray(query_pitch)[chosen[:, 0]], np.asarray(target_pitch)[chosen[:, 1]]
    moves = target + query if inverted else target - query
    values, counts = np.unique(moves, return_counts=True)
    # Of equally frequent moves the first note's, so that the words agree with the picture.
    best = max(range(len(values)), key=lambda k: (counts[k], values[k] == moves[0]))
    off = moves - values[best]
    transposition = int(target[0] - query[0]) if inverted else int(values[best])
    changed = int(np.count_nonzero(off))
    steps = np.diff(chosen, axis=0)
    # Notes passed over on both sides of one step stand for each other.
    both = int(np.minimum(steps[:, 0], steps[:, 1]).sum()) - len(steps)
    missing, inserted = (int((steps[:, side] - 1).sum()) - both for side in (0, 1))
    changed += both
    left_out = (int(chosen[0, 0]), int(len(query_pitch) - 1 - chosen[-1, 0]))
    is_diatonic = np.count_nonzero(off) >= IN_SCALE_SHARE * len(off) and int(np.ptp(off)) <= 3 and score.pitch >= OTHER
    rhythm_only = score.rhythm >= SAME and score.pitch < OTHER
    pitch_only = score.pitch >= SAME and score.rhythm < OTHER

    kinds: list[str] = []
    words: list[str] = []
    if rhythm_only and score.contour >= SAME:
        kinds.append("rhythm and contour")
        words.append("rhythm and shape with other intervals")
    elif rhythm_only:
        kinds.append("rhythm only")
        words.append("the rhythm with other pitches")
    elif inverted:
        kinds.append("inverted")
        words.append("upside down")
    elif is_diatonic:
        kinds.append("diatonic")
        words.append(f"moved within the scale, about {_interval(round(float(moves.mean())))}")
    elif transposition:
        kinds.append("transposed")
        words.append(_interval(transposition))
    if retrograde:
        kinds.append("retrograde")
        words.append("backwards")
    if pitch_only:
        kinds.append("pitch only")
        words.append("the pitches in another rhythm")
    elif stretch != 1:
        kinds.append("augmented" if stretch > 1 else "diminished")
        words.append(SPEEDS.get(stretch, f"{stretch:.2g} times as slow"))
    if inserted:
        kinds.append("ornamented")
        words.append(_count(inserted, "note") + " added")
    if missing:
        kinds.append("reduced")
        words.append(_count(missing, "note") + " left out")
    if sum(left_out):
        kinds.append("fragment")
        ends = [f"the first {left_out[0]}"] * bool(left_out[0]) + [f"the last {left_out[1]}"] * bool(left_out[1])
        words.append(f"without {' and '.join(ends)}")
    if changed and not (rhythm_only or is_diatonic):
        kinds.append("changed")
        words.append(_count(changed, "changed note"))
    if not rhythm_only and not pitch_only and score.rhythm < SAME and not (inserted or missing or sum(left_out)):
        kinds.append("changed rhythm")
        words.append("rhythm changed")
    if not kinds and score.rhythm < 0.995:
        return Transformation(("changed rhythm",), "rhythm slightly changed", 0, 0, 0, 0, (0, 0))
    if not kinds:
        return Transformation(("exact",), "the same", 0, 0, 0, 0, (0, 0))
    return Transformation(tuple(kinds), ", ".join(words), transposition, changed, inserted, missing, left_out)


def _interval(semitones: int) -> str:
    if not semitones:
        return "at the same pitch"
    octaves, rest = divmod(abs(semitones), 12)
    if octaves and not rest:
        return f"{'up' if semitones > 0 else 'down'} {_count(octaves, 'octave')}"
    return f"{'up' if semitones > 0 else 'down'} {_count(abs(semitones), 'semitone')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"
