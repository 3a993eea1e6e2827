"""Token data on disk: shards of many songs each, with a manifest that says what is in them and how they were made.

A folder holds, for each shard, two NumPy files and for all of them one ``manifest.json``:

- ``00000.tokens.npy``: int16 ``(tokens,)``, the ids of its songs in a row;
- ``00000.bars.npy``: int32 ``(bars,)``, the number of tokens of each bar, so that songs are cut without being parsed.

The manifest gives the vocabulary, the settings, sums by split, what was left out and why, each file's SHA-256, and for
each song its id, split, place and whatever else its maker adds. Nothing in it depends on when, where or by how many
workers it was made: equal songs and settings give equal bytes. Token files are mapped into memory, never read whole.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError, ReadError
from ritornello.files import read_json, write_json

FORMAT = "ritornello token shards"
VERSION = 1

SHARD_TOKENS = 8_000_000
"""A shard is closed when it holds as many tokens: 16 MB."""

MAX_MANIFEST_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True)
class Record:
    """One song's tokens.

    Attributes:
        id: its name in the data set.
        split: ``"train"``, ``"validation"`` or ``"test"``.
        tokens: int16 ``(tokens,)``, its bars in a row.
        bar_lengths: int32 ``(bars,)``, tokens of each bar; they add up to ``len(tokens)``.
        metadata: whatever else is to be known about it, as JSON values.
    """

    id: str
    split: str
    tokens: NDArray[np.int16]
    bar_lengths: NDArray[np.int32]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def bars(self) -> tuple[NDArray[np.int16], ...]:
        """The bars, as views of the tokens."""
        return tuple(np.split(self.tokens, np.cumsum(self.bar_lengths)[:-1])) if len(self.bar_lengths) else ()


def write_shards(
    folder: str | os.PathLike[str],
    records: Iterable[Record],
    *,
    vocabulary: str,
    vocabulary_size: int,
    settings: Mapping[str, Any] | None = None,
    left_out: Iterable[Mapping[str, str]] = (),
    shard_tokens: int = SHARD_TOKENS,
) -> dict[str, Any]:
    """Write records into a folder, in their order, and return the manifest.

    Args:
        folder: an existing folder; give the one of `ritornello.files.result_folder` for all or nothing.
        records: the songs; taken one by one, a shard's worth is held in memory.
        vocabulary: what the ids mean, by name.
        vocabulary_size: ids are below it.
        settings: how the records were made, as JSON values.
        left_out: ``{"id", "reason"}`` of songs without record; taken after the records, so it may be a list that
            grows with them.
        shard_tokens: a shard is closed when it holds as many tokens.

    Raises:
        ArgumentError: if a record contradicts itself or the vocabulary.
        WriteError: if the folder cannot be written.
    """
    folder = Path(folder)
    shards: list[dict[str, Any]] = []
    entries: list[dict[str, Any]] = []
    waiting: list[Record] = []
    for record in records:
        _check(record, vocabulary_size)
        entries.append(
            {
                **record.metadata,
                "id": record.id,
                "split": record.split,
                "shard": len(shards),
                "tokens": len(record.tokens),
                "bars": len(record.bar_lengths),
            }
        )
        waiting.append(record)
        if sum(len(kept.tokens) for kept in waiting) >= shard_tokens:
            shards.append(_write_shard(folder, len(shards), waiting))
            waiting = []
    if waiting:
        shards.append(_write_shard(folder, len(shards), waiting))
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "vocabulary": {"name": vocabulary, "size": vocabulary_size},
        "settings": dict(settings or {}),
        "splits": _sums(entries),
        "left_out": [dict(entry) for entry in left_out],
        "shards": shards,
        "records": entries,
    }
    write_json(folder / "manifest.json", manifest)
    return manifest


def _check(record: Record, vocabulary_size: int) -> None:
    if int(record.bar_lengths.sum()) != len(record.tokens):
        bars, tokens = int(record.bar_lengths.sum()), len(record.tokens)
        raise ArgumentError(f"record '{record.id}': its bars have {bars} tokens in all, the record has {tokens}")
    if len(record.tokens) and not 0 <= record.tokens.min() <= record.tokens.max() < vocabulary_size:
        raise ArgumentError(f"record '{record.id}': token ids go from 0 to {vocabulary_size - 1}")


def _write_shard(folder: Path, number: int, records: list[Record]) -> dict[str, Any]:
    columns = {
        "tokens": np.concatenate([record.tokens for record in records]).astype("<i2"),
        "bars": np.concatenate([record.bar_lengths for record in records]).astype("<i4"),
    }
    entry: dict[str, Any] = {"records": len(records)}
    for kind, values in columns.items():
        name = f"{number:05}.{kind}.npy"
        np.save(folder / name, values)
        entry[kind] = {"file": name, "count": len(values), "sha256": _sha256(folder / name)}
    return entry


def _sums(entries: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    sums: dict[str, Counter[str]] = {}
    for entry in entries:
        sums.setdefault(entry["split"], Counter()).update(records=1, bars=entry["bars"], tokens=entry["tokens"])
    return {split: dict(sums[split]) for split in sorted(sums)}


class TokenShards:
    """A folder of token shards, read lazily: shards are mapped into memory and checked when first needed.

    Args:
        folder: the folder that `write_shards` wrote.
        vocabulary: refuse data of any other vocabulary.

    Attributes:
        folder: the folder.
        manifest: the manifest as JSON values.

    Raises:
        ReadError: if there is no manifest, or a damaged one, or of another kind, version or vocabulary.
    """

    def __init__(self, folder: str | os.PathLike[str], vocabulary: str | None = None) -> None:
        self.folder = Path(folder)
        self.manifest = _read_manifest(self.folder / "manifest.json")
        found = self.manifest["vocabulary"]["name"]
        if vocabulary is not None and found != vocabulary:
            raise ReadError(f"{self.folder}: its tokens are of the vocabulary {found}, not of {vocabulary}")
        self._entries: list[dict[str, Any]] = self.manifest["records"]
        self._places = _places(self._entries)
        self._shards: dict[int, tuple[NDArray[np.int16], NDArray[np.int32]]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of all records, in their order."""
        return tuple(entry["id"] for entry in self._entries)

    def split(self, name: str) -> tuple[int, ...]:
        """Return the indices of the records of a split, ``"all"`` for every one.

        Raises:
            ArgumentError: if no record is in it.
        """
        chosen = tuple(index for index, entry in enumerate(self._entries) if name in ("all", entry["split"]))
        if not chosen:
            known = ", ".join([*self.manifest["splits"], "all"])
            raise ArgumentError(f"{self.folder}: no song in the split '{name[:40]}'; there are {known}")
        return chosen

    def __getitem__(self, index: int) -> Record:
        """Return a record; its arrays are read-only views of the mapped files.

        Raises:
            ReadError: if its shard is missing or damaged.
        """
        entry = self._entries[index]
        tokens, bars = self._shard(entry["shard"])
        token, bar = self._places[index]
        metadata = {key: value for key, value in entry.items() if key not in ("id", "split", "shard", "tokens", "bars")}
        return Record(
            entry["id"],
            entry["split"],
            tokens[token : token + entry["tokens"]],
            bars[bar : bar + entry["bars"]],
            metadata,
        )

    def tokens_of(self, index: int) -> int:
        """Return the number of tokens of a record without opening its shard."""
        return int(self._entries[index]["tokens"])

    def _shard(self, number: int) -> tuple[NDArray[np.int16], NDArray[np.int32]]:
        if number not in self._shards:
            entry = self.manifest["shards"][number]
            tokens, bars = (
                _open(self.folder, entry[kind], np.dtype(of)) for kind, of in (("tokens", "<i2"), ("bars", "<i4"))
            )
            self._shards[number] = tokens, bars
        return self._shards[number]

    def __getstate__(self) -> dict[str, Any]:
        # A worker process maps the files itself.
        return {**self.__dict__, "_shards": {}}


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = read_json(path, MAX_MANIFEST_BYTES)
    except ReadError as error:
        raise ReadError(f"{error}; give a folder that `ritornello data tokenize` wrote") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ReadError(f"{path}: no manifest of token shards; give a folder that `ritornello data tokenize` wrote")
    if manifest.get("version") != VERSION:
        version = manifest.get("version")
        raise ReadError(f"{path}: of version {version}, this program reads {VERSION}; write the shards again")
    try:
        for entry in manifest["records"]:
            sane = isinstance(entry["id"], str) and isinstance(entry["split"], str)
            numbers = [entry[name] for name in ("shard", "tokens", "bars")]
            if not sane or any(type(number) is not int or number < 0 for number in numbers):
                raise TypeError
        totals = Counter[tuple[int, str]]()
        for entry in manifest["records"]:
            for kind in ("tokens", "bars"):
                totals[entry["shard"], kind] += entry[kind]
        for number, shard in enumerate(manifest["shards"]):
            for kind in ("tokens", "bars"):
                if totals.pop((number, kind), 0) != shard[kind]["count"]:
                    raise ValueError
                if not all(isinstance(shard[kind][name], str) for name in ("file", "sha256")):
                    raise TypeError
        if any(totals.values()):
            raise ValueError
        str(manifest["vocabulary"]["name"]), manifest["splits"], manifest["settings"], manifest["left_out"]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ReadError(f"{path}: damaged: its records and shards contradict each other; write them again") from None
    return manifest


def _places(entries: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """Where each record begins in its shard, in tokens and in bars."""
    ends: dict[int, tuple[int, int]] = {}
    places = []
    for entry in entries:
        token, bar = ends.get(entry["shard"], (0, 0))
        places.append((token, bar))
        ends[entry["shard"]] = token + entry["tokens"], bar + entry["bars"]
    return places


def _open(folder: Path, entry: Mapping[str, Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    path = folder / Path(entry["file"]).name
    try:
        if _sha256(path) != entry["sha256"]:
            raise ReadError(f"{path}: damaged, or not the file of this manifest; write the shards again")
        values: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if values.dtype != dtype or values.shape != (entry["count"],):
        raise ReadError(f"{path}: not the file of this manifest; write the shards again")
    return values


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
