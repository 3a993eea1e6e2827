"""The index of a corpus: every place of every line as a vector, found again in a fraction of a second.

Large indices are divided into cells (k-means) that faiss searches; small ones, and all where faiss is not installed,
are compared as a whole, which is exact. The candidates are aligned note by note afterwards (`search`), so faiss only
has to bring them along.

Axes: S songs, W windows of a kind, D their dimensions, Q query vectors.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ReadError
from ritornello.files import read_bytes
from ritornello.motifs.index_store import IndexData, SongEntry, joined, load_index, save_index
from ritornello.motifs.index_windows import (
    KINDS,
    SCALE,
    WindowKind,
    is_indexed,
    notes_within,
    packed,
    window_vectors,
)  # fmt: skip
from ritornello.motifs.lines import Line, lines_of_parts
from ritornello.score import Song
from ritornello.score.reading import read_data
from ritornello.training.corpus import map_files

SUFFIXES = (".mid", ".midi", ".kar", ".musicxml", ".xml", ".mxl", ".abc")
"""Files of a folder that are indexed."""

CELL_WINDOWS = 50_000
"""From so many windows on an index has cells."""

CELLS_SEARCHED = 24
"""Cells that a query looks into."""

IntArray = NDArray[np.int64]
SingleArray = NDArray[np.float32]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Skipped:
    """A file that is not in the index, and why."""

    name: str
    reason: str


class MotifIndex:
    """Songs with their lines and windows.

    Args:
        data: the arrays.

    Attributes:
        data: the arrays.
        songs: the entries of the songs.
    """

    def __init__(self, data: IndexData) -> None:
        self.data = data
        self.songs = data.songs
        self._searchers: dict[int, Any] = {}
        self._note_starts = _starts(data.note_counts)
        self._line_starts = _starts(data.line_counts)
        self._lines_before = _starts(np.array([len(song.lines) for song in data.songs], np.int64))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> MotifIndex:
        """Read an index from its file.

        Raises:
            ReadError: if the file is missing, no index, damaged, or of another version.
        """
        return cls(load_index(path))

    @classmethod
    def of_songs(cls, songs: Sequence[tuple[str, Song]]) -> MotifIndex:
        """Return an index of songs in memory, each with the name it is to have."""
        return cls(joined([song_block(song, name) for name, song in songs]))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index under a temporary name, then rename it.

        Raises:
            WriteError: if the place is not writable.
        """
        save_index(self.data, path)

    def extended(
        self, folder: str | os.PathLike[str], *, workers: int = 1, progress: Progress | None = None
    ) -> tuple[MotifIndex, list[Skipped]]:
        """Return an index with the songs of a folder as well; files that are in it already are not read again.

        Args:
            folder: the folder, searched at every depth for MIDI, MusicXML and ABC files.
            workers: number of processes; the index is the same for any number.
            progress: called with (files done, files in all).

        Returns:
            The index and the files that were skipped: unreadable, without notes, or equal to another one.

        Raises:
            ReadError: if the folder is missing or holds no song.
        """
        root = Path(folder)
        if not root.is_dir():
            raise ReadError(f"{root}: no such folder" if not root.exists() else f"{root}: not a folder; give a folder")
        names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if _is_song(path))
        if not names:
            raise ReadError(f"{root}: holds no song; files that are read end in {', '.join(SUFFIXES)}")
        known = frozenset(song.digest for song in self.songs)
        results = map_files(partial(_block_of_file, root, known), names, workers=workers, progress=progress)
        blocks, skipped = [self.data], []
        digests = set(known)
        for name, result in zip(names, results, strict=True):
            if isinstance(result, str):
                if result:
                    skipped.append(Skipped(name, result))
            elif result.songs[0].digest in digests:
                skipped.append(Skipped(name, "equal to another file"))
            else:
                digests.add(result.songs[0].digest)
                blocks.append(result)
        if len(blocks) == 1 and not self.songs:
            raise ReadError(f"{root}: none of its {len(names)} files is a song that can be read ({skipped[0].reason})")
        return MotifIndex(_with_cells(joined(blocks), self.data)), skipped

    def line(self, song: int, line: int) -> Line:
        """Return a line of a song."""
        number = int(self._lines_before[song]) + line
        name, part = self.songs[song].lines[line]
        cut = slice(int(self._line_starts[number]), int(self._line_starts[number + 1]))
        columns = (
            self.data.columns[f"line_{column}"][cut].astype(np.int64) for column in ("onset", "duration", "pitch")
        )
        return Line(name, part, *columns)

    def notes(self, song: int) -> dict[str, IntArray]:
        """Return the notes of a song as columns ``part``, ``onset``, ``duration`` and ``pitch``, by onset."""
        cut = slice(int(self._note_starts[song]), int(self._note_starts[song + 1]))
        return {
            name: self.data.columns[f"note_{name}"][cut].astype(np.int64)
            for name in ("part", "onset", "duration", "pitch")
        }

    def places(self, kind: int, windows: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """Return song, line in the song, and note in the line of windows of a kind."""
        anchors = self.data.anchors[kind][windows].astype(np.int64)
        number = np.searchsorted(self._line_starts, anchors, side="right") - 1
        song = np.searchsorted(self._lines_before, number, side="right") - 1
        return song, number - self._lines_before[song], anchors - self._line_starts[number]

    def starts(self, song: int, kinds: IntArray, windows: IntArray) -> tuple[IntArray, IntArray]:
        """Return, for windows of one song, each of a kind, the line in the song and the tick of the first note."""
        anchors = np.array(
            [self.data.anchors[kind][window] for kind, window in zip(kinds.tolist(), windows.tolist(), strict=True)],
            np.int64,
        )
        number = np.searchsorted(self._line_starts, anchors, side="right") - 1
        return number - self._lines_before[song], self.data.columns["line_onset"][anchors].astype(np.int64)

    def block(self, song: int) -> IndexData:
        """Return one song as a block of its own, see `index_store.joined`."""
        first, last = (int(number) for number in self._lines_before[song : song + 2])
        notes = slice(int(self._note_starts[song]), int(self._note_starts[song + 1]))
        line_notes = slice(int(self._line_starts[first]), int(self._line_starts[last]))
        columns = {
            name: column[notes if name.startswith("note") else line_notes] for name, column in self.data.columns.items()
        }
        windows = [slice(*starts[song : song + 2].tolist()) for starts in self.song_windows]
        return IndexData(
            (self.songs[song],), columns, self.data.note_counts[song : song + 1], self.data.line_counts[first:last],
            tuple(vectors[cut] for vectors, cut in zip(self.data.vectors, windows, strict=True)),
            tuple(a[cut] - line_notes.start for a, cut in zip(self.data.anchors, windows, strict=True)),
        )  # fmt: skip

    def with_cells_like(self, data: IndexData) -> IndexData:
        """Return other arrays, about as many, divided into the cells of this index."""
        return _with_cells(data, self.data)

    def line_start(self, song: int, line: int) -> int:
        """Return the index of a line's first note among the notes of all lines."""
        return int(self._line_starts[int(self._lines_before[song]) + line])

    def first_line(self, song: IntArray) -> IntArray:
        """Return the number, among all lines, of the first line of songs."""
        return self._lines_before[song]

    def line_range(self, number: IntArray) -> tuple[IntArray, IntArray]:
        """Return where lines, by their numbers among all, start and stop among the notes of all lines."""
        return self._line_starts[number], self._line_starts[number + 1]

    @cached_property
    def song_windows(self) -> tuple[IntArray, ...]:
        """For each kind, where the windows of each song start, with the end of the last ``(S + 1,)``."""
        first_notes = self._line_starts[self._lines_before]
        return tuple(np.searchsorted(anchors, first_notes).astype(np.int64) for anchors in self.data.anchors)

    def nearest(self, kind: int, queries: SingleArray, count: int) -> tuple[IntArray, SingleArray]:
        """Return the windows with the largest inner products.

        Args:
            kind: index of the kind of window.
            queries: ``(Q, D)``.
            count: how many a query.

        Returns:
            Indices ``(Q, count)`` and similarities ``(Q, count)``; -1 and -inf where there are fewer.
        """
        total = len(self.data.anchors[kind])
        if not total:
            return np.full((len(queries), count), -1), np.full((len(queries), count), -np.inf, np.float32)
        if kind not in self._searchers:
            self._searchers[kind] = _searcher(self.data, kind)
        searcher = self._searchers[kind]
        if searcher is None:
            return _largest(self.similarities(kind, queries, 0, total), count)
        similarity, windows = searcher.search(np.ascontiguousarray(queries, np.float32), count)
        return windows.astype(np.int64), (similarity / SCALE).astype(np.float32)

    def similarities(self, kind: int, queries: SingleArray, start: int, stop: int) -> SingleArray:
        """Return the inner products of queries with a range of windows, ``(Q, stop - start)``."""
        vectors = self.data.vectors[kind][start:stop].astype(np.float32)
        result: SingleArray = queries @ vectors.T / np.float32(SCALE)
        return result


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
    starts = _starts(np.array([len(line) for line in lines], np.int64))
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


def _block_of_file(root: Path, known: frozenset[str], name: str) -> IndexData | str:
    """Return the block of a file, why it has none, or "" if it is in the index already."""
    try:
        data = read_bytes(root / name)
        digest = hashlib.sha1(data).hexdigest()
        if digest in known:
            return ""
        song = read_data(data, Path(name).name)
    except ReadError as error:
        return str(error)
    if not any(len(part.notes) and not part.is_drums for part in song.parts):
        return "no notes with pitch"
    return song_block(song, name, digest)


def _is_song(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _with_cells(data: IndexData, before: IndexData) -> IndexData:
    """Divide the windows into cells if there are many; the cells of an index that has not doubled stay."""
    if importlib.util.find_spec("faiss") is None:
        return data
    centroids, cells = [], []
    for kind in range(len(KINDS)):
        vectors = data.vectors[kind]
        old = before.centroids[kind]
        if len(vectors) < CELL_WINDOWS:
            old = np.zeros((0, vectors.shape[1]), np.float32)
        elif not len(old) or len(vectors) > 2 * len(before.vectors[kind]):
            old = _k_means(vectors)
        centroids.append(old)
        cells.append(_assigned(vectors, old))
    return replace(data, centroids=tuple(centroids), cells=tuple(cells))


def _k_means(vectors: NDArray[np.int8]) -> SingleArray:
    import faiss

    count = int(2 ** np.clip(np.round(np.log2(np.sqrt(len(vectors)))), 6, 11))
    sample = np.random.default_rng(0).choice(len(vectors), min(len(vectors), 40 * count), replace=False)
    sample.sort()
    faiss.omp_set_num_threads(1)  # more threads add in another order: the same index must come out
    means = faiss.Kmeans(
        vectors.shape[1], count, niter=8, seed=1, spherical=False, min_points_per_centroid=1, verbose=False
    )
    means.train(vectors[sample].astype(np.float32))
    centroids: SingleArray = np.asarray(means.centroids, np.float32).reshape(count, -1)
    return centroids


def _assigned(vectors: NDArray[np.int8], centroids: SingleArray) -> NDArray[np.uint16]:
    if not len(centroids):
        return np.zeros(0, np.uint16)
    import faiss

    faiss.omp_set_num_threads(1)
    quantizer = faiss.IndexFlatL2(centroids.shape[1])
    quantizer.add(centroids)
    blocks = [vectors[at : at + 65_536].astype(np.float32) for at in range(0, len(vectors), 65_536)]
    return np.concatenate([quantizer.search(block, 1)[1][:, 0] for block in blocks]).astype(np.uint16)


def _searcher(data: IndexData, kind: int) -> Any:
    """Return a faiss index over the cells of a kind, or None where all windows are to be compared."""
    cells, centroids, vectors = data.cells[kind], data.centroids[kind], data.vectors[kind]
    if not len(cells) or importlib.util.find_spec("faiss") is None:
        return None
    import faiss

    faiss.omp_set_num_threads(1)
    quantizer = faiss.IndexFlatIP(centroids.shape[1])
    # Without their lengths, long centroids would draw every query.
    quantizer.add(np.ascontiguousarray(centroids / np.maximum(np.linalg.norm(centroids, axis=1, keepdims=True), 1e-6)))
    searcher = faiss.IndexIVFScalarQuantizer(
        quantizer, centroids.shape[1], len(centroids), faiss.ScalarQuantizer.QT_8bit_direct_signed,
        faiss.METRIC_INNER_PRODUCT, False,
    )  # fmt: skip
    searcher.nprobe = CELLS_SEARCHED
    searcher.is_trained = True
    order = np.argsort(cells, kind="stable")
    edges = np.searchsorted(cells[order], np.arange(len(centroids) + 1))
    codes = (vectors.view(np.uint8) ^ np.uint8(128))[order]  # faiss keeps -128 .. 127 as 0 .. 255
    ids = order.astype(np.int64)
    lists: Any = searcher.invlists
    for cell in range(len(centroids)):
        first, last = int(edges[cell]), int(edges[cell + 1])
        if last > first:
            lists.add_entries(cell, last - first, faiss.swig_ptr(ids[first:last]), faiss.swig_ptr(codes[first:last]))
    searcher.ntotal = len(vectors)
    return searcher


def _largest(similarity: SingleArray, count: int) -> tuple[IntArray, SingleArray]:
    total = similarity.shape[1]
    if total < count:
        pad = np.full((len(similarity), count - total), -np.inf, np.float32)
        similarity = np.concatenate([similarity, pad], axis=1)
    found = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
    values = np.take_along_axis(similarity, found, axis=1)
    order = np.lexsort((found, -values), axis=1)
    found, values = np.take_along_axis(found, order, axis=1), np.take_along_axis(values, order, axis=1)
    return np.where(found < total, found, -1).astype(np.int64), values


def _starts(counts: NDArray[Any]) -> IntArray:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)


def _column(arrays: list[IntArray], kind: str) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, np.int64), *arrays]).astype(kind)
