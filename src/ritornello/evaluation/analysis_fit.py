"""Fits the tables of `analysis/parameters.json` on the train split of POP909, and on band files.

``python -m ritornello.evaluation.analysis_fit pop909.zip band-midi.zip`` rewrites the file. No annotation of the
validation or test split is read. Band files (`datasets.band_midi`) teach what POP909 has not: drums, and
which of many instruments has the tune; of them only those in 4/4 throughout are used for bars, and those with exactly
one part named as melody or voice for roles.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis import parameters
from ritornello.analysis.chords import (
    RECOGNISED,
    find_chords,
    from_each_root,
    pitch_class_features,
)
from ritornello.analysis.grid import find_bar_grid, tatum_phase
from ritornello.analysis.grid_features import metrical_features, nearest_sixteenth
from ritornello.analysis.key import from_each_tonic, key_features, key_histograms
from ritornello.analysis.melody import note_features
from ritornello.analysis.roles import part_features, with_roles
from ritornello.datasets.band_midi import BandMidi
from ritornello.datasets.pop909 import Pop909, Pop909Song
from ritornello.datasets.pop909_alignment import Alignment, align
from ritornello.errors import ReadError
from ritornello.evaluation.log_linear import fit_choice
from ritornello.files import write_bytes
from ritornello.score import Song
from ritornello.score.midi_reader import read_midi
from ritornello.score.timeline import TICKS_PER_QUARTER, TICKS_PER_SIXTEENTH

WINDOW_BARS, WINDOW_STRIDE = 8, 6
"""Windows whose phase the bar weights must tell, and their distance, in bars."""

BAND_BARS_WEIGHT = 0.3
"""Weight of a band file against a POP909 song where bars are learned: its time signature is only mostly right."""

BAND_FILES = 400
"""Most band files that are used for bars, the first in order of their names."""

_TUNE_NAME = re.compile(r"melod|vocal|vox|voice|sing|canto|voz|gesang|\bvoc\b|^lead$", re.IGNORECASE)
_OTHER_VOICE = re.compile(r"back|harm|choir|oohs|bkg|bg|2", re.IGNORECASE)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Example:
    """A song of POP909: its annotations, its MIDI file, and the way from one to the other."""

    reference: Pop909Song
    song: Song
    alignment: Alignment

    def file_ticks(self, sixteenths: IntArray) -> IntArray:
        """Return where places of the structure grid are in the file, in song ticks (offset of the earlier note)."""
        index = np.searchsorted(self.alignment.onsets, sixteenths, side="right") - 1
        offsets = self.alignment.offsets[np.maximum(index, 0)]
        return np.maximum.accumulate((sixteenths + offsets) * TICKS_PER_SIXTEENTH)


def examples(dataset: Pop909) -> Iterator[Example]:
    """Yield the songs of the train split that align."""
    for id in dataset.split("train"):
        reference = dataset.load(id)
        alignment = align(reference)
        if alignment.is_reliable:
            yield Example(reference, with_roles(read_midi(reference.midi_bytes, f"{id}.mid"))[0], alignment)


def band_songs(path: Path) -> Iterator[Song]:
    """Yield the readable files of a `BandMidi` data set, in order of their names."""
    dataset = BandMidi(path)
    for id in dataset.ids:
        with suppress(ReadError):
            yield dataset.load(id)


def fit_bars(songs: Iterable[Example], band: Iterable[Song]) -> dict[str, Any]:
    """Fit the weights of places in the bar: which of the 16 (or 12) phases has a window of eight bars?"""
    windows: dict[int, list[FloatArray]] = {16: [], 12: []}
    phases: dict[int, list[int]] = {16: [], 12: []}
    weights: dict[int, list[float]] = {16: [], 12: []}

    def add(song: Song, bar_ticks: IntArray, length: int, weight: float) -> None:
        features, origin = _features(song)
        found = list(_windows(features, nearest_sixteenth(bar_ticks, origin), length))
        for window, phase in found:
            windows[length].append(window)
            phases[length].append(phase)
            weights[length].append(weight / len(found))

    for example in songs:
        length = 4 * example.reference.beats_per_bar
        bars = -(-len(example.reference.chord_tones) // example.reference.beats_per_bar)
        add(example.song, example.file_ticks(np.arange(bars, dtype=np.int64) * length), length, 1.0)
    for count, song in enumerate(song for song in band if _is_plain(song)):
        if count == BAND_FILES:
            break
        add(with_roles(song)[0], song.bar_lines[:-1], 16, BAND_BARS_WEIGHT)

    result: dict[str, Any] = {}
    towards: FloatArray | None = None
    for length, penalty in ((16, 5e-4), (12, 3e-2)):
        sums = np.stack(windows[length]).astype(np.float32)
        seen = np.stack([np.roll(sums, -phase, axis=1) for phase in range(length)], axis=1)
        fitted, _ = fit_choice(
            seen.reshape(len(sums), length, -1), np.array(phases[length]), penalty,
            sample_weight=np.array(weights[length]), towards=towards, iterations=60,
        )  # fmt: skip
        by_place = fitted.reshape(length, -1)
        result[f"bar_weights_{length}"] = np.round(by_place, 4).tolist()
        # Few songs are in threes: their weights start from those of the first, and of the second and fourth, beat.
        weak = (by_place[4:8] + by_place[-4:]) / 2
        towards = np.concatenate([by_place[:4], weak, weak]).reshape(-1, 1)
    return result


def _is_plain(song: Song) -> bool:
    pitched = sum(len(part.notes) for part in song.parts if not part.is_drums)
    return [str(meter) for meter in song.meters] == ["4/4"] and pitched > 200 and 16 <= song.bars <= 200


def _features(song: Song) -> tuple[FloatArray, int]:
    onsets = np.concatenate([part.notes["onset"] for part in song.parts])
    phase, _ = tatum_phase(onsets)
    origin = (int(onsets.min()) - phase) // TICKS_PER_SIXTEENTH * TICKS_PER_SIXTEENTH + phase
    length = (max(part.end for part in song.parts) - origin) // TICKS_PER_SIXTEENTH + 2
    return metrical_features(song.parts, origin, length), origin


def _windows(features: FloatArray, downbeats: IntArray, length: int) -> Iterator[tuple[FloatArray, int]]:
    """Yield sums over windows ``(length, K)`` in which all bars have one phase, with that phase."""
    size = WINDOW_BARS * length
    for start in range(0, len(features) - size - length, WINDOW_STRIDE * length):
        inside = downbeats[(downbeats >= start) & (downbeats < start + size)]
        phases = np.unique((inside - start) % length)
        if len(inside) >= WINDOW_BARS - 1 and len(phases) == 1:
            yield features[start : start + size].reshape(WINDOW_BARS, length, -1).sum(axis=0), int(phases[0])


def fit_chords(songs: Iterable[Example], beats_per_song: int = 40, seed: int = 1) -> dict[str, Any]:
    """Fit what each beat says about its chord, and count which chord follows which and where chords change."""
    rng = np.random.default_rng(seed)
    features, roots, qualities = [], [], []
    following = np.full((len(RECOGNISED), 12, len(RECOGNISED)), 0.3)
    changes = {3: np.zeros(3), 4: np.zeros(4)}
    bars = {3: 0.0, 4: 0.0}
    for example in songs:
        root, quality = _chord_per_beat(example.reference)
        per_bar = example.reference.beats_per_bar
        edges = example.file_ticks(np.arange(len(root) + 1, dtype=np.int64) * 4)
        seen = pitch_class_features(example.song.parts, edges)
        known = np.flatnonzero(root >= 0)
        chosen = rng.choice(known, min(beats_per_song, len(known)), replace=False)
        features.append(seen[chosen])
        roots.append(root[chosen])
        qualities.append(quality[chosen])
        bars[per_bar] += len(root) / per_bar
        for beat in np.flatnonzero((np.diff(root) != 0) | (np.diff(quality) != 0)) + 1:
            changes[per_bar][beat % per_bar] += 1
            if root[beat - 1] >= 0 and root[beat] >= 0:
                following[quality[beat - 1], (root[beat] - root[beat - 1]) % 12, quality[beat]] += 1
    from_roots = from_each_root(np.concatenate(features))
    mean = from_roots.mean(axis=(0, 1))
    weights, bias = fit_choice(
        from_roots - mean, np.concatenate(roots), 1e-4, len(RECOGNISED), np.concatenate(qualities)
    )
    return {
        "chord_weights": np.round(weights, 4).tolist(),
        "chord_bias": np.round(bias, 4).tolist(),
        "chord_mean": np.round(mean, 5).tolist(),
        "chord_following": np.round(following / following.sum(axis=(1, 2), keepdims=True), 6).tolist(),
        "chord_change_3": np.round(changes[3] / max(bars[3], 1), 4).tolist(),
        "chord_change_4": np.round(changes[4] / max(bars[4], 1), 4).tolist(),
    }


_NEAREST = {
    "min9": "min7", "maj9": "maj7", "9": "7", "minadd9": "min", "min6": "min", "minmaj7": "min", "min11": "min7",
    "13": "7", "aug7": "aug", "11": "7", "5": "maj",
}  # fmt: skip


def _chord_per_beat(reference: Pop909Song) -> tuple[IntArray, IntArray]:
    """Root (-1 without chord) and index of the recognised quality of each beat."""
    beats = len(reference.chord_tones)
    root, quality = np.full(beats, -1), np.zeros(beats, dtype=np.int64)
    for span in reference.song.chords:
        inside = slice(span.onset // TICKS_PER_QUARTER, span.end // TICKS_PER_QUARTER)
        root[inside] = span.chord.root
        quality[inside] = RECOGNISED.index(_NEAREST.get(span.chord.quality, span.chord.quality))
    return root, quality


def fit_keys(songs: Iterable[Example], seed: int = 0) -> dict[str, Any]:
    """Fit the key profiles on songs with one listed key: the whole song, and three windows of 16 bars each."""
    rng = np.random.default_rng(seed)
    histograms, tonics, modes, weights = [], [], [], []
    for example in songs:
        if not example.reference.is_one_key:
            continue
        song = find_bar_grid(example.song).song
        bars = key_histograms(song, find_chords(song)[0])
        rows = [(bars.sum(axis=0), 1.0)]
        if len(bars) > 24:
            starts = rng.integers(0, len(bars) - 16, 3)
            rows += [
                (window, 0.33) for start in starts if (window := bars[start : start + 16].sum(axis=0))[:, 0].sum() > 4
            ]
        key = example.reference.keys[0]
        for histogram, weight in rows:
            histograms.append(histogram)
            tonics.append(key.tonic)
            modes.append(int(key.mode == "minor"))
            weights.append(weight)
    seen = from_each_tonic(key_features(np.stack(histograms)))
    mean, deviation = seen.mean(axis=(0, 1)), seen.std(axis=(0, 1)) + 1e-9
    fitted, bias = fit_choice((seen - mean) / deviation, np.array(tonics), 3e-3, 2, np.array(modes), np.array(weights))
    profiles = (fitted / deviation[:, None]).T
    return {"key_weights": np.round(profiles, 4).tolist(), "key_bias": np.round(bias - profiles @ mean, 4).tolist()}


def fit_melody_part(songs: Iterable[Example], band: Iterable[Song]) -> dict[str, Any]:
    """Fit which part has the tune; band files count only where exactly one part's name says it."""
    candidates: list[FloatArray] = []
    chosen: list[int] = []

    def add(song: Song, part: int) -> None:
        seen = part_features(song.parts)
        if not np.isnan(seen[part]).any():
            candidates.append(seen)
            chosen.append(part)

    for example in songs:
        add(example.song, [part.name for part in example.song.parts].index("MELODY"))
    for song in band:
        named = [
            index
            for index, part in enumerate(song.parts)
            if _TUNE_NAME.search(part.name) and not _OTHER_VOICE.search(part.name)
            and len(part.notes) > 60 and not part.is_drums
        ]  # fmt: skip
        if len(named) == 1 and len(song.parts) > 2:
            add(song, named[0])
    most = max(len(seen) for seen in candidates)
    padded = np.stack([np.pad(c, ((0, most - len(c)), (0, 0)), constant_values=np.nan) for c in candidates])
    mean, deviation = np.nanmean(padded, axis=(0, 1)), np.nanstd(padded, axis=(0, 1))
    weights, _ = fit_choice((padded - mean) / deviation, np.array(chosen), 1e-3)
    return {
        "melody_part_weights": np.round(weights[:, 0], 4).tolist(),
        "melody_part_mean": np.round(mean, 4).tolist(),
        "melody_part_deviation": np.round(deviation, 4).tolist(),
    }


