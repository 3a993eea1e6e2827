"""What makes a framework one: every value in range, and no two that contradict each other.

Each error is one line that begins with the place, such as ``phrases[2].cells[3].basic_pitch``, as in the JSON file.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NoReturn

from ritornello.errors import ArgumentError
from ritornello.score.framework_cells import (
    CELL_ITEMS,
    ONSETS_OF_FULL_COMPLEXITY,
    REPEATS,
    Cell,
    FrameworkPhrase,
    phrases_of_form,
)
from ritornello.score.song import MAX_TICKS
from ritornello.score.timeline import Tempo

if TYPE_CHECKING:
    from ritornello.score.framework import Framework

MAX_TEXT = 500
"""Longest title or model version, in characters."""

MAX_MADE_FROM = 100_000
"""Longest note about what a phrase was made from, in characters."""

BEAT_TOLERANCE_TICKS = 0.05
"""How far a chord's length may be from a whole number of ticks: 0.333 beats are a third of one."""


def check_framework(framework: Framework) -> None:
    """Check a framework.

    Raises:
        ArgumentError: naming the first place that is wrong, what is wrong and what would be right.
    """
    _check_song(framework)
    expected = phrases_of_form(framework.form)
    if len(framework.phrases) != len(expected):
        _fail("phrases", f"there are {len(framework.phrases)}, but the form {framework.form} has {len(expected)}")
    for index, (phrase, plain) in enumerate(zip(framework.phrases, expected, strict=True)):
        place = f"phrases[{index}]"
        for name in ("id", "letter", "bars", "start_bar", "role", "position_in_section"):
            if getattr(phrase, name) != getattr(plain, name):
                _fail(
                    f"{place}.{name}", f"{getattr(phrase, name)!r} is not what the form says: {getattr(plain, name)!r}"
                )
        if len(phrase.made_from) > MAX_MADE_FROM:
            _fail(f"{place}.made_from", f"is longer than {MAX_MADE_FROM} characters")
        _check_repeat(framework, phrase, place)
        _check_chords(framework, phrase, place)
        _check_cells(framework, phrase, place)
        _check_notes(framework, phrase, place)


def _check_song(framework: Framework) -> None:
    metre, step = framework.metre, framework.step_ticks
    if metre.tick != 0:
        _fail("metre", "a framework has one metre, from tick 0 on")
    try:
        Tempo(0, framework.tempo_qpm)
    except ArgumentError:
        _fail("tempo_qpm", f"{framework.tempo_qpm:g} is out of range; use 2 to 1000 quarter notes a minute")
    if step < 1 or metre.beat_ticks % step:
        _fail("step_ticks", f"{step} does not divide the beat of {metre}, which has {metre.beat_ticks} ticks")
    if metre.bar_ticks % metre.beat_ticks:
        _fail("metre", f"{metre} has no whole number of beats in a bar")
    if framework.form.bars * metre.bar_ticks > MAX_TICKS:
        _fail(
            "form",
            f"{framework.form.bars} bars of {metre} are too long; at most {MAX_TICKS // 48} bars of 4/4 are taken",
        )
    if framework.seed is not None and framework.seed < 0:
        _fail("seed", f"{framework.seed} is out of range; use 0 or more")
    for name in ("title", "model_version"):
        if len(getattr(framework, name)) > MAX_TEXT:
            _fail(name, f"is longer than {MAX_TEXT} characters")


def _check_repeat(framework: Framework, phrase: FrameworkPhrase, place: str) -> None:
    if phrase.repeat not in REPEATS:
        _fail(f"{place}.repeat", f"'{phrase.repeat}' is unknown; use copy, vary or free")
    if phrase.source is None:
        if phrase.repeat != "free":
            _fail(f"{place}.repeat", f"'{phrase.repeat}' needs a source; without one it is free")
        return
    if not 0 <= phrase.source < phrase.id:
        _fail(
            f"{place}.source", f"{phrase.source} is not the id of an earlier phrase; use 0 to {phrase.id - 1} or null"
        )
    source = framework.phrases[phrase.source]
    if phrase.repeat != "free" and source.bars != phrase.bars:
        _fail(
            f"{place}.repeat",
            f"'{phrase.repeat}' needs a source of {phrase.bars} bars, phrase {source.id} has {source.bars}; use free",
        )


