"""A folder or zip of band MIDI files (several instruments each): a path in, Songs and splits out.

The band pack keeps its files in ``band-midi/`` beside an ``index.json`` with their hashes; any other folder or zip is
searched for MIDI files at every depth, and hashes are computed. The split depends on a file's bytes alone, so it stays
the same in every copy of the data: k = the first 8 hex digits of the SHA-1 modulo 10 gives test (3), validation (5) or
train.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Set
from functools import cached_property
from pathlib import Path
from typing import Any

from ritornello.datasets.archive import MAX_MEMBERS, Archive
from ritornello.errors import ArgumentError, ReadError
from ritornello.files import read_bytes
from ritornello.score import Song
from ritornello.score.midi_reader import read_midi

SPLITS = ("train", "validation", "test", "all")
"""Names of the splits; ``"all"`` holds every file."""

MARKER = "band-midi"
"""The folder that makes a folder or zip the band pack."""

_SUFFIXES = (".mid", ".midi")
_DEEPEST = 12


class BandMidi:
    """MIDI files under ``band-midi/``, or anywhere in a folder or zip that has no such folder.

    Args:
        path: the folder or zip.

    Attributes:
        ids: the files' names without suffix, sorted; outside the band pack with the folders above them.

    Raises:
        ReadError: if the path is missing or holds no MIDI file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.archive = Archive(path, marker=None)
        is_pack = MARKER in self.archive.children("") or any(
            MARKER in self.archive.children(name) for name in self.archive.children("")
        )
        if is_pack:
            self.archive = Archive(path, marker=MARKER)
            self._names = {
                name[:-4]: f"{MARKER}/{name}"
                for name in self.archive.children(MARKER)
                if name.lower().endswith(_SUFFIXES[0])
            }
        else:
            self._names = _named(self._found("", 0))
        self.ids: tuple[str, ...] = tuple(self._names)
        if not self.ids:
            where = f"no .mid file in the folder {MARKER}" if is_pack else "no .mid file in it"
            raise ReadError(f"{self.archive.path}: {where}")

    def _found(self, folder: str, depth: int) -> Iterator[str]:
        for name in self.archive.children(folder):
            inside = f"{folder}/{name}" if folder else name
            if name.startswith((".", "__MACOSX")):
                continue  # what file systems leave beside the files, such as ._song.mid
            if name.lower().endswith(_SUFFIXES):
                yield inside
            elif depth < _DEEPEST:  # folders can be linked in a circle
                yield from self._found(inside, depth + 1)

    def midi_bytes(self, id: str) -> bytes:
        """Return the bytes of a file.

        Raises:
            ArgumentError: if the id is not in the data.
            ReadError: if the file is damaged.
        """
        return self.archive.read(self._name(id))

    def load(self, id: str) -> Song:
        """Read a file as a Song.

        Raises:
            ArgumentError: if the id is not in the data.
            ReadError: if the file cannot be read.
        """
        return read_midi(self.midi_bytes(id), self._name(id).rpartition("/")[2])

    def hashes(self, id: str) -> tuple[str, str]:
        """Return the SHA-1 and the MD5 of a file, in hex: from the index where there is one, else from its bytes.

        Raises:
            ArgumentError: if the id is not in the data.
            ReadError: if the file is damaged.
        """
        name = self._name(id).rpartition("/")[2]
        if name in self._index:
            return self._index[name]
        if id not in self._computed:
            self._computed[id] = file_hashes(self.midi_bytes(id))
        return self._computed[id]

    def split(self, name: str, keep_out: Set[str] = frozenset()) -> tuple[str, ...]:
        """Return the ids of a split.

        Args:
            name: ``"train"``, ``"validation"``, ``"test"`` or ``"all"``.
            keep_out: MD5s of files that must not be in the training split, such as `official_held_out`; the other
                splits are as without them.

        Raises:
            ArgumentError: if the name is unknown.
            ReadError: if a file whose hash is needed is damaged.
        """
        if name not in SPLITS:
            raise ArgumentError(f"split '{name[:40]}' is unknown; use one of {', '.join(SPLITS)}")
        if name == "all":
            return self.ids
        hashes = {id: self.hashes(id) for id in self.ids}
        return tuple(
            id
            for id, (sha1, md5) in hashes.items()
            if split_of(sha1) == name and not (name == "train" and md5 in keep_out)
        )

    def __iter__(self) -> Iterator[Song]:
        return (self.load(id) for id in self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def _name(self, id: str) -> str:
        if id not in self._names:
            raise ArgumentError(f"file '{id[:60]}' is not in {self.archive.path}")
        return self._names[id]

    @cached_property
    def _computed(self) -> dict[str, tuple[str, str]]:
        return {}

    @cached_property
    def _index(self) -> dict[str, tuple[str, str]]:
        place = f"{MARKER}/index.json"
        if not self.archive.has(place):
            return {}
        try:
            entries: list[dict[str, Any]] = json.loads(self.archive.read_text(place, 64_000_000))
            return {entry["file"]: (str(entry["sha1"]), str(entry["md5"])) for entry in entries}
        except (ValueError, TypeError, KeyError):
            raise ReadError(f"{self.archive.path}: {place} is no list of files with sha1 and md5") from None


def file_hashes(data: bytes) -> tuple[str, str]:
    """Return the SHA-1 and the MD5 of a file's bytes, in hex; they tell files apart and protect nothing."""
    return tuple(hashlib.new(name, data, usedforsecurity=False).hexdigest() for name in ("sha1", "md5"))  # type: ignore[return-value]


def split_of(sha1: str) -> str:
    """Return the split of a file by its SHA-1 in hex: ``"train"``, ``"validation"`` or ``"test"``."""
    return {3: "test", 5: "validation"}.get(int(sha1[:8], 16) % 10, "train")


def official_held_out(path: str | os.PathLike[str]) -> frozenset[str]:
    """Return the MD5s of the files that the paper validated or tested on, as far as they are known.

    Args:
        path: a table with tabs whose head names the columns ``md5`` and ``split`` (train, valid or test).

    Raises:
        ReadError: if the file is missing or another kind of table.
    """
    lines = read_bytes(path).decode("utf-8", errors="replace").splitlines()
    head = lines[0].split("\t") if lines else []
    if not {"md5", "split"} <= set(head):
        raise ReadError(f"{Path(path)}: its first line must name the columns md5 and split, with a tab between them")
    rows = [dict(zip(head, line.split("\t"), strict=False)) for line in lines[1:] if line.strip()]
    if any(row.get("split") not in ("train", "valid", "validation", "test") for row in rows):
        raise ReadError(f"{Path(path)}: its column split may hold train, valid and test only")
    return frozenset(row["md5"].lower() for row in rows if row["split"] != "train")


def _named(names: Iterator[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        if len(found) >= MAX_MEMBERS:
            raise ReadError(f"more than {MAX_MEMBERS} MIDI files; give a smaller folder")
        stem = name.rpartition(".")[0]
        found[name if stem in found else stem] = name  # a.mid and a.midi side by side stay apart
    return found