def fit_melody_notes(songs: Iterable[Example], count: int = 200, seed: int = 0) -> dict[str, Any]:
    """Fit which notes of a part that mixes all voices belong to the tune; in half of the songs without dynamics."""
    rng = np.random.default_rng(seed)
    features, is_tune = [], []
    for _, example in zip(range(count), songs, strict=False):
        for left_out in (None, "BRIDGE"):
            parts = [part for part in example.song.parts if part.name != left_out]
            notes = np.concatenate([part.notes for part in parts])
            tune = np.concatenate([np.full(len(part.notes), part.name == "MELODY") for part in parts])
            order = np.lexsort((notes["duration"], notes["pitch"], notes["onset"]))
            notes, tune = notes[order], tune[order]
            if rng.random() < 0.5:
                notes["velocity"] = 80
            features.append(note_features(notes)[::3])
            is_tune.append(tune[::3])
    seen = np.concatenate(features)
    mean, deviation = seen.mean(axis=0), seen.std(axis=0)
    ones = np.column_stack([(seen - mean) / deviation, np.ones(len(seen))])
    pairs = np.stack([np.zeros_like(ones), ones], axis=1)  # candidate 0 is "no note of the tune"
    fitted, _ = fit_choice(pairs, np.concatenate(is_tune).astype(np.int64), 1e-4)
    weights = fitted[:-1, 0] / deviation
    return {
        "melody_note_weights": np.round(weights, 4).tolist(),
        "melody_note_bias": round(float(fitted[-1, 0] - weights @ mean), 4),
    }


def main(data: Path, band: Path, say: Callable[[str], None] = print) -> None:
    """Fit every table, each on songs heard with the tables fitted before it, and rewrite `parameters.json`."""
    assert parameters.__file__ is not None
    path = Path(parameters.__file__).with_name("parameters.json")
    tables: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def keep(name: str, fitted: dict[str, Any]) -> None:
        tables.update(fitted)
        parameters.use(tables)
        say(f"{name}: {', '.join(f'{key} {np.shape(value)}' for key, value in fitted.items())}")

    dataset, bands = Pop909(data), list(band_songs(band))
    train = list(examples(dataset))
    say(f"{len(train)} songs, {len(bands)} band files")
    keep("melody parts", fit_melody_part(train, bands))
    keep("melody notes", fit_melody_notes(train))
    keep("bars", fit_bars(train, bands))
    keep("chords", fit_chords(train))
    keep("keys", fit_keys(train))
    write_bytes(path, (json.dumps(tables) + "\n").encode())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m ritornello.evaluation.analysis_fit POP909 BAND (each a folder or zip)")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
