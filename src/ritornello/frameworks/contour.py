"""Contours: a drawn curve over a phrase, and how far a basic melody is from it.

After the contour control of Dai, Jin, Gomes and Dannenberg, *Controllable deep melody generation via hierarchical music
structure representation* (ISMIR 2021); the formula is our design. The error is the dynamic-time-warping distance
(Sakoe and Chiba, 1978) of two curves, each about its own mean, in semitones a cell: local cost |difference|, cost 1 for
an insertion or deletion, window ± 2 cells. A warp lets a peak come a cell early or late at little cost.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.errors import ArgumentError, ReadError
from ritornello.files import read_bytes

FloatArray = NDArray[np.float64]

STEP_COST = 1.0
"""What an insertion or deletion costs, in semitones."""

WINDOW = 2
"""Furthest, in cells, that a cell is compared with another."""

RANGE_SEMITONES = 9.0
"""From the lowest to the highest point of a curve that is drawn on a scale of its own."""

MAX_POINTS = 1_000
"""Most points of a drawn curve."""

_MAX_FILE_BYTES = 256 * 1024

NAMED: dict[str, Callable[[FloatArray], FloatArray]] = {
    "rise": lambda x: x,
    "fall": lambda x: 1 - x,
    "arch": lambda x: np.sin(np.pi * x),
    "valley": lambda x: 1 - np.sin(np.pi * x),
    "wave": lambda x: 0.5 + 0.5 * np.sin(2 * np.pi * x),
    "flat": lambda x: np.zeros_like(x),
}
"""Curves by name, over 0..1."""


def named_contour(name: str, cells: int) -> tuple[float, ...]:
    """Return a named curve as one value (0..1) a cell.

    Raises:
        ArgumentError: if there is none of that name; the message lists them.
    """
    if name not in NAMED:
        raise ArgumentError(f"contour '{name[:40]}' is unknown; use one of {', '.join(NAMED)}, numbers or a file")
    places = np.linspace(0, 1, cells) if cells > 1 else np.zeros(1)
    return tuple(round(float(value), 3) + 0.0 for value in NAMED[name](places))


def parse_curve(text: str) -> str | tuple[float, ...]:
    """Read what a person gives for a curve: one of `NAMED`, numbers such as ``0,3,5,2``, or a file of numbers.

    Raises:
        ArgumentError: if it is none of these.
        ReadError: if the file holds no curve.
    """
    text = text.strip()
    if text in NAMED:
        return text
    if text.lower().endswith((".csv", ".json", ".txt")):
        return read_curve(text)
    try:
        values = tuple(float(part) for part in text.replace(";", ",").split(","))
    except ValueError:
        raise ArgumentError(
            f"contour '{text[:40]}' is none of {', '.join(NAMED)}, no numbers such as 0,3,5,2, no .csv or .json"
        ) from None
    return _checked(values, f"contour '{text[:40]}'", ArgumentError)


def read_curve(path: str | os.PathLike[str]) -> tuple[float, ...]:
    """Read a curve from a file: a JSON list of numbers, or CSV whose last column has them (a header line is skipped).

    Raises:
        ReadError: naming the file, if it cannot be read or holds something else.
    """
    data = read_bytes(path, _MAX_FILE_BYTES)
    try:
        text = data.decode("utf-8-sig")
        if os.fspath(path).lower().endswith(".json"):
            values = json.loads(text)
            if not isinstance(values, list) or any(type(value) not in (int, float) for value in values):
                raise ReadError(f"{path}: no curve; write a list of numbers such as [0, 3, 5, 2]")
            return _checked(tuple(float(value) for value in values), str(path), ReadError)
        return _checked(_csv_values(text, str(path)), str(path), ReadError)
    except ReadError:
        raise
    except (ValueError, RecursionError, OverflowError, csv.Error) as error:
        raise ReadError(f"{path}: holds no curve ({str(error)[:80]})") from None


def _csv_values(text: str, name: str) -> tuple[float, ...]:
    rows = [row for row in csv.reader(io.StringIO(text)) if any(part.strip() for part in row)]
    if len(rows) == 1 and len(rows[0]) > 2:  # all points on one line
        rows = [[part] for part in rows[0]]
    values = []
    for number, row in enumerate(rows):
        try:
            values.append(float(row[-1]))
        except ValueError:
            if number:
                raise ReadError(f"{name}: line {number + 1}: '{row[-1][:20]}' is no number") from None
    return tuple(values)


def _checked(values: tuple[float, ...], name: str, kind: type[ArgumentError] | type[ReadError]) -> tuple[float, ...]:
    if len(values) < 2:
        raise kind(f"{name}: a curve needs at least two points")
    if len(values) > MAX_POINTS:
        raise kind(f"{name}: {len(values)} points; at most {MAX_POINTS} are read")
    if not all(math.isfinite(value) and abs(value) <= 1e9 for value in values):
        raise kind(f"{name}: a point of the curve is no finite number")
    return values


def resampled(values: Sequence[float], cells: int) -> tuple[float, ...]:
    """Return a curve as one value a cell, read off evenly from its first point to its last; as it is where they fit."""
    if len(values) == cells:
        return tuple(values)
    places = np.linspace(0, len(values) - 1, cells) if cells > 1 else np.zeros(1)
    return tuple(round(float(value), 3) + 0.0 for value in np.interp(places, np.arange(len(values)), values))


def in_semitones(values: Sequence[float | None]) -> FloatArray:
    """Return a drawn curve in semitones about its mean: its range becomes `RANGE_SEMITONES`, a level one stays level.

    Args:
        values: one a cell; None where nothing is drawn.

    Returns:
        float64 ``(cells,)``, NaN where nothing is drawn.
    """
    curve = np.array([math.nan if value is None else value for value in values], np.float64)
    known = curve[~np.isnan(curve)]
    if not len(known):
        return curve
    spread = float(np.ptp(known))
    scaled: FloatArray = (curve - known.mean()) * (RANGE_SEMITONES / spread if spread > 1e-9 else 0.0)
    return scaled


def contour_error(pitches: ArrayLike, curve: ArrayLike) -> float:
    """Return how far a basic melody is from a curve, in semitones a cell; see `contour_errors`."""
    return float(contour_errors(np.asarray(pitches, np.float64)[None], curve)[0])


def contour_errors(pitches: ArrayLike, curve: ArrayLike) -> FloatArray:
    """Return how far basic melodies are from a curve, both taken about their means.

    Args:
        pitches: ``(melodies, cells)`` MIDI pitches, 0 or NaN where nothing sounds.
        curve: ``(at least cells,)`` semitones, NaN where nothing is drawn; further cells are left out.

    Returns:
        float64 ``(melodies,)``: DTW distance divided by the number of compared cells; 0 where none can be compared.
    """
    rows = np.asarray(pitches, np.float64)
    wanted = np.asarray(curve, np.float64)[: rows.shape[1]]
    drawn = ~np.isnan(wanted)
    rows, wanted = rows[:, drawn], wanted[drawn]
    cells = len(wanted)
    if not cells:
        return np.zeros(len(rows))
    sounding = (rows > 0) & ~np.isnan(rows)
    count = np.maximum(sounding.sum(1), 1)
    means = np.where(sounding, rows, 0).sum(1) / count
    # A silent cell is compared as if it stayed at the mean: it neither follows the curve nor leaves it.
    centred = np.where(sounding, rows - means[:, None], 0.0)
    return _warped(centred, wanted - wanted.mean()) / cells


def _warped(rows: FloatArray, curve: FloatArray) -> FloatArray:
    """Return the DTW distance of each row ``(melodies, cells)`` from a curve ``(cells,)`` of the same length."""
    number, cells = rows.shape
    before = np.full((number, cells + 1), np.inf)
    before[:, 0] = 0.0
    before[:, 1 : WINDOW + 1] = STEP_COST * np.arange(1, min(WINDOW, cells) + 1)
    for i in range(1, cells + 1):
        now = np.full((number, cells + 1), np.inf)
        if i <= WINDOW:
            now[:, 0] = STEP_COST * i
        for j in range(max(1, i - WINDOW), min(cells, i + WINDOW) + 1):
            cost = np.abs(rows[:, i - 1] - curve[j - 1])
            best = np.minimum(before[:, j - 1], np.minimum(before[:, j], now[:, j - 1]) + STEP_COST)
            now[:, j] = cost + best
        before = now
    return before[:, cells]
