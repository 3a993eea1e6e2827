"""Pairs of recordings, into and out of an optical compressor, listed in a ``pairs.csv``: a path in, aligned Audio out.

The layout is that of the pack ``la2a-clips.zip``: a folder or zip with a ``pairs.csv`` whose columns ``id``, ``input``,
``target`` name the files, ``device``, ``mode`` (compress or limit) and ``peak_reduction`` (0 to 100) the setting
where it is known, ``target_lag_samples`` the place of the target in relation to the input (negative: it is early) and
``polarity`` whether it is inverted. Other columns are not read.
"""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass
from typing import Any

from ritornello.datasets.archive import Archive
from ritornello.errors import ReadError
from ritornello.sound import Audio
from ritornello.sound.audio import MAX_AUDIO_BYTES, decode_audio

TABLE = "pairs.csv"

_MODES = ("compress", "limit")
_COLUMNS = ("id", "input", "target")


@dataclass(frozen=True)
class ClipPair:
    """One recording and what the hardware made of it, aligned and of equal length.

    Attributes:
        id: its name in the table.
        device: the hardware, or an empty text.
        mode: ``compress`` or ``limit``; None if the table does not tell.
        peak_reduction: the knob, 0 to 100; None if the table does not tell.
        source: the input.
        target: the hardware's output, not inverted.
    """

    id: str
    device: str
    mode: str | None
    peak_reduction: float | None
    source: Audio
    target: Audio


class LevellerClips:
    """A folder or zip with a ``pairs.csv``.

    Args:
        path: the folder or the zip.

    Attributes:
        ids: the names of all pairs, in the order of the table.

    Raises:
        ReadError: if there is no table, or a row of it is damaged.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.archive = Archive(path, marker=TABLE)
        label = f"{self.archive.path}: {TABLE}"
        try:
            rows = list(csv.DictReader(io.StringIO(self.archive.read_text(TABLE), newline="")))
        except csv.Error as error:
            raise ReadError(f"{label}: damaged, no table ({error})") from None
        if not rows:
            raise ReadError(f"{label}: lists no pair")
        self._rows: dict[str, dict[str, Any]] = {}
        for number, row in enumerate(rows, start=2):
            entry = _checked(row, f"{label}: line {number}")
            if entry["id"] in self._rows:
                raise ReadError(f"{label}: line {number}: id {entry['id'][:60]!r} stands there twice")
            self._rows[entry["id"]] = entry
        self.ids = tuple(self._rows)

    def with_known_setting(self) -> tuple[str, ...]:
        """Return the ids of the pairs whose mode and Peak Reduction the table tells."""
        return tuple(i for i, row in self._rows.items() if row["mode"] and row["peak_reduction"] is not None)

    def load(self, id: str) -> ClipPair:
        """Return one pair, aligned: what only one of both files covers is cut off.

        Raises:
            ReadError: if there is no such pair, a file cannot be read, or both do not fit together.
        """
        if id not in self._rows:
            raise ReadError(f"{self.archive.path}: no pair '{id}'; there are {', '.join(self.ids[:8])}")
        row = self._rows[id]
        source, target = (
            decode_audio(self.archive.read(row[name], MAX_AUDIO_BYTES), f"{self.archive.path}: {row[name]}")
            for name in ("input", "target")
        )
        if (source.sample_rate, source.channels) != (target.sample_rate, target.channels):
            raise ReadError(f"{self.archive.path}: pair '{id}': input and target differ in sample rate or channels")
        lag = row["lag"]
        first, second = source.samples[:, max(-lag, 0) :], target.samples[:, max(lag, 0) :] * row["polarity"]
        frames = min(first.shape[1], second.shape[1])
        if not frames:
            raise ReadError(f"{self.archive.path}: pair '{id}': nothing is left after aligning by {lag} samples")
        rate = source.sample_rate
        return ClipPair(
            id, row["device"], row["mode"], row["peak_reduction"], Audio(first[:, :frames], rate),
            Audio(second[:, :frames], rate),
        )  # fmt: skip


def _checked(row: dict[str, Any], label: str) -> dict[str, Any]:
    texts = {
        name: (value or "").strip()
        for name, value in row.items()
        if isinstance(name, str) and not isinstance(value, list)
    }
    for name in _COLUMNS:
        if not texts.get(name):
            raise ReadError(f"{label}: has no '{name}'")
    for name in ("input", "target"):
        if ".." in texts[name].split("/") or texts[name].startswith(("/", "\\")):
            raise ReadError(f"{label}: {texts[name][:60]!r} is not a file of the data set")
    mode = texts.get("mode", "").lower() or None
    if mode is not None and mode not in _MODES:
        raise ReadError(f"{label}: mode {mode[:20]!r} is neither compress nor limit")
    try:
        knob = float(texts["peak_reduction"]) if texts.get("peak_reduction") else None
        lag = int(texts.get("target_lag_samples") or 0)
        polarity = int(texts.get("polarity") or 1)
    except ValueError:
        raise ReadError(f"{label}: peak_reduction, target_lag_samples or polarity is no number") from None
    if knob is not None and not 0 <= knob <= 100:
        raise ReadError(f"{label}: peak_reduction {knob:g} is out of range; it goes from 0 to 100")
    if polarity not in (-1, 1):
        raise ReadError(f"{label}: polarity {polarity} is neither 1 nor -1")
    return {
        "id": texts["id"], "input": texts["input"], "target": texts["target"], "device": texts.get("device", ""),
        "mode": mode, "peak_reduction": knob, "lag": lag, "polarity": polarity,
    }  # fmt: skip
