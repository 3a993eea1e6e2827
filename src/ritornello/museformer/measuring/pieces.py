"""Pieces that a checkpoint made for being measured: kept on disk one by one, so that a long run can be gone on with.

A folder holds ``settings.json``, plain pieces ``piece-0000.npz``, planned ones ``planned-0000.npz``: int16 ``tokens``
and int32 ``bar_lengths``. Piece n has a random generator of its own: how many pieces there are, which were made before
and by how many workers changes it by rounding at most. A folder of MIDI files is read as pieces too.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import nn

from ritornello.datasets.band_midi import BandMidi
from ritornello.errors import ArgumentError, ReadError, WriteError
from ritornello.files import read_json, write_json
from ritornello.museformer.measuring.arrays import read_arrays, write_arrays
from ritornello.museformer.pretrained import load_network
from ritornello.museformer.tokens.encoding import encode
from ritornello.museformer.tokens.grammar import Limits
from ritornello.museformer.tokens.note_bars import TokenBars
from ritornello.museformer.writing.instruments import Instruments
from ritornello.museformer.writing.loop import piece_seed, write
from ritornello.museformer.writing.plan import Plan
from ritornello.museformer.writing.task import Task, new_song
from ritornello.nn.sampling import SamplingSettings

Kind = Literal["piece", "planned"]

SETTINGS = "settings.json"

Progress = Callable[[int, int], None]

AT_ONCE = 32
"""Pieces that one process writes side by side; they are saved when all of them are whole."""

Make = Callable[[Sequence[int]], Iterator[tuple[int, TokenBars]]]
"""Given numbers of pieces, yield each with its tokens, in any order, as soon as it is whole."""


@dataclass(frozen=True)
class PieceSettings:
    """What a folder's pieces depend on besides their number.

    Attributes:
        checkpoint: name of the checkpoint; another name for the same weights will do.
        weights: `weights_digest` of its network.
        seed: seed of all pieces.
        max_tokens: length limit of plain pieces.
        min_tokens: plain pieces do not end before so many tokens.
        plan: plan of the planned pieces.
        temperature: at which tokens are drawn.
    """

    checkpoint: str
    weights: str
    seed: int
    max_tokens: int
    min_tokens: int
    plan: str
    temperature: float = 1.0


def weights_digest(network: nn.Module) -> str:
    """Return what tells a network's weights from others': the beginning of a SHA-256, in hex."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode() + value.detach().cpu().float().numpy().tobytes())
    return digest.hexdigest()[:16]


def open_folder(folder: Path, settings: PieceSettings) -> None:
    """Make a folder for pieces, or go on with one of the same settings.

    Raises:
        ArgumentError: if it holds pieces of other settings.
        WriteError: if it holds something else, or cannot be written.
    """
    wanted = asdict(settings)
    place = folder / SETTINGS
    if place.is_file():
        found = _settings(place)
        for name, value in wanted.items():
            if name != "checkpoint" and found.get(name) != value:
                was = str(found.get(name))[:60]
                raise ArgumentError(
                    f"{folder}: its pieces were made with {name} {was}, not {value}; choose another folder"
                )
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WriteError(f"{folder}: exists and is no folder of pieces; choose another --save-pieces")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"{folder}: cannot be written ({error.strerror or error})") from None
    write_json(place, wanted)


def make_pieces(
    count: int, make: Make, folder: Path | None = None, kind: Kind = "piece", progress: Progress | None = None
) -> list[TokenBars]:
    """Return pieces 0 to ``count`` - 1: those of the folder are read, the others are made and written there.

    Args:
        count: how many.
        make: makes them.
        folder: where they are kept; None keeps them nowhere.
        kind: begins their files' names.
        progress: called with (pieces done, pieces in all).
    """
    pieces: dict[int, TokenBars] = {}
    if folder is not None:
        pieces = {n: read_piece(path) for n in range(count) if (path := folder / f"{kind}-{n:04}.npz").is_file()}
    missing = [number for number in range(count) if number not in pieces]
    if progress is not None:
        progress(len(pieces), count)
    for number, bars in make(missing):
        pieces[number] = bars
        if folder is not None:
            save_piece(folder / f"{kind}-{number:04}.npz", bars)
        if progress is not None:
            progress(len(pieces), count)
    return [pieces[number] for number in range(count)]


