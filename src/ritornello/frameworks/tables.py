"""What is counted in the training phrases to fill a plan where it is open: chords, rhythm form, lengths of notes.

Our design. Chords are text relative to the key, such as ``"7 maj 0"``: root above the tonic, quality, bass above the
root. A cell is a segment of the melody: two beats of 4/4, else a bar. Contexts are given from the longest to the
shortest by the functions below, for counting and for drawing alike.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.phrase_grid import Phrase, PhraseGrid, phrase_grid, usual_step_ticks
from ritornello.analysis.segments import pattern_of, rhythm_labels
from ritornello.errors import ReadError, UnsuitableSongError
from ritornello.files import read_bytes
from ritornello.frameworks.counts import Context, Counts
from ritornello.nn.weights import resolve
from ritornello.score import Chord, Key, Song

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

TABLES = (
    "chord",
    "change",
    "bar",
    "ending",
    "density",
    "relation",
    "complexity",
    "drift",
    "duration",
    "final",
    "close",
)
"""Next chord; beats of a bar on which chords start; which bar a bar's chords repeat; roots of the last two chords;
density of a phrase; how far back a cell repeats; onsets of a new cell; those of a repeated one more or less; length of
a note; last note of a phrase; where that begins."""

TABLES_FILE = "tables.json.gz"
"""Name of the file beside the weights."""

FORMAT = "ritornello frameworks tables"
VERSION = 2

LEAST_COUNT = 3
"""What is counted less often in a context is left out of the file: it is noise, or one song's own."""

MAX_BYTES = 32 * 1024 * 1024
"""Largest file that is unpacked."""

BAR_LAGS = (4, 2, 1, 8)
"""Bars back that the chords of a bar may repeat; the first that fits counts. 0: new."""

CELL_LAGS = (8, 4, 2, 1, 16, 6, 12, 3)
"""Cells back that a rhythm may repeat, likewise; -1 stands for others. In metres of one cell a bar they are halved."""

LONGEST_WAIT = 32
"""Waits for the next note are counted up to here, in steps."""

ENDING_CELLS = 2
"""Cells at the end of a phrase: they know what it closes, and their number of notes goes before what they repeat."""

CLOSING_BARS = 2
"""The last notes of phrases are counted if they begin so near the end."""

CLEARNESS = 1.2
"""Power of the probabilities of how sections close, so that what is usual is more so; phrases close as counted."""

DENSITIES = 3
"""Classes of onsets a cell: sparse, middle, dense."""


@dataclass(frozen=True)
class Tables:
    """Counts by name, see `TABLES`.

    Attributes:
        counts: one `Counts` per name.
        songs: number of songs counted.
        note: where they come from.
    """

    counts: dict[str, Counts] = field(default_factory=lambda: {name: Counts() for name in TABLES})
    songs: int = 0
    note: str = ""

    def __getitem__(self, name: str) -> Counts:
        return self.counts[name]

    def to_bytes(self) -> bytes:
        """Return them as gzipped JSON; the same tables give the same bytes."""
        value = {
            "format": FORMAT, "version": VERSION, "note": self.note, "songs": self.songs,
            "counts": {name: self.counts[name].to_json(LEAST_COUNT) for name in TABLES},
        }  # fmt: skip
        return gzip.compress(json.dumps(value, separators=(",", ":")).encode(), 9, mtime=0)


def build_tables(songs: Iterable[Song], note: str = "") -> Tables:
    """Count analysed songs; those without form, melody or a metre that fits a grid are left out."""
    counts = {name: Counts() for name in TABLES}
    number = 0
    for song in songs:
        try:
            grid = phrase_grid(song, usual_step_ticks(song))
        except UnsuitableSongError:
            continue
        number += 1
        for phrase in grid.melodic_phrases:
            if phrase.key is not None:
                _count_chords(grid, phrase, counts)
                _count_rhythm(grid, phrase, counts)
                _count_final(grid, phrase, counts)
    return Tables(counts, number, note)


