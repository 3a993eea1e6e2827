from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from framework_strategies import CELLS, CHORDS, NOTES, frameworks, whole
from hypothesis import HealthCheck, given, settings

from ritornello.errors import ArgumentError
from ritornello.score import Key, Meter
from ritornello.score.framework import Cell, ChordCell, Framework, NoteCell
from ritornello.score.song import KeyRegion, join_chords

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_a_form_alone_leaves_everything_open() -> None:
    framework = Framework.from_form("i4A8B8A8x4B9o4", "Em", 90, "3/4")
    assert [p.source for p in framework.phrases] == [None, None, None, 1, None, 2, None]
    assert [p.repeat for p in framework.phrases] == ["free", "free", "free", "vary", "free", "free", "free"]
    assert [p.role for p in framework.phrases][1:6] == [
        "phrase end", "phrase end", "section end", "no melody", "section end",
    ]  # fmt: skip
    assert [p.position_in_section for p in framework.phrases] == [None, 0, 1, 2, None, 0, None]
    assert framework.open_layers(0) == ("chords",)
    assert framework.open_layers(1) == ("chords", "basic", "rhythm", "melody")
    assert len(framework.cells(1)) == 8  # a bar of 3/4 is one cell
    song = framework.song()
    assert (song.bars, song.key_at(0), str(song.form)) == (45, Key.parse("Em"), "i4A8B8A8x4B9o4")


@pytest.mark.parametrize(
    ("metre", "steps"), [("4/4", 8), ("3/4", 12), ("6/8", 12), ("12/8", 12), ("2/4", 8), ("5/4", 20), ("4/8", 4)]
)
def test_a_cell_is_half_a_bar_of_four_beats_and_else_a_bar(metre: str, steps: int) -> None:
    assert Framework.from_form("A1", metre=metre).cell_steps == steps


def test_vary_takes_all_but_the_notes_copy_takes_all_and_free_nothing() -> None:
    framework = whole()
    varied = framework.effective[2]
    assert (varied.chords, varied.cells, varied.notes) == (CHORDS, CELLS, None)
    assert framework.open_layers(2) == ("melody",)
    copied = framework.with_phrase(2, repeat="copy").effective[2]
    assert (copied.chords, copied.cells, copied.notes) == (CHORDS, CELLS, NOTES)
    free = framework.with_phrase(2, repeat="free").effective[2]
    assert (free.chords, free.cells, free.notes) == (None, None, None)


def test_a_repeat_in_another_key_is_moved_there() -> None:
    framework = whole().with_phrase(2, repeat="copy", key=Key.parse("A"))
    assert [note.pitch for note in framework.effective[2].notes or ()] == [69, 71, 73]
    assert [cell.basic_pitch for cell in framework.cells(2)] == [69, 71, 73, 73]
    assert [str(cell.chord) for cell in framework.effective[2].chords or ()] == ["A", "E7"]
    assert framework.song().keys == (
        KeyRegion(0, Key.parse("G")), KeyRegion(144, Key.parse("A")), KeyRegion(240, Key.parse("G")),
    )  # fmt: skip


def test_a_layer_of_its_own_replaces_only_that_layer() -> None:
    cells = tuple(Cell(contour=float(index), locks=frozenset(["contour"])) for index in range(4))
    merged = whole().with_phrase(2, cells=cells).cells(2)
    assert [cell.contour for cell in merged] == [0, 1, 2, 3]
    assert [dataclasses.replace(cell, contour=None, locks=frozenset()) for cell in merged] == list(CELLS)


def test_changing_the_first_phrase_changes_its_repeats() -> None:
    framework = whole().with_cell(1, 0, basic_pitch=72)
    assert framework.cells(2)[0].basic_pitch == 72
    assert whole().cells(2)[0].basic_pitch == 67
    assert framework.with_cell(2, 1, basic_pitch=60).cells(1)[1].basic_pitch == 69


def test_the_melody_and_chords_in_ticks() -> None:
    framework = whole().with_phrase(2, repeat="copy")
    melody = framework.melody()
    assert melody["onset"].tolist() == [48, 72, 108, 144, 168, 204]
    assert melody["duration"].tolist() == [12, 24, 36, 12, 24, 36]
    assert [(span.onset, span.duration, str(span.chord)) for span in framework.chord_spans()] == [
        (48, 48, "G"), (96, 48, "D7"), (144, 48, "G"), (192, 48, "D7"),
    ]  # fmt: skip
    song = framework.song()
    assert np.array_equal(song.part("melody").notes, melody)  # type: ignore[union-attr]


@FEW
@given(frameworks())
def test_shared_changes_nothing_that_is_heard_or_seen(framework: Framework) -> None:
    lean = framework.shared()
    for one, other in zip(framework.effective, lean.effective, strict=True):
        assert (one.chords, one.cells, one.key) == (other.chords, other.cells, other.key)
        assert one.notes == other.notes
    assert lean.song() == framework.song()
    assert lean.shared() == lean


