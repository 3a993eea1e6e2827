"""The index of a corpus as arrays, and its file: one uncompressed .npz with a JSON header, versioned and checked.

A song is kept as its notes (to show and to play hits without the files), its lines, and the vectors of its windows.
Every array is a row of blocks, one block a song, so songs are appended without touching what is there.

Axes: S songs, L lines, n notes of all songs, k notes of all lines, W windows of one kind.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ReadError
from ritornello.files import read_bytes, write_bytes
from ritornello.motifs.index_windows import KINDS

FORMAT, VERSION = "ritornello motif index", 1
"""What the header says. Another version must be made anew with `ritornello motifs index`."""

MAX_INDEX_BYTES = 8_000_000_000
"""Largest index that is read."""

_HEADER = "header"
_OF_KINDS = ("vectors", "anchors", "centroids", "cells")  # arrays that there are for each kind of window


@dataclass(frozen=True)
class SongEntry:
    """What the index knows of a song besides its notes.

    Attributes:
        name: path of its file below the folder that was indexed, with ``/``.
        digest: SHA-1 of the file.
        title: its title, may be empty.
        meters: (tick, numerator, denominator) of each time signature.
        tempi: (tick, quarter notes a minute).
        bars: number of bars.
        parts: (name, program, role or "") of each pitched part.
        lines: (name, index of the part in ``parts`` or -1 for the skyline) of each line.
    """

    name: str
    digest: str
    title: str
    meters: tuple[tuple[int, int, int], ...]
    tempi: tuple[tuple[int, float], ...]
    bars: int
    parts: tuple[tuple[str, int, str], ...]
    lines: tuple[tuple[str, int], ...]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> SongEntry:
        """Return the entry of a header.

        Raises:
            ValueError, TypeError, KeyError: if it is another kind of object, or one that no song has.
        """
        entry = cls(
            str(value["name"]), str(value["digest"]), str(value["title"]),
            tuple((int(t), int(n), int(d)) for t, n, d in value["meters"]),
            tuple((int(t), float(qpm)) for t, qpm in value["tempi"]),
            int(value["bars"]),
            tuple((str(name), int(program), str(role)) for name, program, role in value["parts"]),
            tuple((str(name), int(part)) for name, part in value["lines"]),
        )  # fmt: skip
        is_metric = entry.meters and all(t >= 0 and 1 <= n <= 1024 and 1 <= d <= 1024 for t, n, d in entry.meters)
        has_tempo = entry.tempi and all(t >= 0 and 0 < qpm < 1e9 for t, qpm in entry.tempi)
        in_parts = all(-1 <= part < len(entry.parts) for _, part in entry.lines)
        if not (is_metric and has_tempo and in_parts and entry.bars >= 0):
            raise ValueError(f"its entry of {entry.name[:40]!r} is of no song")
        return entry


def _int32() -> NDArray[np.int32]:
    return np.zeros(0, np.int32)


_COLUMNS: dict[str, str] = {
    "note_part": "<u1", "note_onset": "<i4", "note_duration": "<i4", "note_pitch": "<u1",
    "line_onset": "<i4", "line_duration": "<i4", "line_pitch": "<u1",
}  # fmt: skip
"""Arrays of numbers with their types; those of one stem have one length."""


@dataclass(frozen=True, eq=False)
class IndexData:
    """The arrays of an index.

    Attributes:
        songs: the entries.
        columns: arrays by name, see `_COLUMNS`: the notes of all songs by song and onset, and of all lines.
        note_counts: ``(S,)`` notes of each song.
        line_counts: ``(L,)`` notes of each line, song by song.
        vectors: for each kind of window ``(W, D)`` int8.
        anchors: for each kind ``(W,)`` index of the window's first note among the notes of all lines.
        centroids: for each kind ``(cells, D)`` float32, empty if there are no cells.
        cells: for each kind ``(W,)`` cell of each window, empty if there are no cells.
    """

    songs: tuple[SongEntry, ...] = ()
    columns: dict[str, NDArray[Any]] = field(default_factory=lambda: {n: np.zeros(0, t) for n, t in _COLUMNS.items()})
    note_counts: NDArray[np.int32] = field(default_factory=_int32)
    line_counts: NDArray[np.int32] = field(default_factory=_int32)
    vectors: tuple[NDArray[np.int8], ...] = tuple(np.zeros((0, kind.dimensions), np.int8) for kind in KINDS)
    anchors: tuple[NDArray[np.int32], ...] = tuple(np.zeros(0, np.int32) for _ in KINDS)
    centroids: tuple[NDArray[np.float32], ...] = tuple(np.zeros((0, kind.dimensions), np.float32) for kind in KINDS)
    cells: tuple[NDArray[np.uint16], ...] = tuple(np.zeros(0, np.uint16) for _ in KINDS)


def joined(blocks: Sequence[IndexData]) -> IndexData:
    """Return several blocks of songs as one, without cells; anchors are moved to where their lines went."""
    if not blocks:
        return IndexData()
    line_notes = [len(block.columns["line_onset"]) for block in blocks]
    starts = np.concatenate([[0], np.cumsum(line_notes)[:-1]])
    return IndexData(
        tuple(song for block in blocks for song in block.songs),
        {name: np.concatenate([block.columns[name] for block in blocks]) for name in _COLUMNS},
        np.concatenate([block.note_counts for block in blocks]),
        np.concatenate([block.line_counts for block in blocks]),
        tuple(np.concatenate([block.vectors[kind] for block in blocks]) for kind in range(len(KINDS))),
        tuple(
            np.concatenate([block.anchors[kind] + start for block, start in zip(blocks, starts, strict=True)]).astype(
                np.int32
            )
            for kind in range(len(KINDS))
        ),
    )


def save_index(data: IndexData, path: str | os.PathLike[str]) -> None:
    """Write an index under a temporary name, then rename it.

    Raises:
        WriteError: if the place is not writable.
    """
    arrays = _arrays(data)
    header = {
        "format": FORMAT, "version": VERSION,
        "windows": [[kind.ticks, kind.frames, kind.onset_frames] for kind in KINDS],
        "checksums": {name: _checksum(array) for name, array in arrays.items()},
        "songs": [vars(song) for song in data.songs],
    }  # fmt: skip
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, **{_HEADER: text}, **arrays)  # type: ignore[arg-type]  # the stub takes its flag for a name
    write_bytes(path, buffer.getvalue())


def load_index(path: str | os.PathLike[str]) -> IndexData:
    """Read an index and check that it is whole and that its parts fit each other.

    Raises:
        ReadError: if the file is missing, no index, damaged, or of another version.
    """
    path = Path(path)
    raw = read_bytes(path, MAX_INDEX_BYTES)
    damaged = f"{path}: the index is damaged; make it anew with 'ritornello motifs index'"
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as archive:
            if _HEADER not in archive.files:
                raise ReadError(f"{path}: not a motif index; make one with 'ritornello motifs index FOLDER -o INDEX'")
            header = json.loads(bytes(archive[_HEADER]))
            _check_version(header, path)
            arrays = {name: archive[name] for name in archive.files if name != _HEADER}
    except ReadError:
        raise
    except (zipfile.BadZipFile, EOFError, OSError, zlib.error) as error:
        if raw[:2] == b"PK":
            raise ReadError(f"{damaged} ({str(error)[:60]})") from None
        raise ReadError(f"{path}: not a motif index; make one with 'ritornello motifs index FOLDER -o INDEX'") from None
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RecursionError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        if raw[:2] != b"PK":
            raise ReadError(
                f"{path}: not a motif index; make one with 'ritornello motifs index FOLDER -o INDEX'"
            ) from None
        raise ReadError(f"{damaged} ({str(error)[:60]})") from None
    try:
        data = _data_of(arrays, header)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise ReadError(f"{damaged} ({str(error)[:60]})") from None
    return data


def _check_version(header: Any, path: Path) -> None:
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ReadError(f"{path}: not a motif index; make one with 'ritornello motifs index FOLDER -o INDEX'")
    if header.get("version") != VERSION or header.get("windows") != [
        [kind.ticks, kind.frames, kind.onset_frames] for kind in KINDS
    ]:
        raise ReadError(
            f"{path}: an index of version {header.get('version')}, this program reads version {VERSION}; "
            "make it anew with 'ritornello motifs index'"
        )


def _arrays(data: IndexData) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = dict(data.columns)
    arrays |= {"note_counts": data.note_counts, "line_counts": data.line_counts}
    for number in range(len(KINDS)):
        for name in _OF_KINDS:
            arrays[f"{name}_{number}"] = getattr(data, name)[number]
    return arrays


def _data_of(arrays: Mapping[str, NDArray[Any]], header: Mapping[str, Any]) -> IndexData:
    kinds = range(len(KINDS))
    data = IndexData(
        tuple(SongEntry.from_json(entry) for entry in header["songs"]),
        {name: arrays[name] for name in _COLUMNS}, arrays["note_counts"], arrays["line_counts"],
        *(tuple(arrays[f"{name}_{number}"] for number in kinds) for name in _OF_KINDS),
    )  # fmt: skip
    expected = _arrays(IndexData())
    for name, array in _arrays(data).items():
        if array.dtype != expected[name].dtype or array.ndim != expected[name].ndim:
            raise ValueError(f"{name} has another type")
        if array.shape[1:] != expected[name].shape[1:]:
            raise ValueError(f"{name} has another shape")
        if _checksum(array) != header["checksums"][name]:
            raise ValueError(f"the checksum of {name} is wrong")
    _check_sizes(data)
    return data


def _checksum(array: NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(array).data.cast("B")) if array.size else 0


def _check_sizes(data: IndexData) -> None:
    sizes = {name: len(column) for name, column in data.columns.items()}
    counts = {"note": data.note_counts, "line": data.line_counts}
    for stem, count in counts.items():
        total = int(count.sum(dtype=np.int64))
        if (len(count) and count.min() < 0) or any(s != total for name, s in sizes.items() if name.startswith(stem)):
            raise ValueError(f"the lengths of its {stem}s do not fit")
    if len(data.note_counts) != len(data.songs) or len(data.line_counts) != sum(len(s.lines) for s in data.songs):
        raise ValueError("the numbers of songs do not fit")
    starts = np.cumsum(data.line_counts, dtype=np.int64)
    falls = np.flatnonzero(np.diff(data.columns["line_onset"].astype(np.int64)) < 0) + 1
    if not np.isin(falls, starts).all():
        raise ValueError("the notes of its lines are in no order")
    for name, column in data.columns.items():
        if len(column) and (column.min() < 0 or (name.endswith("pitch") and column.max() > 127)):
            raise ValueError(f"{name} has values that no note has")
    for number in range(len(KINDS)):
        anchors, cells, centroids = data.anchors[number], data.cells[number], data.centroids[number]
        if len(anchors) != len(data.vectors[number]) or len(cells) not in (0, len(anchors)):
            raise ValueError("the numbers of windows do not fit")
        if len(anchors) and (anchors.min() < 0 or anchors.max() >= sizes["line_onset"] or (np.diff(anchors) < 0).any()):
            raise ValueError("windows lie outside the lines")
        if len(cells) and (not len(centroids) or cells.max() >= len(centroids)):
            raise ValueError("cells of windows do not fit")
