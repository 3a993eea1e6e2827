"""The index of a corpus: every place of every line as a vector, found again in a fraction of a second.

Large indices are divided into cells (k-means) that faiss searches; small ones, and all where faiss is not installed,
are compared as a whole, which is exact. The candidates are aligned note by note afterwards (`search`), so faiss only
has to bring them along.

Axes: S songs, W windows of a kind, D their dimensions, Q query vectors.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ReadError
from ritornello.files import read_bytes
from ritornello.motifs.index_block import song_block, starts_of
from ritornello.motifs.index_cells import searcher_of, with_cells
from ritornello.motifs.index_store import IndexData, joined, load_index, save_index
from ritornello.motifs.index_windows import SCALE, SingleArray
from ritornello.motifs.lines import Line
from ritornello.score import Song
from ritornello.score.reading import SUFFIXES, read_data
from ritornello.training.corpus import map_files

IntArray = NDArray[np.int64]
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
        self._note_starts = starts_of(data.note_counts)
        self._line_starts = starts_of(data.line_counts)
        self._lines_before = starts_of(np.array([len(song.lines) for song in data.songs], np.int64))

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
        return MotifIndex(with_cells(joined(blocks), self.data)), skipped

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
        return with_cells(data, self.data)

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
            self._searchers[kind] = searcher_of(self.data, kind)
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