def test_shared_leaves_equal_repeats_to_their_source() -> None:
    framework = whole().with_phrase(2, chords=CHORDS, cells=CELLS, notes=NOTES).shared()
    assert framework == whole().with_phrase(2, repeat="copy")
    other = whole().with_phrase(2, chords=CHORDS, cells=CELLS, notes=NOTES[:1]).shared().phrases[2]
    assert (other.repeat, other.chords, other.cells, other.notes) == ("vary", None, None, NOTES[:1])


@FEW
@given(frameworks())
def test_the_song_of_a_framework_lies_inside_its_form(framework: Framework) -> None:
    song = framework.song()
    assert song.bars == framework.form.bars
    assert song.end <= framework.form.bars * framework.metre.bar_ticks
    assert song.chords == join_chords(song.chords)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tempo_qpm": 1}, "tempo_qpm: 1 is out of range"),
        ({"step_ticks": 5}, "step_ticks: 5 does not divide the beat of 4/4"),
        ({"metre": Meter(0, 5, 8), "step_ticks": 4}, "step_ticks: 4 does not divide the beat of 5/8"),
        ({"seed": -1}, "seed: -1 is out of range"),
        ({"title": "x" * 501}, "title: is longer"),
        ({"phrases": ()}, "phrases: there are 0, but the form i1A2A2B2 has 4"),
    ],
)
def test_errors_of_the_song(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        whole().replace(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"letter": "C"}, r"phrases\[1\]\.letter: 'C' is not what the form says: 'A'"),
        ({"repeat": "copy"}, r"phrases\[1\]\.repeat: 'copy' needs a source"),
        ({"source": 1}, r"phrases\[1\]\.source: 1 is not the id of an earlier phrase"),
        ({"source": 0, "repeat": "vary"}, r"needs a source of 2 bars, phrase 0 has 1; use free"),
        ({"chords": CHORDS[:1]}, r"phrases\[1\]\.chords: they fill 4 beats, the phrase has 8"),
        ({"chords": (ChordCell(None, 0.01),)}, r"chords\[0\]\.beats: 0.01 is no length"),
        ({"chords": (ChordCell(None, 8, True, True),)}, r"chords\[0\]\.lock: nothing is decided"),
        ({"cells": CELLS[:3]}, r"phrases\[1\]\.cells: there are 3, 2 bars have 4 cells of half a bar"),
        ({"cells": (Cell(200), *CELLS[1:])}, r"phrases\[1\]\.cells\[0\]\.basic_pitch: 200 is out of range"),
        ({"cells": (Cell(rhythm_label=1), *CELLS[1:])}, r"cells\[0\]\.rhythm_label: 1 names no cell"),
        (
            {"cells": (*CELLS[:3], Cell(rhythm_label=1))},
            r"cells\[3\]\.rhythm_label: 1 names a cell that is itself like 0",
        ),
        ({"cells": (Cell(onset_pattern=256), *CELLS[1:])}, r"onset_pattern: does not fit the 8 steps"),
        ({"cells": (Cell(complexity=0.1), *CELLS[1:])}, r"complexity: 0.1 is not a number of onsets / 16"),
        (
            {
                "cells": (
                    Cell(complexity=0, onset_pattern=1, locks=frozenset(("complexity", "onset_pattern"))),
                    *CELLS[1:],
                )
            },
            r"complexity: 0 is not that of the onset pattern",
        ),
        ({"cells": (Cell(contour=float("nan")), *CELLS[1:])}, r"contour: is not a finite number"),
        ({"cells": (Cell(locks=frozenset(["contour"])), *CELLS[1:])}, r"locks: 'contour' is locked, but nothing"),
        ({"notes": (NoteCell(30, 4, 60),)}, r"notes\[0\]: sounds from step 30 to 34, outside the phrase's 0 to 32"),
        ({"notes": (NoteCell(0, 4, 60), NoteCell(3, 1, 60))}, r"notes\[1\]\.onset: 3 is before the end"),
        ({"notes": (NoteCell(0, 4, 128),)}, r"notes\[0\]\.pitch: 128 is out of range"),
        ({"notes": None, "notes_are_partial": True}, r"notes_are_partial: there are no notes"),
    ],
)
def test_errors_name_the_place(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        whole().with_phrase(1, **changes)


def test_another_key_moves_chords_cells_notes_and_the_keys_of_phrases() -> None:
    framework = whole().with_phrase(2, key=Key.parse("A"))
    moved = framework.transposed(Key.parse("Bb"))
    assert (moved.key, moved.phrases[2].key) == (Key.parse("Bb"), Key.parse("C"))
    assert [note.pitch - 3 for note in moved.phrases[0].notes or ()] == [
        n.pitch for n in framework.phrases[0].notes or ()
    ]
    assert [cell.basic_pitch - 3 if cell.basic_pitch else cell.basic_pitch for cell in moved.cells(0)] == [
        cell.basic_pitch for cell in framework.cells(0)
    ]
    assert moved.transposed(framework.key or Key(7)) == framework
    assert Framework.from_form("A1").transposed(Key(2)).key == Key(2)
    with pytest.raises(ArgumentError, match="a framework in G major is not moved to E minor; give a major key"):
        framework.transposed(Key.parse("Em"))
