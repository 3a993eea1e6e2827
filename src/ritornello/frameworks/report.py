"""What is said about a composition: repeats, endings, contours, locks and what was drawn, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ritornello.analysis.phrase_grid import phrase_grid
from ritornello.evaluation.adherence import song_measures
from ritornello.frameworks.contour import contour_error, in_semitones
from ritornello.frameworks.marks import Layer
from ritornello.score.framework import Framework


def report_of(
    framework: Framework, drawn: Mapping[Layer, Sequence[tuple[int, int]]], style: str, model: str
) -> dict[str, Any]:
    """Return the report of one composition.

    Args:
        framework: everything that was decided.
        drawn: for each layer the cells ``(phrase, cell)`` that were drawn in this run.
        style: the accompaniment.
        model: the networks.

    Returns:
        ``form``, ``key``, ``tempo_qpm``, ``metre``, ``bars``, ``notes``, ``style``, ``model``; ``adherence`` and
        ``cadences`` (means of `evaluation.adherence`, None where a song has no case); ``contour_errors`` in semitones a
        cell for each phrase with a drawn curve; ``locked_cells``, all of which are honoured; ``drawn``, for each
        layer the number of cells and the phrases they are in.
    """
    measures = song_measures(phrase_grid(framework.song(), framework.step_ticks)).values
    means = {name: round(sum(row) / len(row), 3) if row else None for name, row in measures.items()}
    errors = {}
    for phrase in framework.phrases:
        curve = in_semitones([cell.contour for cell in phrase.cells or ()])
        if any(cell.contour is not None for cell in phrase.cells or ()):
            basics = [cell.basic_pitch or 0 for cell in phrase.cells or ()]
            errors[f"{phrase.id} {phrase.letter}"] = round(contour_error(basics, curve), 3)
    return {
        "form": str(framework.form),
        "key": str(framework.key),
        "tempo_qpm": framework.tempo_qpm,
        "metre": str(framework.metre),
        "bars": framework.form.bars,
        "notes": sum(len(phrase.notes or ()) for phrase in framework.phrases),
        "style": style,
        "model": model,
        "adherence": {name: value for name, value in means.items() if "letter" in name},
        "cadences": {name: value for name, value in means.items() if "letter" not in name},
        "contour_errors": errors,
        "locked_cells": _locked(framework),
        "drawn": {
            layer: {"cells": len(cells), "phrases": sorted({phrase for phrase, _ in cells})}
            for layer, cells in drawn.items()
        },
    }


def _locked(framework: Framework) -> int:
    """Return the number of locked items: chords, items of cells, notes."""
    return sum(
        sum(cell.lock for cell in phrase.chords or ())
        + sum(len(cell.locks) for cell in phrase.cells or ())
        + sum(note.lock for note in phrase.notes or ())
        for phrase in framework.phrases
    )
