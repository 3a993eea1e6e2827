"""How well a form that was found agrees with people's labels: exact match, boundaries, letters; and the protocol.

Exact match with its one-bar rule is that of Dai, Zhang and Dannenberg (2020): both labels of a song are right, and the
last segment may be one bar longer, because the analysis counts the bar after the last chord. Boundary scores and label
agreement are ours: exact places, song start and end left out, the better of the two labels, the mean over songs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.analysis.structure import find_form
from ritornello.datasets.pop909 import Pop909, Pop909Song
from ritornello.datasets.pop909_alignment import Alignment
from ritornello.errors import RitornelloError
from ritornello.evaluation.statistics import bootstrap_interval, proportion_interval
from ritornello.score import Form, Meter, Segment
from ritornello.score.timeline import TICKS_PER_SIXTEENTH


class BarsOfForm(Protocol):
    """What `place_form` needs of the song that a form was found in: a `Song` is one."""

    @property
    def bar_lines(self) -> NDArray[np.floating] | NDArray[np.integer]:
        """``(bars + 1,)`` ticks of the bar lines."""

    @property
    def meters(self) -> tuple[Meter, ...]:
        """The time signatures."""


@dataclass(frozen=True)
class PlacedForm:
    """A form whose segments stand at known places of a reference grid.

    Attributes:
        form: the form in whole bars of the reference grid; None if a boundary is not on a bar line of it.
        letters: letter of each segment.
        edges_bars: ``(segments + 1,)`` start of each segment and the end of the last, in bars of the reference grid.
    """

    form: Form | None
    letters: tuple[str, ...]
    edges_bars: tuple[float, ...]

    @classmethod
    def of(cls, form: Form) -> PlacedForm:
        """Return a form that counts the reference grid's own bars."""
        return cls(form, tuple(s.letter for s in form), tuple(float(bar) for bar in (*form.starts, form.bars)))


Analyse = Callable[[Pop909Song], Form | PlacedForm | None]
"""Finds the form of a song; None leaves the song out of the figures (it has no reference)."""


def exact_match(found: Form, labels: Sequence[Form], one_bar_rule: bool = True) -> bool:
    """Return whether a form equals one of the labels.

    Args:
        found: the form that was found.
        labels: the reference forms.
        one_bar_rule: also accept it after one bar was taken from its last segment (a segment of one bar is dropped).
    """
    readings = [found.segments]
    if one_bar_rule:
        last = found.segments[-1]
        shorter = (Segment(last.letter, last.bars - 1),) if last.bars > 1 else ()
        readings.append((*found.segments[:-1], *shorter))
    return any(label.segments in readings for label in labels)


def boundary_scores(found: ArrayLike, reference: ArrayLike, tolerance: float = 0.0) -> tuple[float, float, float]:
    """Return precision, recall and F1 of boundaries.

    Args:
        found: boundaries that were found, song start and end left out; NaN matches nothing.
        reference: the boundaries of the label.
        tolerance: how far apart two boundaries that match may be, in the unit of both.

    Returns:
        Three shares; all 1 if neither has a boundary, all 0 if only one of them has.
    """
    one = sorted(np.asarray(found, dtype=np.float64).ravel().tolist(), key=lambda x: (x != x, x))
    other = np.sort(np.asarray(reference, dtype=np.float64).ravel())
    if not len(one) and not len(other):
        return 1.0, 1.0, 1.0
    free = other.tolist()
    hits = 0
    for place in one:
        match = next((candidate for candidate in free if abs(candidate - place) <= tolerance), None)
        if match is not None:
            free.remove(match)
            hits += 1
    if not hits:
        return 0.0, 0.0, 0.0
    precision, recall = hits / len(one), hits / len(other)
    return precision, recall, 2 * precision * recall / (precision + recall)


def label_agreement(found: ArrayLike, reference: ArrayLike) -> float:
    """Return the share of pairs of bars on which "same letter or not" agrees; 1 for fewer than two bars.

    Args:
        found: ``(n,)`` letter (or any code) of each bar.
        reference: ``(n,)`` the same of the label.
    """
    one, other = np.asarray(found), np.asarray(reference)
    bars = min(len(one), len(other))
    if bars < 2:
        return 1.0
    i, j = np.triu_indices(bars, k=1)
    return float(np.mean((one[i] == one[j]) == (other[i] == other[j])))


