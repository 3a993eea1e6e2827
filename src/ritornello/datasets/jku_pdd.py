"""JKU Patterns Development Database: five pieces with the repeated patterns that people marked in them.

Collins (2013), *Discovery of repeated themes and sections*, polyphonic version. Layout: ``PIECE/polyphonic/csv/*.csv``
(onset in beats, MIDI number, morphetic number, duration, staff) and
``PIECE/polyphonic/repeatedPatterns/ANNOTATOR/PATTERN/occurrences/csv/occK.csv`` (onset, MIDI number). The MIDI files of
the set may start in another bar position and are not read. No licence is stated: measure with it, ship none of it.
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from ritornello.datasets.archive import Archive
from ritornello.errors import ArgumentError, ReadError

PIECES = ("bachBWV889Fg", "beethovenOp2No1Mvt3", "chopinOp24No4", "gibbonsSilverSwan1612", "mozartK282Mvt2")
"""The pieces of the set, by their folders' names."""

LEFT_OUT = ("barlowAndMorgenstern",)
"""Annotators whose patterns do not count in the polyphonic task: their revised ones stand beside them."""

DECIMALS = 3
"""Onsets are rounded to so many decimals of a beat."""

FloatArray = NDArray[np.float64]
Point = tuple[float, float]


class JkuPdd:
    """The set in a folder or a zip.

    Args:
        path: the folder or zip.

    Attributes:
        ids: names of the pieces.

    Raises:
        ReadError: if the path is missing or does not hold the five pieces.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.archive = Archive(path, marker=PIECES[0])
        missing = [name for name in PIECES if name not in self.archive.children("")]
        if missing:
            raise ReadError(f"{self.archive.path}: not the JKU patterns database, {missing[0]} is missing")
        self.ids = PIECES

    def notes(self, id: str) -> FloatArray:
        """Return the notes of a piece ``(n, 5)``: onset in beats, pitch, morphetic pitch, duration in beats, staff.

        Rows are in order of onset, then pitch; a second note of equal onset and pitch is dropped.

        Raises:
            ArgumentError: if the piece is not in the set.
            ReadError: if its file is missing or damaged.
        """
        self._check(id)
        folder = f"{id}/polyphonic/csv"
        names = [name for name in self.archive.children(folder) if name.endswith(".csv")]
        if len(names) != 1:
            raise ReadError(f"{self.archive.path}: {folder} must hold one .csv file, not {len(names)}")
        table = self._table(f"{folder}/{names[0]}", 5)
        _, first = np.unique(table[:, :2], axis=0, return_index=True)  # sorted by onset, then pitch
        return table[first]

    def patterns(self, id: str, *, left_out: tuple[str, ...] = LEFT_OUT) -> dict[str, list[frozenset[Point]]]:
        """Return the marked patterns of a piece by name, each a list of occurrences, each a set of (onset, pitch).

        Args:
            id: the piece.
            left_out: annotators that do not count.

        Raises:
            ArgumentError: if the piece is not in the set.
            ReadError: if a file is damaged.
        """
        self._check(id)
        root = f"{id}/polyphonic/repeatedPatterns"
        found = {}
        for annotator in self.archive.children(root):
            if annotator in left_out:
                continue
            for name in self.archive.children(f"{root}/{annotator}"):
                folder = f"{root}/{annotator}/{name}/occurrences/csv"
                files = [file for file in self.archive.children(folder) if file.endswith(".csv")]
                if files:
                    found[f"{annotator}/{name}"] = [self._points(f"{folder}/{file}") for file in files]
        return found

    def _points(self, name: str) -> frozenset[Point]:
        return frozenset((float(onset), float(pitch)) for onset, pitch in self._table(name, 2))

    def _table(self, name: str, columns: int) -> FloatArray:
        lines = self.archive.read_text(name).splitlines()
        try:
            rows = np.array([[float(cell) for cell in line.split(",")] for line in lines if line.strip()])
        except ValueError:
            rows = np.zeros((0, 0))
        if rows.ndim != 2 or rows.shape[1] < columns or not len(rows) or not np.isfinite(rows).all():
            raise ReadError(f"{self.archive.path}: {name} is no table of {columns} numbers a line")
        rows[:, 0] = np.round(rows[:, 0], DECIMALS)
        return rows[:, :columns]

    def _check(self, id: str) -> None:
        if id not in self.ids:
            raise ArgumentError(f"piece '{id[:60]}' is not in the set; it has {', '.join(self.ids)}")
