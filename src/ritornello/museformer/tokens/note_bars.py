"""Pieces as they are measured: token songs from shards or MIDI files, and their notes by bar.

Real and generated pieces take the same way, tokens to notes, so that both come in the time values that tokens have.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ritornello.datasets.band_midi import BandMidi
from ritornello.evaluation.bar_notes import bars_of_notes
from ritornello.museformer.corpus import tokenize
from ritornello.museformer.tokens.encoding import TokenSong, decode
from ritornello.museformer.tokens.vocabulary import VOCABULARY_NAME
from ritornello.training.shards import TokenShards

TokenBars = Sequence[NDArray[np.integer]]
"""A piece: the tokens of each bar."""

NoteBars = Sequence[NDArray[np.int64]]
"""A piece: the notes of each bar, see `evaluation.bar_notes`."""


@contextmanager
def open_tokens(
    path: str | os.PathLike[str], *, workers: int = 1, progress: Callable[[int, int], None] | None = None
) -> Iterator[TokenShards]:
    """Open token shards, or make MIDI files into such for as long as the block lasts.

    Args:
        path: a folder that `ritornello data tokenize` wrote, or a folder or zip of MIDI files.
        workers: number of processes that read MIDI files.
        progress: called with (files done, files in all).

    Raises:
        ReadError: if the path is missing, damaged, or holds neither.
        UnsuitableSongError: if no MIDI file can be used.
    """
    if (Path(path) / "manifest.json").is_file():
        yield TokenShards(path, VOCABULARY_NAME)
        return
    dataset = BandMidi(path)
    with tempfile.TemporaryDirectory(prefix="ritornello-tokens-") as folder:
        tokenize(dataset, folder, workers=workers, progress=progress)
        yield TokenShards(folder, VOCABULARY_NAME)


def songs_of(shards: TokenShards, records: Sequence[int]) -> list[TokenBars]:
    """Return the bars of records, copied out of the mapped files."""
    return [tuple(np.array(bar) for bar in shards[index].bars) for index in records]


def note_bars(bars: TokenBars) -> NoteBars:
    """Return the notes of a piece by bar, one entry for each of its bars.

    Raises:
        ArgumentError: if a bar breaks the grammar.
    """
    if not len(bars):
        return []
    notes = bars_of_notes(decode(TokenSong(tuple(np.asarray(bar, np.int16) for bar in bars))))[: len(bars)]
    # The last bars have no entry if they are empty; a last note that rings on makes bars that are not the piece's.
    return [*notes, *[np.zeros((0, 4), np.int64)] * (len(bars) - len(notes))]
