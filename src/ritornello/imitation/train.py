"""The prior: the same tables as a seed's, counted over many songs.

It is P₀ of `tables`, learned from the training split, never from test songs. The shipped file holds counts of short
contexts only: at most two successive half-bar rhythms, basic pitches or intervals, never a melody.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from ritornello.errors import ReadError, UnsuitableSongError
from ritornello.files import read_bytes
from ritornello.imitation.data import song_events
from ritornello.imitation.model import TABLE_NAMES, Tables, count_song, empty_tables
from ritornello.imitation.tables import CountTable
from ritornello.score import Song

PRIOR_NAME = "imitation-pop909"
"""The prior that ships with the package."""

FORMAT = 1
MAX_PRIOR_BYTES = 64 * 1024 * 1024
"""Largest prior that is unpacked, in bytes; the shipped one has less than one."""

LEAST_COUNT = 3.0
"""Items counted less often than this in a context are left out of the file: they are noise."""


@dataclass(frozen=True)
class Prior:
    """Tables learned from many songs.

    Attributes:
        tables: one table per model.
        songs: number of songs counted.
        note: where they come from.
        skipped: ids of songs that could not be counted.
    """

    tables: Tables
    songs: int = 0
    note: str = ""
    skipped: tuple[str, ...] = field(default=(), repr=False)

    def to_bytes(self) -> bytes:
        """Return the prior as compressed JSON; the same prior gives the same bytes."""
        value = {
            "format": FORMAT,
            "note": self.note,
            "songs": self.songs,
            "tables": {name: self.tables[name].to_json(LEAST_COUNT) for name in TABLE_NAMES},
        }
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return gzip.compress(text.encode(), 9, mtime=0)


def build_prior(dataset: Any, ids: Iterable[str], progress: Callable[[int, int], None] | None = None) -> Prior:
    """Count the prior's tables over songs of a data set.

    Args:
        dataset: a data set with ``load(id)`` that returns an object with a ``song``, such as `datasets.pop909.Pop909`.
        ids: the songs; the training split for a prior that is to be measured on others.
        progress: called with songs done and songs in all.
    """
    ids = list(ids)
    tables = empty_tables()
    skipped = []
    for done, id in enumerate(ids, start=1):
        try:
            count_song(song_events(dataset.load(id).song), tables, is_prior=True)
        except (UnsuitableSongError, ReadError):
            skipped.append(id)
        if progress is not None:
            progress(done, len(ids))
    note = (
        "Counts over songs of POP909 (MIT licence, copyright 2020 Music X Lab) with the structure annotations of "
        "Shuqi Dai (MIT licence, copyright 2020 Shuqi Dai); training split, no melodies."
    )
    return Prior(tables, len(ids) - len(skipped), note, tuple(skipped))


def build_prior_from_songs(songs: Iterable[Song]) -> Prior:
    """Count the prior's tables over any analysed songs."""
    tables = empty_tables()
    number = 0
    for song in songs:
        count_song(song_events(song), tables, is_prior=True)
        number += 1
    return Prior(tables, number)


def _unpacked(data: bytes) -> bytes:
    """Return what a gzip file holds, up to `MAX_PRIOR_BYTES`; a damaged or larger one raises `zlib.error`."""
    reader = zlib.decompressobj(zlib.MAX_WBITS | 16)
    text = reader.decompress(data, MAX_PRIOR_BYTES)
    if not reader.eof:
        raise zlib.error("cut short, or larger than any prior")
    return text


def load_prior(path: str | Path | None = None) -> Prior:
    """Read a prior written by `Prior.to_bytes`; without a path the one that ships with the package.

    Raises:
        ReadError: if the file is missing or of another kind.
    """
    if path is None:
        data = resources.files("ritornello").joinpath("weights", PRIOR_NAME, "prior.json.gz").read_bytes()
    else:
        data = read_bytes(path)
    name = path or PRIOR_NAME
    try:
        value = json.loads(_unpacked(data))
        if value["format"] != FORMAT:
            raise ReadError(f"{name}: a prior of format {value['format']}; this version reads format {FORMAT}")
        tables = {name: CountTable.from_json(value["tables"][name]) for name in TABLE_NAMES}
        return Prior(tables, int(value["songs"]), str(value["note"]))
    except ReadError:
        raise
    except (zlib.error, KeyError, TypeError, ValueError) as error:
        raise ReadError(f"{name}: not a prior of ritornello train imitation ({error})") from None
