"""One song as a block of an index: its notes, its lines and the vectors of their windows.

Axes: n notes of a line.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.motifs.index_store import IndexData, SongEntry
from ritornello.motifs.index_windows import KINDS, WindowKind, is_indexed, notes_within, packed, window_vectors
from ritornello.motifs.lines import IntArray, Line, lines_of_parts
from ritornello.score import Song


def song_block(song: Song, name: str, digest: str = "") -> IndexData:
    """Return a song as a block of an index; a song without pitched notes has no lines."""
    pitched = [part for part in song.parts if not part.is_drums and len(part.notes)]
    lines = lines_of_parts(pitched)
    entry = SongEntry(
        name, digest or (hashlib.sha1(song.original.data).hexdigest() if song.original else ""), song.title,
        tuple((meter.tick, meter.numerator, meter.denominator) for meter in song.meters),
        tuple((tempo.tick, tempo.qpm) for tempo in song.tempi), song.bars,
        tuple((part.name, part.program, part.role or "") for part in pitched),
        tuple((line.name, line.part) for line in lines),
    )  # fmt: skip
    notes = np.concatenate([part.notes for part in pitched]) if pitched else song.parts[0].notes[:0]
    part_of = np.repeat(np.arange(len(pitched)), [len(part.notes) for part in pitched])
    order = np.lexsort((notes["pitch"], part_of, notes["onset"]))
    columns = {
        "note_part": np.minimum(part_of, 255)[order].astype("<u1"), "note_onset": notes["onset"][order].astype("<i4"),
        "note_duration": notes["duration"][order].astype("<i4"), "note_pitch": notes["pitch"][order].astype("<u1"),
        "line_onset": _column([line.onset for line in lines], "<i4"),
        "line_duration": _column([line.duration for line in lines], "<i4"),
        "line_pitch": _column([line.pitch for line in lines], "<u1"),
    }  # fmt: skip
    starts = starts_of(np.array([len(line) for line in lines], np.int64))
    vectors, anchors = [], []
    for kind in KINDS:
        chosen = [np.flatnonzero(is_indexed(line.onset, kind)) for line in lines]
        if lines and lines[-1].part < 0:
            chosen[-1] = _not_in_parts(lines, chosen, kind)
        found = [window_vectors(line.onset, line.pitch, at, kind) for line, at in zip(lines, chosen, strict=True)]
        vectors.append(packed(np.concatenate([np.zeros((0, kind.dimensions), np.float32), *found])))
        anchors.append(_column([at + start for at, start in zip(chosen, starts, strict=False)], "<i4"))
    return IndexData(
        (entry,), columns, np.array([len(notes)], np.int32), np.array([len(line) for line in lines], np.int32),
        tuple(vectors), tuple(anchors),
    )  # fmt: skip


def _not_in_parts(lines: list[Line], chosen: list[IntArray], kind: WindowKind) -> IntArray:
    """Return the skyline's windows whose notes are not those of one part's line: those are in the index already."""
    sky = lines[-1]
    known: set[bytes] = set()
    for line, anchors in zip(lines[:-1], chosen[:-1], strict=True):
        counts = notes_within(line.onset, kind)
        both = np.stack([line.onset, line.pitch], axis=1).astype(np.int32)
        known.update(both[at : at + counts[at]].tobytes() for at in anchors.tolist())
    counts = notes_within(sky.onset, kind)
    both = np.stack([sky.onset, sky.pitch], axis=1).astype(np.int32)
    return np.array([at for at in chosen[-1].tolist() if both[at : at + counts[at]].tobytes() not in known], np.int64)


def starts_of(counts: NDArray[Any]) -> IntArray:
    """Return where blocks of given sizes start, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)


def _column(arrays: list[IntArray], kind: str) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, np.int64), *arrays]).astype(kind)
