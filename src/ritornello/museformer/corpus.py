"""A corpus of MIDI files made into token shards: what `ritornello data tokenize` does.

The split is that of `datasets.band_midi`. Duplicates are found by the paper's rule (Yu et al., NeurIPS 2022, appendix):
equal duration and equal numbers of bars, notes, distinct onsets and instruments. Ours: of a song in two splits the copy
in the training split is left out, so that nothing is tested that was trained on; copies within a split stay, as songs
do that are merely alike. Mode ``paper`` applies the paper's filters, all duplicates included.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ritornello.datasets.band_midi import BandMidi
from ritornello.errors import ArgumentError, RitornelloError, UnsuitableSongError
from ritornello.files import result_folder
from ritornello.museformer.tokens.encoding import encode
from ritornello.museformer.tokens.families import arrange_families, paper_filter
from ritornello.museformer.tokens.vocabulary import SIZE, VOCABULARY_NAME
from ritornello.score.midi_reader import read_midi
from ritornello.score.song import Song
from ritornello.training.corpus import Engine, map_files
from ritornello.training.shards import SHARD_TOKENS, Record, write_shards

Mode = Literal["ours", "paper"]
"""Whether every 4/4 song is taken, or only what the paper's filters keep."""

SPLIT_ORDER = ("test", "validation", "train")
"""The order of the shards' records. Training songs come last, so that copies of held-out songs are known by then."""


@dataclass(frozen=True)
class CorpusFile:
    """A MIDI file of a corpus: its id, its split and its bytes."""

    id: str
    split: str
    data: bytes


@dataclass(frozen=True)
class LeftOut:
    """A file without record, and why."""

    id: str
    reason: str


Fingerprint = tuple[float, int, int, int, int]
"""What duplicates share: duration in seconds, and numbers of bars, notes, distinct onsets and families."""


def tokenize_file(file: CorpusFile, mode: Mode = "ours") -> tuple[Record, Fingerprint] | LeftOut:
    """Return the record of a file and its fingerprint, or why it is left out; a pure function."""
    try:
        song = read_midi(file.data, file.id)
        if mode == "paper" and (reason := paper_filter(song)):
            return LeftOut(file.id, reason)
        arranged = arrange_families(song)
        tokens = encode(arranged)
    except RitornelloError as error:
        return LeftOut(file.id, str(error))
    lengths = np.array([len(bar) for bar in tokens.bars], dtype=np.int32)
    metadata = {"pitch_shift": tokens.pitch_shift, "leading_bars": tokens.leading_bars}
    record = Record(file.id, file.split, np.concatenate(tokens.bars), lengths, metadata)
    return record, fingerprint(arranged, len(lengths))


def fingerprint(arranged: Song, bars: int) -> Fingerprint:
    """Return what an arranged song shares with its duplicates."""
    onsets = np.concatenate([part.notes["onset"] for part in arranged.parts])
    families = sum(1 for part in arranged.parts if len(part.notes))
    return round(arranged.duration_s, 2), bars, len(onsets), len(np.unique(onsets)), families


def tokenize(
    dataset: BandMidi,
    out: str | os.PathLike[str],
    *,
    workers: int = 1,
    engine: Engine = "local",
    mode: Mode = "ours",
    keep_out: Set[str] = frozenset(),
    force: bool = False,
    shard_tokens: int = SHARD_TOKENS,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Write the token shards of a data set and return their manifest.

    Args:
        dataset: the MIDI files.
        out: the folder to write; all or nothing.
        workers: number of processes; the result does not depend on it.
        engine: ``"local"`` or ``"ray"``.
        mode: ``"ours"`` or ``"paper"``.
        keep_out: MD5s of files that must not be trained on.
        force: replace the files of an existing folder.
        shard_tokens: a shard is closed when it holds as many tokens.
        progress: called with (files done, files in all).

    Raises:
        ArgumentError: if the mode is unknown.
        UnsuitableSongError: if no file gives tokens.
        WriteError: if the folder exists and ``force`` is not set, or cannot be written.
        MissingDependencyError: if Ray is asked for and not installed.
    """
    if mode not in ("ours", "paper"):
        raise ArgumentError(f"mode '{mode}' is unknown; use ours or paper")
    left_out: list[dict[str, str]] = []
    files = [(id, split) for split in SPLIT_ORDER for id in dataset.split(split, keep_out)]
    kept_out = sorted(set(dataset.split("train")) - {id for id, _ in files})
    left_out += [{"id": id, "reason": "kept out: held out in the official split"} for id in kept_out]
    results = map_files(
        functools.partial(tokenize_file, mode=mode),
        (CorpusFile(id, split, dataset.midi_bytes(id)) for id, split in files),
        workers=workers,
        engine=engine,
        progress=progress,
        total=len(files),
    )
    with result_folder(out, force) as folder:
        manifest = write_shards(
            folder,
            _without_duplicates(results, mode, left_out),
            vocabulary=VOCABULARY_NAME,
            vocabulary_size=SIZE,
            settings={"mode": mode, "kept_out": len(kept_out)},
            left_out=left_out,
            shard_tokens=shard_tokens,
        )
        if not manifest["records"]:
            raise UnsuitableSongError(f"{dataset.archive.path}: no file can be used; first: {left_out[0]['reason']}")
    return manifest


def _without_duplicates(
    results: Iterator[tuple[Record, Fingerprint] | LeftOut], mode: Mode, left_out: list[dict[str, str]]
) -> Iterator[Record]:
    known: dict[Fingerprint, tuple[str, str]] = {}
    for result in results:
        if isinstance(result, LeftOut):
            left_out.append({"id": result.id, "reason": result.reason})
            continue
        record, mark = result
        id, split = known.setdefault(mark, (record.id, record.split))
        is_copy = id != record.id and (mode == "paper" or (split != "train" and record.split == "train"))
        if is_copy:
            left_out.append({"id": record.id, "reason": f"a duplicate of {id} ({split})"})
        else:
            yield record
