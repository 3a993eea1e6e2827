"""Discovery measured: JKU-PDD's patterns, scored as in the MIREX task, with ablations beside it.

Settings were chosen on the five pieces, as those of all published systems were. What that is worth is told by
`chosen_on_the_other_four`: for each piece, the settings that are best on the other four, scored on this one.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.datasets.bps_motif import TOLERANCE, BpsMotif
from ritornello.datasets.jku_pdd import DECIMALS, LEFT_OUT, PIECES, JkuPdd, Point
from ritornello.evaluation.patterns import PatternScores, pattern_scores
from ritornello.evaluation.statistics import bootstrap_interval
from ritornello.motifs.discovery import (
    FIGURES,
    DiscoverySettings,
    Pattern,
    choose_patterns,
    find_patterns,
    find_repeats,
)
from ritornello.motifs.discovery_points import TABLE_TICKS_PER_BEAT, PointSet

Progress = Callable[[int, int], None]

ABLATIONS: Mapping[str, Mapping[str, Any]] = {
    "exact_only": {"varied_share": 1.0},
    "segment": {"segment": True},
    "gap_of_one_beat_too": {"gaps_beats": (1.0, 3.0)},
    "any_compactness": {"min_compactness": 0.0},
    "no_redundancy_removal": {"most_alike": 1.0},
}
"""Settings that are measured beside the default."""

GAPS = (2.0, 3.0, 4.0)
GRID: Mapping[str, Sequence[float]] = {
    "varied_share": (0.6, 0.7, 0.8, 1.0), "least_gain": (0.05, 0.1, 0.2), "most_alike": (0.5, 0.8),
}  # fmt: skip
"""Settings among which, at each of the `GAPS`, those of a piece are chosen on the other four."""

BPS_SETTINGS: dict[str, Any] = {"max_beats": 8.0, **FIGURES}
"""Of BPS-Motif: motifs are short figures of one staff."""

BPS_TUNED_ON = ("01", "05")
"""Movements on which these settings were chosen; their scores are left out of the means."""

_NEW_REPEATS = ("gap_of_one_beat_too", "any_compactness")  # ablations with other candidates
_MISC = "tomCollinsMisc"  # of Chopin; the data set's own list of patterns omits it


def evaluate_jku(dataset: JkuPdd, *, progress: Progress | None = None) -> dict[str, Any]:
    """Return establishment, occurrence and three-layer figures of each piece, their means, and those of ablations.

    Args:
        dataset: the set.
        progress: called with (pieces done, pieces in all).
    """
    combinations: list[dict[str, Any]] = [
        dict(zip(GRID, values, strict=True)) for values in itertools.product(*GRID.values())
    ]
    scores: dict[str, list[PatternScores]] = {name: [] for name in ("ours", "narrower", *ABLATIONS)}
    tried: list[list[PatternScores]] = []
    for done, piece in enumerate(PIECES):
        table, marked = dataset.notes(piece), dataset.patterns(piece)
        reference = list(marked.values())
        points = PointSet.of_table(table)
        repeats = find_repeats(points, DiscoverySettings(), ticks_per_beat=TABLE_TICKS_PER_BEAT)
        ours = _sets(table, points, choose_patterns(points, repeats, DiscoverySettings()))
        scores["ours"].append(pattern_scores(reference, ours))
        narrower = [pattern for name, pattern in marked.items() if not name.startswith(_MISC)]
        scores["narrower"].append(pattern_scores(narrower, ours))
        for name, changes in ABLATIONS.items():
            settings = dataclasses.replace(DiscoverySettings(), **changes)
            own = repeats
            if name in _NEW_REPEATS:
                own = find_repeats(points, settings, ticks_per_beat=TABLE_TICKS_PER_BEAT)
            found = _sets(table, points, choose_patterns(points, own, settings))
            scores[name].append(pattern_scores(reference, found))
        row = []
        for gap in GAPS:
            wide = dataclasses.replace(DiscoverySettings(), gaps_beats=(gap,))
            own = find_repeats(points, wide, ticks_per_beat=TABLE_TICKS_PER_BEAT)
            for values in combinations:
                settings = dataclasses.replace(wide, **values)
                row.append(pattern_scores(reference, _sets(table, points, choose_patterns(points, own, settings))))
        tried.append(row)
        if progress is not None:
            progress(done + 1, len(PIECES))
    tried_settings = [{"gap": gap, **values} for gap in GAPS for values in combinations]
    return {
        "task": "jku", "pieces": len(PIECES), "left_out_annotators": list(LEFT_OUT), **mean_scores(scores["ours"]),
        "per_piece": {piece: scores_dict(one) for piece, one in zip(PIECES, scores["ours"], strict=True)},
        "without_tomCollinsMisc": mean_scores(scores["narrower"]),
        "systems": {name: mean_scores(scores[name]) for name in ABLATIONS},
        "chosen_on_the_other_four": _chosen_on_others(tried_settings, tried),
    }  # fmt: skip


def _chosen_on_others(combinations: list[dict[str, Any]], tried: list[list[PatternScores]]) -> dict[str, Any]:
    """Return the scores of each piece with the settings that are best on the others; ``tried`` is by piece."""
    reached = np.array([[one.establishment.f1 + one.three_layer.f1 for one in row] for row in tried])
    best = [int(np.delete(reached, index, axis=0).mean(axis=0).argmax()) for index in range(len(tried))]
    chosen = {piece: combinations[number] for piece, number in zip(PIECES, best, strict=True)}
    return {**mean_scores([row[number] for row, number in zip(tried, best, strict=True)]), "settings": chosen}


def evaluate_bps_patterns(
    dataset: BpsMotif, *, ids: Sequence[str] | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Return the figures of discovery on motifs marked in Beethoven's first movements; each staff is searched alone.

    Args:
        dataset: the set; all notes of a movement are seen.
        ids: only these movements.
        progress: called with (movements done, movements in all).
    """
    chosen = [id for id in (ids or dataset.ids) if id not in BPS_TUNED_ON]
    scores = []
    for done, id in enumerate(chosen):
        scores.append(_bps_scores(dataset, id))
        if progress is not None:
            progress(done + 1, len(chosen))
    intervals = {
        name: list(bootstrap_interval([scores_dict(one)[name] for one in scores]))
        for name in ("establishment_f1", "occurrence_f1_50", "occurrence_f1_75", "three_layer_f1")
    }
    return {"task": "bps-patterns", "movements": len(scores), **mean_scores(scores), "interval_95": intervals}