def load_tables_of(name: str | os.PathLike[str]) -> Tables:
    """Read the tables that lie beside weights, by the name of these; see `nn.weights.resolve`.

    Raises:
        ArgumentError: if nothing of that name is found.
        ReadError: as `load_tables`.
    """
    return load_tables(resolve(name) / TABLES_FILE)


def load_tables(path: str | Path) -> Tables:
    """Read what `Tables.to_bytes` returned.

    Raises:
        ReadError: if the file is missing, damaged or of another kind.
    """
    data = read_bytes(path)
    try:
        reader = zlib.decompressobj(zlib.MAX_WBITS | 16)
        text = reader.decompress(data, MAX_BYTES)
        if not reader.eof:
            raise ValueError("cut short, or larger than any tables")
        value: dict[str, Any] = json.loads(text)
        if value["format"] != FORMAT or value["version"] != VERSION:
            raise ValueError("another format or version")
        counts = {name: Counts.from_json(value["counts"][name]) for name in TABLES}
        return Tables(counts, int(value["songs"]), str(value["note"]))
    except (zlib.error, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ReadError(f"{path}: not tables of ritornello train frameworks ({str(error)[:80]})") from None


# --- chords -----------------------------------------------------------------------------------------------------------


def symbol_of(chord: Chord | None, tonic: int) -> str:
    """Return a chord relative to a tonic, ``"N"`` for none."""
    if chord is None:
        return "N"
    return f"{(chord.root - tonic) % 12} {chord.quality} {(chord.bass - chord.root) % 12}"


def chord_of(symbol: str, tonic: int) -> Chord | None:
    """Return the chord that a symbol means in a key; the inverse of `symbol_of`."""
    if symbol == "N":
        return None
    root, quality, bass = symbol.split(" ")
    pitch_class = (int(root) + tonic) % 12
    return Chord(pitch_class, quality, (pitch_class + int(bass)) % 12)


def root_of(symbol: str) -> int:
    """Return the root of a symbol above the tonic, -1 for none."""
    return -1 if symbol == "N" else int(symbol.split(" ", 1)[0])


def mode_tonic(key: Key) -> tuple[str, int]:
    """Return the mode and tonic that chords are counted in."""
    return key.mode, key.tonic


def chord_contexts(mode: str, before: str, earlier: str, on_bar: bool) -> tuple[Context, ...]:
    """A chord, after two others ("" where there is none)."""
    return (mode, before, earlier, int(on_bar)), (mode, before, int(on_bar)), (mode, before), (mode,)


def change_contexts(beats: int, before: int, place: str) -> tuple[Context, ...]:
    """The beats of a bar on which chords start, as bits, after those of the bar before (0 at the start).

    The place is "inside", or for the last bar of a phrase what it ends (`place_name`).
    """
    return (beats, before, place), (beats, place), (beats,)


def bar_contexts(beats: int, bar: int, bars: int, place: str) -> tuple[Context, ...]:
    """Which bar the chords of a bar repeat; the place is that of `change_contexts`."""
    return (beats, min(bar, 16), min(bars, 16), place), (beats, bar % 4, int(bar < 4), place), (beats, place), (beats,)


def ending_contexts(mode: str, place: str) -> tuple[Context, ...]:
    """The roots of a phrase's last two chords, such as ``"7 0"``."""
    return (mode, place), (place,)


def _count_chords(grid: PhraseGrid, phrase: Phrase, counts: dict[str, Counts]) -> None:
    assert phrase.key is not None
    mode, tonic = mode_tonic(phrase.key)
    beats = grid.beats_per_bar
    inside = grid.chords[phrase.start_bar * beats : phrase.stop_bar * beats]
    symbols = [symbol_of(chord, tonic) for chord in inside]
    bars = [tuple(symbols[at : at + beats]) for at in range(0, len(symbols) - beats + 1, beats)]
    if not bars or all(symbol == "N" for symbol in symbols):
        return
    before, earlier, mask_before = "", "", 0
    for bar, row in enumerate(bars):
        place = place_name(phrase.is_section_end, bar == len(bars) - 1)
        if bar:
            lag = next((lag for lag in BAR_LAGS if lag <= bar and bars[bar - lag] == row), 0)
            counts["bar"].add(bar_contexts(beats, bar, len(bars), place), lag)
        mask = 1 + sum(1 << beat for beat in range(1, beats) if row[beat] != row[beat - 1])
        counts["change"].add(change_contexts(beats, mask_before, place), mask)
        mask_before = mask
        for beat, symbol in enumerate(row):
            if mask >> beat & 1 and symbol != "N":
                counts["chord"].add(chord_contexts(mode, before, earlier, beat == 0), symbol)
                if symbol != before:
                    before, earlier = symbol, before
    roots = [root for root, symbol in ((root_of(s), s) for s in symbols) if symbol != "N"]
    changed = [root for at, root in enumerate(roots) if not at or root != roots[at - 1]]
    if len(changed) > 1:
        contexts = ending_contexts(mode, place_name(phrase.is_section_end))
        counts["ending"].add(contexts, f"{changed[-2]} {changed[-1]}")


def clearer(weights: FloatArray, ends_section: bool) -> FloatArray:
    """Return weights ``(n,)`` of endings as they are drawn from, see `CLEARNESS`."""
    return weights**CLEARNESS if ends_section else weights


# --- rhythm -----------------------------------------------------------------------------------------------------------


def place_name(ends_section: bool, is_last: bool = True) -> str:
    """Return what the end of a phrase is called in contexts, or what comes before it."""
    return ("section" if ends_section else "phrase") if is_last else "inside"


def cell_lags(cells_per_bar: int) -> tuple[int, ...]:
    """Return the lags of a metre in cells, see `CELL_LAGS`."""
    lags = CELL_LAGS if cells_per_bar == 2 else [lag // 2 for lag in CELL_LAGS if lag % 2 == 0]
    return tuple(lags)


def relation_of(labels: Sequence[int], cell: int, cells_per_bar: int) -> int:
    """Return how far back a cell repeats a rhythm: 0 if it is new, -1 if at no lag of `cell_lags`."""
    if labels[cell] == cell:
        return 0
    lags = cell_lags(cells_per_bar)
    return next((lag for lag in lags if lag <= cell and labels[cell - lag] == labels[cell]), -1)


def relation_contexts(metre: int, cell: int, cells: int, before: int, place: str) -> tuple[Context, ...]:
    """How far back a cell repeats, after the same of the cell before; the last cells count from the end."""
    end = cells - 1 - cell
    if end < ENDING_CELLS:
        return (metre, place, end, before, cells), (metre, place, end, before), (metre, place, end), (metre,)
    place_in = min(cell, 32)
    return (metre, place_in, before, cells), (metre, place_in, before), (metre, cell % 8, before), (metre,)


def complexity_contexts(
    metre: int, cell: int, cells: int, before: int, density: int, place: str
) -> tuple[Context, ...]:
    """The number of onsets of a new cell, after that of the cell before (-1 at the start)."""
    end = cells - 1 - cell
    if end < ENDING_CELLS:
        where = f"{place} {end}"
        return (metre, where, density, before), (metre, where, density), (metre, where), (metre,)
    where = str(cell % 4)
    return (metre, density, where, before), (metre, density, where), (metre, density), (metre,)


def drift_contexts(metre: int, cell: int, cells: int, place: str) -> tuple[Context, ...]:
    """How many onsets more a repeated cell has than the one it repeats."""
    end = min(cells - 1 - cell, ENDING_CELLS)
    return (metre, end, place), (metre, end), (metre,)


def final_contexts(mode: str, place: str, root: int) -> tuple[Context, ...]:
    """The last note of a phrase, in semitones above the tonic, over the root of the chord under it."""
    return (mode, place, root), (mode, place), (mode,)


def close_contexts(metre: int, mode: str, place: str) -> tuple[Context, ...]:
    """Where the last note of a phrase begins: steps before the end, and the root under it, such as ``"16 0"``."""
    return (metre, mode, place), (metre, place), (metre,)


def duration_contexts(metre: int, wait: int, place: str) -> tuple[Context, ...]:
    """How long a note sounds that waits so many steps for the next; "inside", or the end of a phrase or section."""
    wait = min(wait, LONGEST_WAIT)
    return (metre, wait, place), (metre, wait), (wait,)


def _count_rhythm(grid: PhraseGrid, phrase: Phrase, counts: dict[str, Counts]) -> None:
    start, stop = phrase.start_bar * grid.steps_per_bar, phrase.stop_bar * grid.steps_per_bar
    notes = grid.notes_between(start, stop)
    onsets, durations = grid.onsets[notes] - start, grid.durations[notes]
    if not len(onsets):
        return
    size, metre, place = grid.segment_steps, grid.steps_per_bar, place_name(phrase.is_section_end)
    patterns = [pattern_of(onsets, at, size) for at in range(0, stop - start, size)]
    labels, cells = rhythm_labels(patterns, size), len(patterns)
    onsets_in = [pattern.bit_count() for pattern in patterns]
    density = density_of(onsets_in, size)
    counts["density"].add(((metre, place), (metre,)), density)
    relation = -2
    for cell in range(cells):
        before = onsets_in[cell - 1] if cell else -1
        relation_before, relation = relation, relation_of(labels, cell, metre // size)
        if cell:
            counts["relation"].add(relation_contexts(metre, cell, cells, relation_before, place), relation)
        if relation == 0 or cell >= cells - ENDING_CELLS:
            counts["complexity"].add(complexity_contexts(metre, cell, cells, before, density, place), onsets_in[cell])
        else:
            counts["drift"].add(drift_contexts(metre, cell, cells, place), onsets_in[cell] - onsets_in[labels[cell]])
    waits = np.diff(np.append(onsets, stop - start))
    for index, (wait, duration) in enumerate(zip(waits.tolist(), durations.tolist(), strict=True)):
        where = place_name(phrase.is_section_end, index == len(waits) - 1)
        counts["duration"].add(duration_contexts(metre, wait, where), min(duration, wait, LONGEST_WAIT))


def _count_final(grid: PhraseGrid, phrase: Phrase, counts: dict[str, Counts]) -> None:
    assert phrase.key is not None
    notes = grid.notes_between(phrase.start_bar * grid.steps_per_bar, phrase.stop_bar * grid.steps_per_bar)
    if notes.stop > notes.start:
        mode, tonic = mode_tonic(phrase.key)
        last = notes.stop - 1
        beat = int(grid.onsets[last]) // grid.steps_per_beat
        chord = grid.chords[beat] if beat < len(grid.chords) else None
        place, root = place_name(phrase.is_section_end), root_of(symbol_of(chord, tonic))
        counts["final"].add(final_contexts(mode, place, root), (int(grid.pitches[last]) - tonic) % 12)
        left = phrase.stop_bar * grid.steps_per_bar - int(grid.onsets[last])
        if left <= CLOSING_BARS * grid.steps_per_bar:
            counts["close"].add(close_contexts(grid.steps_per_bar, mode, place), f"{left} {root}")


def density_of(onsets: Sequence[int], cell_steps: int) -> int:
    """Return the class of a phrase's onsets a cell: 0 sparse, 1 middle, 2 dense; a cell of 8 steps has mean 2.8."""
    mean = sum(onsets) / max(1, len(onsets)) * 8 / cell_steps
    return 0 if mean < 2.2 else 1 if mean < 3.3 else 2
