"""Excerpts: the bars of a hit, of a query or of an occurrence as a song of their own, to hear and to export."""

from __future__ import annotations

import numpy as np

from ritornello.motifs.index import MotifIndex
from ritornello.motifs.query import Query
from ritornello.motifs.search import Hit
from ritornello.score import Part, Song, Tempo, make_notes


def hit_excerpt(index: MotifIndex, hit: Hit) -> Song:
    """Return the notes of a hit's part from its first note to its last, from tick 0 on, at the song's tempo there."""
    entry = index.songs[hit.song]
    notes = index.notes(hit.song)
    start, stop = int(hit.line.onset[0]), int(hit.line.onset[-1])
    inside = (notes["onset"] >= start) & (notes["onset"] <= stop)
    if hit.line.part >= 0:
        inside &= notes["part"] == hit.line.part
    program = entry.parts[hit.line.part][1] if hit.line.part >= 0 else 0
    columns = [notes[name][inside] for name in ("onset", "duration", "pitch")]
    qpm = [qpm for tick, qpm in entry.tempi if tick <= start][-1]
    return _song(columns[0] - start, columns[1], columns[2], hit.part, program, qpm, f"{hit.name} {hit.rank}")


def query_excerpt(query: Query, qpm: float = 100.0) -> Song:
    """Return a query as a song."""
    onset, duration, pitch = query.notes
    return _song(onset - onset.min(), duration, pitch, query.line.name or "query", 0, qpm, "query")


def _song(
    onset: np.ndarray, duration: np.ndarray, pitch: np.ndarray, name: str, program: int, qpm: float, title: str
) -> Song:  # fmt: skip
    part = Part(name, make_notes(onset, np.maximum(duration, 1), pitch), program)
    return Song((part,), tempi=(Tempo(0, qpm),), title=title)
