"""BPS-Motif: the first movements of Beethoven's 32 piano sonatas with the motifs that people marked in them.

Hsiao et al., *BPS-Motif: a dataset for repeated pattern discovery of polyphonic symbolic music* (ISMIR 2023). Layout:
``csv_notes/NN-1.csv`` (onset, MIDI number, morphetic number, duration, staff, measure, motif type), times in quarter
notes from the first downbeat; ``csv_label/NN-1.csv``, one occurrence a line, ``start_midi`` and ``end_midi`` counted
from the movement's first note; ``motif_midi/NN-1.mid``, only the notes of motifs, those of one ``track`` on a track of
its own. No licence is stated: measure with it, ship none of it.
"""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ritornello.datasets.archive import Archive
from ritornello.errors import ArgumentError, ReadError
from ritornello.score import smf
from ritornello.score.midi_notes import raw_parts

FOLDS = ((1, 7), (8, 14), (15, 20), (21, 26), (27, 32))
"""First and last movement of each fold."""

TOLERANCE = 1e-3
"""Quarter notes by which an onset may miss its occurrence's start or end."""

Column = NDArray[np.float64]


class Occurrence(NamedTuple):
    """One marked occurrence of a motif: times in quarter notes, by the table and by the MIDI file."""

    type: str
    start: float
    end: float
    start_midi: float
    end_midi: float
    track: int


@dataclass(frozen=True, eq=False)
class MovementNotes:
    """Notes in order of onset.

    Attributes:
        onset: float64 ``(n,)`` quarter notes.
        duration: float64 ``(n,)`` quarter notes.
        pitch: int64 ``(n,)`` MIDI.
        morphetic: int64 ``(n,)`` diatonic pitch; -1 where the source does not say.
        staff: int64 ``(n,)``, staff of the table or track of the MIDI file.
        is_motif: bool ``(n,)``, whether it is marked as part of a motif.
    """

    onset: Column
    duration: Column
    pitch: NDArray[np.int64]
    morphetic: NDArray[np.int64]
    staff: NDArray[np.int64]
    is_motif: NDArray[np.bool_]

    def between(self, start: float, end: float, staff: int | None = None) -> MovementNotes:
        """Return the notes whose onset is in [start, end), within `TOLERANCE`, with onsets from the start on."""
        own = (self.onset >= start - TOLERANCE) & (self.onset < end - TOLERANCE)
        own &= True if staff is None else self.staff == staff
        return MovementNotes(
            np.maximum(self.onset[own] - start, 0), self.duration[own], self.pitch[own], self.morphetic[own],
            self.staff[own], self.is_motif[own],
        )  # fmt: skip


class BpsMotif:
    """The set in a folder or a zip.

    Args:
        path: the folder or zip, or a folder that holds ``bps-motif.zip``.

    Attributes:
        ids: the movements, ``"01"`` to ``"32"``.

    Raises:
        ReadError: if the path is missing or of another layout.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        inside = Path(path) / "bps-motif.zip"
        self.archive = Archive(inside if inside.is_file() else path, marker="csv_label")
        names = (name.removesuffix("-1.csv") for name in self.archive.children("csv_label") if name.endswith("-1.csv"))
        self.ids: tuple[str, ...] = tuple(name for name in names if name.isdecimal())
        if not self.ids:
            raise ReadError(f"{self.archive.path}: csv_label holds no movement; they are files such as 01-1.csv")

    def fold(self, id: str) -> int:
        """Return the index in `FOLDS` of a movement."""
        self._check(id)
        return next(index for index, (first, last) in enumerate(FOLDS) if first <= int(id) <= last)

    def occurrences(self, id: str) -> list[Occurrence]:
        """Return the marked occurrences of a movement in the order of its file.

        Raises:
            ArgumentError: if the movement is not in the set.
            ReadError: if its file is missing or damaged.
        """
        times = ("start", "end", "start_midi", "end_midi")
        rows = self._rows(id, f"csv_label/{id}-1.csv", (*times, "track"))
        found = []
        for row in rows:
            start, end, start_midi, end_midi = (float(row[name]) for name in times)
            found.append(Occurrence(row["type"], start, end, start_midi, end_midi, int(float(row["track"]))))
        return found

    def notes(self, id: str) -> MovementNotes:
        """Return all notes of a movement; `MovementNotes.is_motif` says which are marked.

        Raises:
            ArgumentError: if the movement is not in the set.
            ReadError: if its file is missing or damaged.
        """
        columns = ("onset", "duration", "midi_number", "staff_number")
        rows = self._rows(id, f"csv_notes/{id}-1.csv", columns)
        table = np.array([[float(row[name]) for name in columns] for row in rows]).T
        # Eleven notes of the set have no morphetic number.
        diatonic = [(row.get("morphetic_number") or "").strip().partition(".")[0] for row in rows]
        morphetic = np.array([int(text) if text.isdecimal() else -1 for text in diatonic], np.int64)
        is_motif = np.array([bool(row["type"].strip()) for row in rows], bool)
        pitch, staff = table[2:].astype(np.int64)
        order = np.lexsort((pitch, table[0]))
        return MovementNotes(*(column[order] for column in (*table[:2], pitch, morphetic, staff, is_motif)))

    def motif_notes(self, id: str) -> MovementNotes:
        """Return the notes of motifs alone, as the MIDI file has them; overlapping motifs are on different tracks.

        Raises:
            ArgumentError: if the movement is not in the set.
            ReadError: if its file is missing or damaged.
        """
        self._check(id)
        name = f"motif_midi/{id}-1.mid"
        file = smf.parse(self.archive.read(name), f"{self.archive.path}: {name}")
        parts = raw_parts(file, name)
        onset, end, pitch = (
            np.concatenate([getattr(part, column) for part in parts] or [np.zeros(0, np.int64)])
            for column in ("onset", "end", "pitch")
        )
        track = np.concatenate([np.full(len(part.onset), part.track) for part in parts] or [np.zeros(0, np.int64)])
        duration = (end - onset + 1) / file.ticks_per_quarter  # notes end a tick before their time
        order = np.lexsort((pitch, onset))
        return MovementNotes(
            onset[order] / file.ticks_per_quarter, duration[order], pitch[order], np.full(len(order), -1),
            track[order], np.ones(len(order), bool),
        )  # fmt: skip

    def _rows(self, id: str, name: str, numbers: tuple[str, ...]) -> list[dict[str, str]]:
        self._check(id)
        text = self.archive.read_text(name, max_bytes=8_000_000)
        rows: list[dict[str, str]] = []
        try:
            rows += csv.DictReader(text.splitlines())
            for row in rows:
                if row["type"] is None or not all(np.isfinite(float(row[key])) for key in numbers):
                    raise ValueError
        except (KeyError, TypeError, ValueError, csv.Error):
            raise ReadError(f"{self.archive.path}: {name} is no table with {', '.join(numbers)} and type") from None
        if not rows:
            raise ReadError(f"{self.archive.path}: {name} has no line but its head")
        return rows

    def _check(self, id: str) -> None:
        if id not in self.ids:
            raise ArgumentError(f"movement '{id[:20]}' is not in {self.archive.path}; they are two digits, such as 01")
