"""A folder or zip of band MIDI files (several instruments each): a path in, Songs out."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ritornello.datasets.archive import Archive
from ritornello.errors import ArgumentError, ReadError
from ritornello.score import Song
from ritornello.score.midi_reader import read_midi


class BandMidi:
    """MIDI files under ``band-midi/``, as a folder or a zip.

    Args:
        path: the folder or zip; ``band-midi`` stands at its top.

    Raises:
        ReadError: if the path is missing or holds no MIDI file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.archive = Archive(path, marker="band-midi")
        names = self.archive.children("band-midi")
        self.ids: tuple[str, ...] = tuple(name[:-4] for name in names if name.lower().endswith(".mid"))
        if not self.ids:
            raise ReadError(f"{self.archive.path}: no .mid file in the folder band-midi")
        self._names = dict(zip(self.ids, (name for name in names if name.lower().endswith(".mid")), strict=True))

    def midi_bytes(self, id: str) -> bytes:
        """Return the bytes of a file.

        Raises:
            ArgumentError: if the id is not in the data.
            ReadError: if the file is damaged.
        """
        if id not in self._names:
            raise ArgumentError(f"file '{id[:60]}' is not in {self.archive.path}")
        return self.archive.read(f"band-midi/{self._names[id]}")

    def load(self, id: str) -> Song:
        """Read a file as a Song.

        Raises:
            ArgumentError: if the id is not in the data.
            ReadError: if the file cannot be read.
        """
        return read_midi(self.midi_bytes(id), self._names[id])

    def __iter__(self) -> Iterator[Song]:
        return (self.load(id) for id in self.ids)

    def __len__(self) -> int:
        return len(self.ids)