def _check_chords(framework: Framework, phrase: FrameworkPhrase, place: str) -> None:
    if phrase.chords is None:
        return
    beat = framework.metre.beat_ticks
    filled = 0
    for index, cell in enumerate(phrase.chords):
        here = f"{place}.chords[{index}]"
        # A length outside a whole song is out of range long before it is checked against its ticks.
        if not 0 < cell.beats <= MAX_TICKS or abs(cell.beats * beat - round(cell.beats * beat)) > BEAT_TOLERANCE_TICKS:
            _fail(f"{here}.beats", f"{cell.beats:g} is no length; use a number of beats in steps of 1/{beat}")
        if round(cell.beats * beat) < 1:
            _fail(f"{here}.beats", f"{cell.beats:g} is too short; the shortest is 1/{beat} of a beat")
        if cell.is_open and cell.chord is not None:
            _fail(f"{here}.chord", f"{cell.chord} is given, but the cell is said to be open")
        if cell.is_open and cell.lock:
            _fail(f"{here}.lock", "nothing is decided here, so there is nothing to lock")
        filled += round(cell.beats * beat)
    wanted = phrase.bars * framework.beats_per_bar
    if filled != wanted * beat:
        _fail(f"{place}.chords", f"they fill {filled / beat:g} beats, the phrase has {wanted}")


def _check_cells(framework: Framework, phrase: FrameworkPhrase, place: str) -> None:
    if phrase.cells is None:
        return
    wanted = phrase.bars * framework.cells_per_bar
    if len(phrase.cells) != wanted:
        size = "half a bar" if framework.cells_per_bar == 2 else "one bar"
        _fail(f"{place}.cells", f"there are {len(phrase.cells)}, {phrase.bars} bars have {wanted} cells of {size}")
    for index, cell in enumerate(phrase.cells):
        _check_cell(cell, index, framework.cell_steps, f"{place}.cells[{index}]")
        if cell.rhythm_label is not None:
            first = phrase.cells[cell.rhythm_label].rhythm_label
            if first not in (None, cell.rhythm_label):
                _fail(
                    f"{place}.cells[{index}].rhythm_label",
                    f"{cell.rhythm_label} names a cell that is itself like {first}",
                )


def _check_cell(cell: Cell, index: int, steps: int, place: str) -> None:
    if cell.basic_pitch is not None and not 0 <= cell.basic_pitch <= 127:
        _fail(f"{place}.basic_pitch", f"{cell.basic_pitch} is out of range; use 1 to 127, or 0 for none")
    if cell.rhythm_label is not None and not 0 <= cell.rhythm_label <= index:
        _fail(f"{place}.rhythm_label", f"{cell.rhythm_label} names no cell up to this one; use 0 to {index}")
    pattern, complexity = cell.onset_pattern, cell.complexity
    if pattern is not None and not 0 <= pattern < 1 << steps:
        _fail(f"{place}.onset_pattern", f"does not fit the {steps} steps of a cell")
    if complexity is not None:
        onsets = complexity * ONSETS_OF_FULL_COMPLEXITY
        if not (0 <= onsets <= steps and onsets == int(onsets)):
            _fail(f"{place}.complexity", f"{complexity:g} is not a number of onsets / 16, with 0 to {steps} onsets")
        both = {"complexity", "onset_pattern"} <= cell.locks  # else an edit of one of them is on its way
        if both and pattern is not None and pattern.bit_count() != onsets:
            right = pattern.bit_count() / ONSETS_OF_FULL_COMPLEXITY
            _fail(f"{place}.complexity", f"{complexity:g} is not that of the onset pattern: {right:g}")
    if cell.contour is not None and not math.isfinite(cell.contour):
        _fail(f"{place}.contour", "is not a finite number")
    for item in sorted(cell.locks):
        if item not in CELL_ITEMS:
            _fail(f"{place}.locks", f"'{item}' is no item of a cell")
        if getattr(cell, item) is None:
            _fail(f"{place}.locks", f"'{item}' is locked, but nothing is decided there")


def _check_notes(framework: Framework, phrase: FrameworkPhrase, place: str) -> None:
    if phrase.notes is None:
        if phrase.notes_are_partial:
            _fail(f"{place}.notes_are_partial", "there are no notes; leave it out")
        return
    steps = phrase.bars * framework.steps_per_bar
    end = 0
    for index, note in enumerate(phrase.notes):
        here = f"{place}.notes[{index}]"
        if not 0 <= note.pitch <= 127:
            _fail(f"{here}.pitch", f"{note.pitch} is out of range; use 0 to 127")
        if note.duration < 1:
            _fail(f"{here}.duration", f"{note.duration} is too short; use at least 1 step")
        if note.onset < 0 or note.onset + note.duration > steps:
            _fail(
                here,
                f"sounds from step {note.onset} to {note.onset + note.duration}, outside the phrase's 0 to {steps}",
            )
        if note.onset < end:
            _fail(f"{here}.onset", f"{note.onset} is before the end of the note before it, {end}")
        end = note.onset + note.duration


def _fail(place: str, problem: str) -> NoReturn:
    raise ArgumentError(f"{place}: {problem}")
