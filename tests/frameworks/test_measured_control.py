from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ritornello.errors import ArgumentError
from ritornello.frameworks.contour import in_semitones
from ritornello.frameworks.measured_control import contour_figures, lock_figures, locked_by_chance, with_curves
from ritornello.score import Chord
from ritornello.score.framework import Cell, ChordCell, Framework, NoteCell

PLANS = [Framework.from_form(form, "C") for form in ("A2B2A2", "i1A4x1A4", "A2A2")]


def fill(plan: Framework, seed: int, *, follows: bool = True, keeps: bool = True) -> Framework:
    """A half note a cell, by chance; curves are followed and locks kept, or not."""
    rng = np.random.default_rng(seed)
    for phrase in plan.phrases:
        given, size = plan.cells(phrase.id), phrase.bars * plan.cells_per_bar
        pitches = rng.integers(55, 80, size)
        curve = in_semitones([cell.contour for cell in given])
        if follows:
            pitches = np.where(np.isnan(curve), pitches, np.nan_to_num(np.rint(67 + curve)).astype(int))
        chords = tuple(ChordCell(Chord(int(rng.integers(12))), 4) for _ in range(phrase.bars))
        notes = tuple(NoteCell(8 * i, 8, int(pitch)) for i, pitch in enumerate(pitches))
        cells = tuple(
            dataclasses.replace(Cell(int(pitch), i, 1 / 16, 1), contour=old.contour)
            for i, (pitch, old) in enumerate(zip(pitches, given, strict=True))
        )
        if keeps:
            cells = tuple(
                dataclasses.replace(new, locks=old.locks, **{item: getattr(old, item) for item in old.locks})
                for new, old in zip(cells, given, strict=True)
            )
            chords = tuple(
                old if old.lock else new
                for old, new in zip(plan.effective[phrase.id].chords or chords, chords, strict=True)
            )
            kept = {note.onset: note for note in phrase.notes or ()}
            notes = tuple(kept.get(note.onset, note) for note in notes)
        if phrase.is_melodic:
            plan = plan.with_phrase(phrase.id, repeat="free", chords=chords, cells=cells, notes=notes)
        else:
            plan = plan.with_phrase(phrase.id, repeat="free", chords=chords)
    return plan


def test_curves_are_drawn_for_letters_not_for_repeats() -> None:
    drawn, curves = with_curves(PLANS[0], 3)
    assert set(curves) == {0, 1}
    assert [cell.contour for cell in drawn.cells(2)] == list(curves[0])
    assert with_curves(PLANS[0], 3)[1] == curves


def test_what_follows_curves_is_nearer_to_them() -> None:
    found = contour_figures(PLANS, fill)
    assert found["contour_error_guided"] < 0.3 < found["contour_error_unguided"]
    assert found["contour_error_difference_interval"][1] < 0
    assert found["contour_error_ratio"] == pytest.approx(
        found["contour_error_guided"] / found["contour_error_unguided"], abs=1e-3
    )
    assert found["contour_error_guided_cases"] == 4


def test_what_does_not_follow_them_is_not() -> None:
    found = contour_figures(PLANS, lambda plan, seed: fill(plan, seed, follows=False))
    assert found["contour_error_difference"] == 0 and found["contour_error_ratio"] == 1


def test_locks_are_set_by_chance_and_all_else_is_open() -> None:
    whole = fill(PLANS[1], 0)
    locked, places = locked_by_chance(whole, 5, 10)
    assert len(places) == 10 and locked_by_chance(whole, 5, 10)[1] == places
    assert sum(len(cell.locks) for phrase in locked.phrases for cell in phrase.cells or ()) == 2 + 2 * 2 + 2
    decided = [cell for phrase in locked.phrases for cell in phrase.cells or () if cell.basic_pitch is not None]
    assert len(decided) == 2
    assert sum(len(phrase.notes or ()) for phrase in locked.phrases) == 2


def test_locks_that_are_kept_are_counted_and_those_that_are_not() -> None:
    found = lock_figures(PLANS, fill)
    assert found["locked_cells_honoured"] == 1.0 and found["locked_cells_honoured_interval"] == [1.0, 1.0]
    assert set(found["locked_cells_honoured_by_layer"]) == {
        "chords", "basic", "rhythm-form", "pattern", "melody",
    }  # fmt: skip
    broken = lock_figures(PLANS, lambda plan, seed: fill(plan, seed, keeps=False))
    assert broken["locked_cells_honoured_by_layer"]["basic"] < 0.5
    assert broken["locked_cells_honoured_by_layer"]["chords"] < 0.5
    assert broken["locked_cells_honoured"] < 1


def test_locks_that_are_refused_count_as_broken() -> None:
    def refuse(plan: Framework, seed: int) -> Framework:
        if seed >= 1_000 and plan.form == PLANS[0].form:
            raise ArgumentError("the locks contradict each other")
        return fill(plan, seed)

    found = lock_figures(PLANS, refuse)
    assert found["locked_songs_refused"] == 1
    assert 0.5 < found["locked_cells_honoured"] < 0.8
