"""What a search says: as JSON, as a table, as CSV, and the query file that repeats it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from ritornello.errors import ReadError
from ritornello.motifs.align import Weights
from ritornello.motifs.lines import Line
from ritornello.motifs.query import FEWEST_NOTES, MOST_NOTES, Query
from ritornello.motifs.search import Hit, SearchResult
from ritornello.score.song import MAX_TICKS
from ritornello.score.timeline import TICKS_PER_QUARTER

QUERY_FORMAT = "ritornello motif query"
"""What a query file says it is."""

_COLUMNS = (
    "rank", "song", "part", "start_bar", "start_beat", "end_bar", "end_beat", "score", "pitch", "rhythm", "contour",
    "p", "expected", "q", "p_idiom", "variation",
)  # fmt: skip


def result_dict(result: SearchResult) -> dict[str, Any]:
    """Return a search as JSON values: the query, what was searched, the hits and the chance level."""
    return {
        "query": query_dict(result),
        "songs": result.songs,
        "chance": None if result.chance is None else {
            "background_songs": result.chance.background.songs,
            "background": [result.chance.background.location, result.chance.background.scale],
            "surrogates": result.chance.idiom.songs,
            "idiom": [result.chance.idiom.location, result.chance.idiom.scale],
        },
        "chance_reason": result.chance_reason,
        "hits": [hit_dict(hit, result) for hit in result.hits],
    }  # fmt: skip


def hit_dict(hit: Hit, result: SearchResult) -> dict[str, Any]:
    """Return a hit as JSON values, with the aligned pairs from which its score can be computed again."""
    query = result.query.line
    order = slice(None, None, -1) if hit.form.retrograde else slice(None)
    onset, pitch = query.onset[order], query.pitch[order]
    change = hit.transformation
    return {
        "rank": hit.rank, "song": hit.name, "title": hit.title, "part": hit.part,
        "start_bar": hit.start[0], "start_beat": hit.start[1], "end_bar": hit.end[0], "end_beat": hit.end[1],
        "score": hit.score.total, "pitch": hit.score.pitch, "rhythm": hit.score.rhythm, "contour": hit.score.contour,
        "p": hit.p, "expected": hit.expected, "q": hit.q, "p_idiom": hit.p_idiom,
        "is_query": hit.is_query, "notes_found": hit.notes_found, "kinds": list(change.kinds), "variation": change.text,
        "stretch": hit.form.stretch, "inverted": hit.form.inverted, "retrograde": hit.form.retrograde,
        "transposition": change.transposition, "changed": change.changed, "inserted": change.inserted,
        "missing": change.missing, "left_out": list(change.left_out),
        "pairs": [
            {
                "query_note": note, "query_onset": int(onset[note]), "query_pitch": int(pitch[note]),
                "hit_note": place, "hit_onset": int(hit.line.onset[place]), "hit_pitch": int(hit.line.pitch[place]),
            }
            for note, place in hit.pairs
        ],
        "notes": np.stack([hit.line.onset, hit.line.duration, hit.line.pitch], axis=1).tolist(),
    }  # fmt: skip


def query_dict(result: SearchResult) -> dict[str, Any]:
    """Return the query file: with it the same search on the same corpus gives the same hits, bit for bit."""
    query, line = result.query, result.query.line
    return {
        "format": QUERY_FORMAT,
        "source": query.source, "digest": query.digest, "bars": query.bars, "part": line.name,
        "ticks_per_quarter": TICKS_PER_QUARTER,
        "line": [line.onset.tolist(), line.duration.tolist(), line.pitch.tolist()],
        "notes": query.notes.tolist(),
        "weights": {"pitch": result.weights.pitch, "rhythm": result.weights.rhythm, "contour": result.weights.contour},
        "retrograde": result.retrograde, "seed": result.seed, "corpus": result.corpus_hash,
    }  # fmt: skip


def query_of_dict(value: Mapping[str, Any], name: str) -> tuple[Query, Weights, bool, int]:
    """Return the query, weights, whether backwards too, and seed of a query file.

    Raises:
        ReadError: if it is no query file.
    """
    try:
        if value["format"] != QUERY_FORMAT:
            raise KeyError("format")
        line = np.array(value["line"], np.int64)
        notes = np.array(value["notes"], np.int64)
        if line.ndim != 2 or notes.ndim != 2 or line.shape[0] != 3 or notes.shape[0] != 3:
            raise ValueError("its notes are no columns")
        if not FEWEST_NOTES <= line.shape[1] <= MOST_NOTES or (np.diff(line[0]) < 1).any():
            raise ValueError("its tune does not rise or is too short or long")
        for pitches in (line[2], notes[2]):
            if pitches.min() < 0 or pitches.max() > 127:
                raise ValueError("a pitch is out of range")
        if line[0].min() < 0 or notes[0].min() < 0 or min(line[1].min(), notes[1].min()) < 1:
            raise ValueError("an onset or a duration is out of range")
        if max(line[:2].max(), notes[:2].max()) > MAX_TICKS or int(value["seed"]) < 0:
            raise ValueError("an onset, a duration or the seed is out of range")
        weights = Weights(**{key: float(value["weights"][key]) for key in ("pitch", "rhythm", "contour")})
        query = Query(
            Line(str(value["part"]), 0, line[0], line[1], line[2]), notes, str(value["source"]), str(value["digest"]),
            str(value["bars"]),
        )  # fmt: skip
        return query, weights, bool(value["retrograde"]), int(value["seed"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ReadError(f"{name}: not a query file of 'ritornello motifs search' ({str(error)[:60]})") from None


def csv_text(result: SearchResult) -> str:
    """Return the hits as CSV with a head."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for hit in result.hits:
        row = hit_dict(hit, result)
        writer.writerow(["" if row[name] is None else row[name] for name in _COLUMNS])
    return buffer.getvalue()


def table_text(result: SearchResult) -> str:
    """Return the hits as a table for a person."""
    if not result.hits:
        return "nothing is found; try other --weights, a lower --least, or fewer bars"
    rows = [("", "song", "part", "bars", "score", "p", "variation")]
    for hit in result.hits:
        p = "" if hit.p is None else f"{hit.p:.2g}"
        text = hit.transformation.text + (" (the query itself)" if hit.is_query else "")
        rows.append((str(hit.rank), hit.name, hit.part, place_text(hit), f"{hit.score.total:.3f}", p, text))
    widths = [min(32, max(len(row[column]) for row in rows)) for column in range(len(rows[0]) - 1)]
    lines = [
        "  ".join(
            [*(_cut(cell, width).ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]
        ).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, chance_text(result)])


def chance_text(result: SearchResult) -> str:
    """Return in a sentence what the p values mean, or why there are none."""
    if result.chance is None:
        return f"no chance level: {result.chance_reason}"
    return (
        f"p: how often one of {result.chance.background.songs} songs without relation to the query scores as high; "
        f"times {result.songs} songs = false hits to expect"
    )


def place_text(hit: Hit) -> str:
    """Return the place of a hit such as ``"5.1-6.4"``."""
    return f"{hit.start[0]}.{hit.start[1]:g}-{hit.end[0]}.{hit.end[1]:g}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
