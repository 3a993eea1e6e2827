"""How well composing does what it is told: curves are followed, locks are kept, and how long it takes.

MusicFrameworks, specification sections 6 and 9. A curve is drawn by chance for each letter of a song's form; the same
form and seed without curves is what it is compared with. Locks are set by chance on a song that was composed, all else
is opened, and another seed writes it anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ritornello.errors import ArgumentError
from ritornello.evaluation.adherence import figure
from ritornello.evaluation.statistics import percentile_interval, resample_counts
from ritornello.frameworks.contour import NAMED, contour_error, in_semitones, named_contour
from ritornello.score.framework import Cell, Framework
from ritornello.score.framework_locks import LAYERS

Fill = Callable[[Framework, int], Framework]
"""Composes what is open in a plan from a random seed and returns all of it."""

LOCKS_PER_SONG = 24
"""Locks that are set by chance on a song, spread over the layers."""

TIMED_FORM = "i4A8B8A8B8C8A8B8o4"
"""A form of 64 bars."""

TIMED_CANDIDATES = 4

_LOCKED_LAYERS = ("chords", "basic", "rhythm-form", "pattern", "melody")


def with_curves(plan: Framework, seed: int) -> tuple[Framework, dict[int, tuple[float, ...]]]:
    """Return a plan with a named curve for each melodic phrase that repeats none, and the curves by phrase."""
    rng = np.random.default_rng(seed)
    curves = {}
    for phrase in plan.phrases:
        if phrase.is_melodic and phrase.letter != "X" and phrase.source is None:
            name = list(NAMED)[int(rng.integers(len(NAMED)))]
            curves[phrase.id] = named_contour(name, phrase.bars * plan.cells_per_bar)
    for index, curve in curves.items():
        plan = plan.with_phrase(index, cells=tuple(Cell(contour=value) for value in curve))
    return plan, curves


def contour_figures(plans: Sequence[Framework], fill: Fill) -> dict[str, Any]:
    """Compose each plan with curves and without, from the same seed, and compare both with the curves.

    Args:
        plans: open frameworks; seeds are 0, 1, 2, … in their order.
        fill: what composes.

    Returns:
        ``contour_error_guided`` and ``contour_error_unguided``: mean of `contour.contour_error` over phrases, in
        semitones a cell; ``contour_error_difference`` (guided minus unguided), each with a 95 % interval over plans and
        the number of phrases; ``contour_error_ratio`` with its interval. ArgumentError if no plan has a phrase.
    """
    guided: list[list[float]] = []
    unguided: list[list[float]] = []
    for seed, plan in enumerate(plans):
        drawn, curves = with_curves(plan, seed)
        for told, errors in ((drawn, guided), (plan, unguided)):
            filled = fill(told, seed)
            errors.append([_error(filled, index, curve) for index, curve in curves.items()])
    differences = [[a - b for a, b in zip(*rows, strict=True)] for rows in zip(guided, unguided, strict=True)]
    sums = np.array([[sum(row) for row in side] for side in (guided, unguided)])
    if not sums[1].sum():
        raise ArgumentError("no plan has a melodic phrase that a curve could be drawn for")
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = np.concatenate([(counts @ sums[0]) / (counts @ sums[1]) for counts in resample_counts(len(plans))])
    low, high = percentile_interval(ratios[np.isfinite(ratios)])
    return {
        **figure("contour_error_guided", guided),
        **figure("contour_error_unguided", unguided),
        **figure("contour_error_difference", differences),
        "contour_error_ratio": round(float(sums[0].sum() / sums[1].sum()), 4),
        "contour_error_ratio_interval": [round(low, 4), round(high, 4)],
    }


def _error(filled: Framework, phrase: int, curve: Sequence[float]) -> float:
    return contour_error([cell.basic_pitch or 0 for cell in filled.cells(phrase)], in_semitones(curve))


def locked_by_chance(whole: Framework, seed: int, number: int = LOCKS_PER_SONG) -> tuple[Framework, list[str]]:
    """Return a filled framework with some cells, chords and notes locked and everything else open.

    Returns:
        The framework, and what is locked in the words of `framework_locks`, such as ``basic@3[5]``.
    """
    rng = np.random.default_rng(seed)
    places = []
    for layer in _LOCKED_LAYERS:
        own = []
        for phrase in whole.effective:
            chords, notes = len(phrase.chords or ()), len(phrase.notes or ())
            cells = len(phrase.cells or ()) if phrase.is_melodic else 0
            size = {"chords": chords, "melody": notes}.get(layer, cells)
            own += [f"{layer}@{phrase.id}[{cell}]" for cell in range(size)]
        share = min(len(own), -(-number // len(_LOCKED_LAYERS)))
        places += [own[i] for i in sorted(rng.choice(len(own), share, replace=False))]
    return whole.lock(*places).reopen(*_LOCKED_LAYERS), places


def lock_figures(plans: Sequence[Framework], fill: Fill) -> dict[str, Any]:
    """Compose each plan, lock parts of it by chance, compose the rest anew from another seed, and look for the locks.

    Args:
        plans: open frameworks; seeds are 0, 1, 2, … in their order, 1,000 more for the second time.
        fill: what composes.

    Returns:
        ``locked_cells_honoured``: share of locked chords, cells and notes that are as they were, with interval over
        plans and count; ``locked_songs_refused``, how often the locks were called contradictory, which counts as none
        of them kept; ``locked_cells_honoured_by_layer``, of the other songs.
    """
    kept: list[list[float]] = []
    by_layer: dict[str, list[float]] = {layer: [] for layer in _LOCKED_LAYERS}
    refused = 0
    for seed, plan in enumerate(plans):
        whole = fill(plan, seed)
        locked, places = locked_by_chance(whole, seed)
        kept.append([])
        try:
            again = fill(locked, seed + 1_000)
        except ArgumentError:  # all of them come from one song, so none contradicts another
            refused += 1
            kept[-1] = [0.0] * len(places)
            continue
        for place in places:
            layer, index = place.split("@")
            phrase, cell = (int(part) for part in index.rstrip("]").split("["))
            right = float(_honoured(locked, again, layer, phrase, cell, whole))
            kept[-1].append(right)
            by_layer[layer].append(right)
    return {
        **figure("locked_cells_honoured", kept),
        "locked_songs_refused": refused,
        "locked_cells_honoured_by_layer": {
            layer: round(float(np.mean(row)), 4) for layer, row in by_layer.items() if row
        },
    }


def _honoured(locked: Framework, again: Framework, layer: str, phrase: int, cell: int, whole: Framework) -> bool:
    """Return whether a chord, cell or note of a whole song is as it was after the rest was composed again."""
    before, after = whole.effective[phrase], again.effective[phrase]
    if layer == "chords":
        start = sum(chord.beats for chord in (before.chords or ())[:cell])
        wanted = (before.chords or ())[cell]
        beats = np.arange(start, start + wanted.beats, 0.5)
        return all(_chord_at(after.chords or (), beat) == wanted.chord for beat in beats)
    if layer == "melody":
        note = (before.notes or ())[cell]
        return any((n.onset, n.duration, n.pitch) == (note.onset, note.duration, note.pitch) for n in after.notes or ())
    own, other = locked.cells(phrase)[cell], again.cells(phrase)[cell]
    return all(getattr(own, item) == getattr(other, item) for item in LAYERS[layer] if item in own.locks)


def _chord_at(chords: Sequence[Any], beat: float) -> object:
    end = 0.0
    for cell in chords:
        end += cell.beats
        if beat < end:
            return cell.chord
    return None


def time_figures(compose: Callable[[Framework, int], object]) -> dict[str, Any]:
    """Return how long a song of 64 bars with four candidates takes: seconds of processor time, all cores together."""
    plan = Framework.from_form(TIMED_FORM, "C", 96)
    start = time.process_time()
    compose(plan, TIMED_CANDIDATES)
    return {"seconds_64_bars_4_candidates": round(time.process_time() - start, 2)}