def place_form(form: Form, song: BarsOfForm, reference: Pop909Song, alignment: Alignment) -> PlacedForm:
    """Return where a form that was found on a MIDI file's own bars stands on the structure grid.

    Args:
        form: the form, in bars of ``song``.
        song: the bars that the form counts, in the file's ticks (12 a quarter note).
        reference: the same song on the structure grid.
        alignment: the offsets between the two.

    Returns:
        The form on the structure grid. What lies before its bar 0 or after its last bar is cut off, a boundary in bars
        that the structure version left out moves to where they were cut out. A boundary counts as on a bar line within
        one sixteenth; if one is not, ``form`` is None.
    """
    per_bar = 4 * reference.beats_per_bar
    lines = song.bar_lines
    bars = np.append(form.starts, form.bars)
    missing = np.maximum(0, bars - (len(lines) - 1)) * song.meters[-1].bar_ticks
    ticks = lines[np.minimum(bars, len(lines) - 1)] + missing
    places = _clip_to_structure(ticks / TICKS_PER_SIXTEENTH, alignment) / per_bar
    end = max(-(-len(reference.chord_tones) // reference.beats_per_bar) + 1, reference.song.bars)
    places = np.clip(places, 0, end)
    letters: list[str] = []
    edges: list[float] = []
    for letter, start, stop in zip((s.letter for s in form), places, places[1:], strict=False):
        if stop - start > 1 / per_bar:
            letters.append(letter)
            edges.append(float(start))
    if not letters:
        return PlacedForm(None, (), ())
    edges.append(float(places.max()))
    whole = np.round(edges).astype(int)
    on_lines = bool((np.abs(whole - np.array(edges)) <= 1 / per_bar + 1e-9).all())
    lengths = np.diff(whole)
    if not on_lines or (lengths < 1).any():
        return PlacedForm(None, tuple(letters), tuple(edges))
    whole_form = Form(tuple(Segment(letter, int(bars)) for letter, bars in zip(letters, lengths, strict=True)))
    return PlacedForm(whole_form, tuple(letters), tuple(edges))


def _clip_to_structure(positions: NDArray[np.float64], alignment: Alignment) -> NDArray[np.float64]:
    starts, offsets = np.array(alignment.changes, dtype=np.float64).T
    anchors = np.maximum.accumulate((starts + offsets)[1:]) if len(starts) > 1 else np.zeros(0)
    index = np.searchsorted(anchors, positions, side="right")
    moved: NDArray[np.float64] = np.minimum(positions - offsets[index], np.append(starts[1:], np.inf)[index])
    return moved


def analyse_annotated(song: Pop909Song) -> Form:
    """Return the form found from the annotated melody, chords and keys."""
    return find_form(song.song, song.chord_tones).form


def score_form(found: Form | PlacedForm, labels: Sequence[Form], sixteenths_per_bar: int = 16) -> dict[str, float]:
    """Return the scores of one song; see the module.

    Returns:
        ``exact_match``, ``exact_match_strict`` (0 or 1), ``boundary_precision``, ``boundary_recall``, ``boundary_f1``
        (all three of the label with the best F1) and ``label_agreement`` (of the better label).
    """
    placed = PlacedForm.of(found) if isinstance(found, Form) else found
    tolerance = 1 / sixteenths_per_bar + 1e-9
    inner = placed.edges_bars[1:-1]
    scores = [boundary_scores(inner, label.starts[1:], tolerance) for label in labels]
    best = max(scores, key=lambda score: score[2])
    strict = placed.form is not None and exact_match(placed.form, labels, one_bar_rule=False)
    exact = placed.form is not None and exact_match(placed.form, labels)
    return {
        "exact_match": float(exact),
        "exact_match_strict": float(strict),
        "boundary_precision": best[0],
        "boundary_recall": best[1],
        "boundary_f1": best[2],
        "label_agreement": max(label_agreement(_letter_per_bar(placed), _bar_letters(label)) for label in labels),
    }


def _bar_letters(form: Form) -> list[str]:
    return [segment.letter for segment in form for _ in range(segment.bars)]


def _letter_per_bar(placed: PlacedForm) -> list[str]:
    """Return the letter at the middle of each bar of the reference grid."""
    if not placed.letters:
        return []
    middles = np.arange(round(placed.edges_bars[-1])) + 0.5
    index = np.searchsorted(placed.edges_bars[1:-1], middles, side="right")
    return [placed.letters[i] for i in index]


def evaluate_structure(
    dataset: Pop909,
    ids: Sequence[str],
    analyse: Analyse = analyse_annotated,
    progress: Callable[[int, int], None] | None = None,
    rows: bool = False,
) -> dict[str, Any]:
    """Score an analysis against both human labels of each song.

    Args:
        dataset: the data.
        ids: the songs.
        analyse: the analysis; by default the one from annotated melody and chords.
        progress: called after each song with the number done and the number in all.
        rows: also return a row per song.

    Returns:
        ``songs``; the means of `score_form` (``exact_match`` … ``label_agreement``), each with ``…_interval``, 95 %
        (Wilson's for the shares of songs, bootstrap over songs, seed 0, for the others); ``median_s``, ``max_s``:
        seconds a song without reading it; ``failed``: songs that could not be analysed, which count as wrong;
        ``left_out``: songs without a reference; with ``rows`` the list ``rows``.
    """
    table: list[dict[str, Any]] = []
    failed: list[str] = []
    left_out: list[str] = []
    for number, id in enumerate(ids, start=1):
        song = dataset.load(id)
        began = time.perf_counter()
        try:
            found = analyse(song)
        except RitornelloError as error:
            failed.append(f"{id}: {error}")
            found = PlacedForm(None, (), ())
        seconds = time.perf_counter() - began
        if found is None:
            left_out.append(id)
        else:
            form = found if isinstance(found, Form) else found.form
            scores = score_form(found, song.labels, 4 * song.beats_per_bar)
            table.append({"song": id, "form": str(form or ""), "seconds": seconds, **scores})
        if progress is not None:
            progress(number, len(ids))
    report: dict[str, Any] = {"songs": len(table), **_means(table)}
    report |= {
        "median_s": median(row["seconds"] for row in table) if table else None,
        "max_s": max((row["seconds"] for row in table), default=None),
        "failed": failed,
        "left_out": left_out,
    }
    return report | {"rows": table} if rows else report


def _means(table: list[dict[str, Any]]) -> dict[str, Any]:
    names = (
        "exact_match",
        "exact_match_strict",
        "boundary_precision",
        "boundary_recall",
        "boundary_f1",
        "label_agreement",
    )
    result: dict[str, Any] = {}
    for name in names:
        values = [row[name] for row in table]
        result[name] = float(np.mean(values)) if values else None
        if not values:
            continue
        if name.startswith("exact"):
            result[f"{name}_interval"] = list(proportion_interval(int(sum(values)), len(values)))
        else:
            result[f"{name}_interval"] = list(bootstrap_interval(values))
    return result