def _bps_scores(dataset: BpsMotif, id: str) -> PatternScores:
    notes, marked = dataset.notes(id), dataset.motif_notes(id)
    reference: dict[str, list[frozenset[Point]]] = {}
    for place in dataset.occurrences(id):
        own = (marked.staff == place.track) & (marked.onset >= place.start_midi - TOLERANCE)
        own &= marked.onset < place.end_midi - TOLERANCE
        # Motif files count from a pick-up's bar line, the tables of notes from the first full bar.
        onset = np.round(marked.onset[own] + (place.start - place.start_midi), DECIMALS)
        if own.any():
            points = frozenset(zip(onset.tolist(), marked.pitch[own].astype(float).tolist(), strict=True))
            reference.setdefault(place.type, []).append(points)
    table = np.stack([np.round(notes.onset, DECIMALS), notes.pitch, notes.morphetic], axis=1)
    found: list[list[frozenset[Point]]] = []
    for staff in np.unique(notes.staff):
        own_notes = table[notes.staff == staff]
        points_of_staff = PointSet.of_table(own_notes)
        patterns = find_patterns(
            points_of_staff, DiscoverySettings(**BPS_SETTINGS), ticks_per_beat=TABLE_TICKS_PER_BEAT
        )
        found += _sets(own_notes, points_of_staff, patterns)
    return pattern_scores(list(reference.values()), found)


def _sets(table: NDArray[np.float64], points: PointSet, patterns: list[Pattern]) -> list[list[frozenset[Point]]]:
    return [
        [
            frozenset((float(on), float(pitch)) for on, pitch in table[points.note[notes], :2])
            for notes in one.occurrences
        ]
        for one in patterns
    ]


def scores_dict(scores: PatternScores) -> dict[str, float]:
    """Return F1 of every metric, and precision and recall of establishment."""
    return {
        "establishment_f1": scores.establishment.f1, "establishment_precision": scores.establishment.precision,
        "establishment_recall": scores.establishment.recall, "occurrence_f1_50": scores.occurrence_50.f1,
        "occurrence_f1_75": scores.occurrence_75.f1, "three_layer_f1": scores.three_layer.f1,
    }  # fmt: skip


def mean_scores(scores: Sequence[PatternScores]) -> dict[str, float]:
    """Return the mean of every figure over pieces, F1 averaged as such."""
    rows = [scores_dict(one) for one in scores]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
