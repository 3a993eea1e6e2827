"""The picture of all layers: drawn for whole, partial and empty frameworks, the same bytes each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from ritornello.score import Chord
from ritornello.score.framework import Cell, ChordCell, Framework, NoteCell
from ritornello.show.framework_layers import write_framework_layers

PNG = b"\x89PNG\r\n\x1a\n"


def whole() -> Framework:
    chords = (ChordCell(Chord.parse("G"), 4, lock=True), ChordCell(None, 2, is_open=True), ChordCell(None, 2))
    locks = frozenset(("basic_pitch", "onset_pattern"))
    cells = (Cell(71, 0, 0.125, 17, 1.0, locks), Cell(0, 1, 0, 0, 2.0), Cell(contour=3.0), Cell(69, 0, 0.125, 17))
    notes = (NoteCell(0, 4, 71, lock=True), NoteCell(4, 4, 71), NoteCell(24, 4, 69), NoteCell(28, 4, 69))
    framework = Framework.from_form("i1A2A2x1", "G", 90, title="Layers")
    return framework.with_phrase(1, chords=chords, cells=cells, notes=notes)


@pytest.mark.parametrize(
    "framework",
    [whole(), Framework.from_form("A8B8A8o4", "Em", metre="3/4"), Framework.from_form("i2"), whole().replace(key=None)],
    ids=["partial", "empty", "no melody", "no key"],
)
def test_any_framework_is_drawn_the_same_each_time(framework: Framework, tmp_path: Path) -> None:
    write_framework_layers(framework, tmp_path / "one.png")
    write_framework_layers(framework, tmp_path / "two.png")
    data = (tmp_path / "one.png").read_bytes()
    assert data.startswith(PNG) and data == (tmp_path / "two.png").read_bytes()


def test_what_is_decided_and_locked_is_seen(tmp_path: Path) -> None:
    pictures = []
    for index, framework in enumerate(
        (whole(), whole().unlock("chords"), whole().with_cell(1, 2, contour=-5.0), whole().with_phrase(1, notes=None))
    ):
        write_framework_layers(framework, tmp_path / f"{index}.png")
        pictures.append((tmp_path / f"{index}.png").read_bytes())
    assert len(set(pictures)) == 4
