"""What is said about an imitation: nearness, adherence, cadences, originality, as plain values.

The measures are `evaluation.imitation`'s and `analysis.originality`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.originality import Run, longest_shared_runs
from ritornello.analysis.phrase_grid import PhraseGrid
from ritornello.evaluation.imitation import (
    cadences,
    half_to_half_distance,
    phrase_agreements,
    phrase_slice,
    style_distance,
    style_histograms,
)
from ritornello.imitation.data import SongEvents
from ritornello.imitation.kept import Kept
from ritornello.imitation.originality_guard import LEAST_PHRASE_BARS, LIKENESS_LIMIT, CopyLimits, likeness
from ritornello.imitation.phrase import NewPhrase
from ritornello.score import Song, make_notes

AGREEMENT_GOAL = 0.85
"""Agreement of phrases of one letter that scores best (human pairs: .85)."""

COPY_WEIGHT = STRUCTURE_WEIGHT = CADENCE_WEIGHT = 1.0
"""Weights of copying, of structure and of cadences in the score that ranks candidates, in nats per event."""


def report_of(
    seed: Song,
    events: SongEvents,
    song: Song,
    grid: PhraseGrid,
    written: Sequence[NewPhrase],
    limits: CopyLimits,
    *,
    guarded: bool,
    kept: Kept,
) -> dict[str, Any]:
    """Return the report of one imitation; its ``"score"`` ranks candidates."""
    seed_grid = events.grid
    distance = style_distance(style_histograms(seed_grid), style_histograms(grid))
    agreements = phrase_agreements(grid)
    runs = longest_shared_runs(melody_notes(grid), melody_notes(seed_grid))
    originality = {
        "guarded": guarded,
        "rhythmic_run": _run(runs.rhythmic, grid, seed_grid, limits.rhythmic),
        "melodic_run": _run(runs.melodic, grid, seed_grid, limits.melodic),
        "nearest_seed_phrase": nearest_phrase(grid, seed_grid),
    }
    if not guarded:
        originality["note"] = "the melody was kept on request, so the copy check does not apply to it"
    endings = cadences(grid)
    return {
        "score": _score(
            written, agreements.all_same, runs.rhythmic.length / limits.rhythmic, endings.v_to["section_end"]
        ),
        "seed_title": seed.title,
        "form": str(song.form),
        "key": str(song.key_at(0)),
        "tempo_qpm": song.tempi[0].qpm,
        "kept": [name for name, value in asdict(kept).items() if value],
        "style_distance": distance.as_dict(),
        "seed_half_to_half": half_to_half_distance(seed_grid).as_dict(),
        "adherence": {
            "same_letter": _mean(agreements.all_same),
            "other_letter": _mean(agreements.other),
            "by_letter": {letter: _mean(values) for letter, values in sorted(agreements.same.items())},
            "seed_by_letter": {
                letter: _mean(values) for letter, values in sorted(phrase_agreements(seed_grid).same.items())
            },
        },
        "cadences": cadence_figures(grid),
        "seed_cadences": cadence_figures(seed_grid),
        "originality": originality,
    }


def melody_notes(grid: PhraseGrid) -> NDArray[np.void]:
    """Return the melody of a grid as notes in ticks, one at a time."""
    return make_notes(grid.onsets * grid.step_ticks, grid.durations * grid.step_ticks, grid.pitches)


def cadence_figures(grid: PhraseGrid) -> dict[str, Any]:
    """Return the cadence shares of a song with their numbers of cases."""
    found = cadences(grid)
    figures: dict[str, Any] = {}
    for place, values in found.v_to.items():
        figures[f"v_to_i_{place}"] = {"share": _mean([float(value) for value in values]), "cases": len(values)}
    for place, degrees in found.final_degrees.items():
        share = _mean([float(degree == 0) for degree in degrees])
        figures[f"tonic_at_{place}"] = {"share": share, "cases": len(degrees)}
    return figures


def nearest_phrase(grid: PhraseGrid, seed_grid: PhraseGrid) -> dict[str, Any] | None:
    """Return the melodic phrases of the song and the seed that agree most, as degrees of the key (`likeness`)."""
    best: dict[str, Any] | None = None
    rolls = [
        (old, _degrees(seed_grid, old.index)) for old in seed_grid.melodic_phrases if old.bars >= LEAST_PHRASE_BARS
    ]
    for new in grid.melodic_phrases:
        if new.bars < LEAST_PHRASE_BARS:
            continue
        mine = _degrees(grid, new.index)
        for old, roll in rolls:
            value = likeness(mine, roll)
            if best is None or value > best["agreement"]:
                best = {
                    "agreement": value,
                    "limit": LIKENESS_LIMIT,
                    "within_limit": value <= LIKENESS_LIMIT,
                    "phrase": {"index": new.index, "letter": new.letter, "start_bar": new.start_bar},
                    "seed_phrase": {"index": old.index, "letter": old.letter, "start_bar": old.start_bar},
                }
    return best


def _degrees(grid: PhraseGrid, index: int) -> NDArray[np.int64]:
    phrase = grid.phrases[index]
    roll = phrase_slice(grid, grid.held_pitch(), phrase)
    tonic = phrase.key.tonic if phrase.key is not None else 0
    degrees: NDArray[np.int64] = np.where(roll > 0, (roll - tonic) % 12, -1)
    return degrees


def _run(run: Run, grid: PhraseGrid, seed_grid: PhraseGrid, limit: int) -> dict[str, int | bool]:
    def bar(which: PhraseGrid, index: int) -> int:
        return int(which.onsets[index] // which.steps_per_bar) if len(which.onsets) else 0

    return {
        "notes": run.length,
        "limit": limit,
        "within_limit": run.length <= limit,
        "start_note": run.start_a,
        "start_bar": bar(grid, run.start_a),
        "seed_start_note": run.start_b,
        "seed_start_bar": bar(seed_grid, run.start_b),
    }


def _score(written: Sequence[NewPhrase], same: Sequence[float], copy: float, v_to_i: Sequence[bool]) -> float:
    phrases = [phrase.score for phrase in written if len(phrase.onsets) and phrase.source is None]
    likelihood = float(np.mean(phrases)) if phrases else 0.0
    structure = 1 - abs(float(np.mean(same)) - AGREEMENT_GOAL) if same else 1.0
    cadence = float(np.mean(v_to_i)) if v_to_i else 0.5
    return likelihood - COPY_WEIGHT * copy + STRUCTURE_WEIGHT * structure + CADENCE_WEIGHT * cadence


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None