def read_pieces(folder: str | os.PathLike[str], limit: int | None = None, kind: Kind = "piece") -> list[TokenBars]:
    """Return the pieces of a folder, in the order of their names.

    Args:
        folder: a folder of pieces as `make_pieces` writes them, or of MIDI files.
        limit: only the first so many.
        kind: which of them; MIDI files are plain pieces.

    Raises:
        ReadError: if there is none, or one is damaged.
        UnsuitableSongError: if a MIDI file is not in 4/4 or has no notes.
    """
    found = sorted(Path(folder).glob(f"{kind}-*.npz"))[:limit]
    if found:
        return [read_piece(path) for path in found]
    if kind != "piece":
        return []
    dataset = BandMidi(folder)
    return [encode(dataset.load(id)).bars for id in dataset.ids[:limit]]


def save_piece(path: Path, bars: TokenBars) -> None:
    """Write a piece's tokens.

    Raises:
        WriteError: if the file cannot be written.
    """
    tokens = np.concatenate([np.zeros(0, np.int16), *bars]).astype(np.int16)
    write_arrays(path, {"tokens": tokens, "bar_lengths": np.array([len(bar) for bar in bars], np.int32)})


def read_piece(path: Path) -> TokenBars:
    """Return the tokens of a piece that `save_piece` wrote.

    Raises:
        ReadError: if the file is damaged.
    """
    tokens, lengths = read_arrays(path, ("tokens", "bar_lengths")).values()
    is_sane = all(values.ndim == 1 and values.dtype.kind == "i" for values in (tokens, lengths))
    if not is_sane or (lengths.astype(np.int64) < 0).any() or lengths.astype(np.int64).sum() != len(tokens):
        raise ReadError(f"{path}: damaged: its bars do not add up; delete it to make it again")
    ends = np.cumsum(lengths.astype(np.int64))
    return tuple(np.split(tokens.astype(np.int16), ends[:-1])) if len(lengths) else ()


def write_pieces(
    settings: PieceSettings, kind: Kind, workers: int, numbers: Sequence[int]
) -> Iterator[tuple[int, TokenBars]]:
    """Write pieces with a checkpoint; yield each with its number, batch by batch.

    Args:
        settings: what the pieces depend on.
        kind: plain pieces, or ones with the settings' plan.
        workers: number of processes.
        numbers: which pieces.
    """
    share = max(1, min(AT_ONCE, -(-len(numbers) // workers)))
    batches = [numbers[place : place + share] for place in range(0, len(numbers), share)]
    if workers == 1 or len(batches) < 2:
        for batch in batches:
            yield from zip(batch, _batch(settings, kind, batch), strict=True)
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            under_way = {pool.submit(_batch, settings, kind, batch, alone=True): batch for batch in batches}
            for future in as_completed(under_way):
                yield from zip(under_way[future], future.result(), strict=True)
        finally:
            pool.shutdown(cancel_futures=True)


def _batch(settings: PieceSettings, kind: Kind, numbers: Sequence[int], *, alone: bool = False) -> list[TokenBars]:
    """Write some pieces side by side; what becomes of one does not depend on the others."""
    if alone:
        torch.set_num_threads(1)  # the other cores belong to the other workers
    network = load_network(settings.checkpoint).network
    if kind == "planned":
        task = new_song(None, Instruments(), None, Plan.parse(settings.plan))
    else:
        task = Task(limits=Limits(min_tokens=settings.min_tokens, max_tokens=settings.max_tokens))
    seeds = [piece_seed(settings.seed, int(kind == "planned"), number) for number in numbers]
    # bfloat16, as weights are shipped: 1.7 times as many tokens a second as in float32.
    sampling = SamplingSettings(settings.temperature)
    written = write(network, [task] * len(numbers), seeds, sampling, places=AT_ONCE, dtype=torch.bfloat16)
    return [tuple(each.bars.values()) for each in written]


def _settings(path: Path) -> dict[str, object]:
    found = read_json(path)
    if not isinstance(found, dict):
        raise ReadError(f"{path}: damaged, no settings of pieces")
    return found
