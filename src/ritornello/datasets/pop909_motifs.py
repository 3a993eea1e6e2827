"""POP909 with motif labels: which bars of the accompaniment are occurrences of one motif, rebuilt from two MIDI files.

Data: Wu et al., *Motif-Centric Representation Learning for Symbolic Music* (arXiv 2309.10597): for 80 songs a MIDI file
whose notes are spans of motifs, the pitch a motif's number in that song. Music is the third track, PIANO. Time is
counted in quarter notes of the song's file from its first beat (``beat_midi.txt``).

Bars are cut in three ways (`Build`): ``bar`` by four beats from the first; ``paper`` as the authors' program does,
whose counter of bars goes on by one wherever a note leaves its bar, so that it lags after empty bars; ``grid`` as
``bar``, from true downbeats. Their songs are shared with the POP909 pack of 818.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ritornello.datasets.archive import Archive
from ritornello.datasets.pop909 import Pop909
from ritornello.errors import ArgumentError, ReadError
from ritornello.score import smf
from ritornello.score.midi_notes import raw_parts

Build = Literal["bar", "paper", "grid"]
BUILDS: tuple[Build, ...] = ("bar", "paper", "grid")

BAR_QUARTERS = 4
ROUNDING = 32
"""Onsets and offsets are rounded to so many parts of a quarter note."""

COVER = 0.75
"""A bar belongs to a motif whose labels cover more than this share of it."""

UNLABELLED = ("034", "062")
"""Songs of the label set that nobody labelled."""

VALIDATION = tuple(f"{number:03d}" for number in range(1, 21))
"""The authors' validation songs; those of them that are labelled and present count."""

HELD_OUT = ("025", "035", "045", "055", "065", "075")
"""Training songs on which models are chosen, so that validation is looked at once."""

Split = Literal["train", "held_out", "learn", "validation", "all"]
"""``train`` is ``learn`` and ``held_out`` together."""

Column = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SongNotes:
    """A song's accompaniment.

    Attributes:
        id: three digits.
        onset: float64 ``(n,)`` quarter notes from the song's origin, exact, negative before it.
        offset: float64 ``(n,)`` quarter notes.
        pitch: int64 ``(n,)`` MIDI.
        origin: the first beat, in quarter notes from the file's start.
    """

    id: str
    onset: Column
    offset: Column
    pitch: NDArray[np.int64]
    origin: float


@dataclass(frozen=True, eq=False)
class MotifBar:
    """A bar, as an item of the retrieval test or of training.

    Attributes:
        song: three digits.
        number: of the bar, from 0.
        onset: float64 ``(n,)`` quarter notes from the bar line; of the ``paper`` build also outside the bar.
        duration: float64 ``(n,)`` quarter notes.
        pitch: int64 ``(n,)`` MIDI.
        motif: the motif's number in its song, from 1 in order of appearance; 0 for none.
    """

    song: str
    number: int
    onset: Column
    duration: Column
    pitch: NDArray[np.int64]
    motif: int = 0


class Pop909Motifs:
    """The labels and the music they belong to.

    Args:
        labels: folder or zip of ``NNN.mid`` files of labels, or a folder that holds it, and perhaps the music too.
        music: folder or zip in the layout of the POP909 pack; if left out it is looked for inside ``labels`` and beside
            it, by the names ``pop909.zip``, ``pop909`` and ``POP909``.

    Raises:
        ReadError: if labels or music are not found, or are of another layout.
    """

    def __init__(self, labels: str | os.PathLike[str], music: str | os.PathLike[str] | None = None) -> None:
        self.labels = _label_archive(Path(labels))
        self.music = _music(Path(labels), None if music is None else Path(music))
        names = {Path(name).stem for name in self.labels.children("") if name.endswith(".mid")}
        self.ids: tuple[str, ...] = tuple(sorted(names & set(self.music.ids) - set(UNLABELLED)))
        if not self.ids:
            raise ReadError(f"{self.labels.path}: none of its songs is in {self.music.archive.path}")

    def split(self, name: Split) -> tuple[str, ...]:
        """Return the labelled songs of a split.

        Raises:
            ArgumentError: if the name is unknown.
        """
        validation = [id for id in self.ids if id in VALIDATION]
        held_out = [id for id in self.ids if id in HELD_OUT]
        learn = [id for id in self.ids if id not in VALIDATION and id not in HELD_OUT]
        splits = {"train": sorted(learn + held_out), "held_out": held_out, "learn": learn}
        splits |= {"validation": validation, "all": list(self.ids)}
        if name not in splits:
            raise ArgumentError(f"split '{name}' is unknown; use one of {', '.join(splits)}")
        return tuple(splits[name])

    def pool(self) -> tuple[str, ...]:
        """Return the songs whose bars are learned from without labels: training songs that are not in validation."""
        return tuple(id for id in self.music.split("train") if id not in VALIDATION)

    def notes(self, id: str, track: int = 2) -> SongNotes:
        """Return one part of a song, its notes in order of onset and pitch.

        Args:
            id: three digits.
            track: which instrument: 0 MELODY, 1 BRIDGE, 2 PIANO.

        Raises:
            ArgumentError: if the song is not in the data.
            ReadError: if a file is missing or damaged, or has fewer instruments.
        """
        name = f"{id}.mid"
        file = smf.parse(self.music.midi_bytes(id), name)
        parts = raw_parts(file, name)
        if track >= len(parts):
            raise ReadError(f"{name}: has {len(parts)} tracks with notes, the accompaniment is the third")
        part = parts[track]
        origin = self.origin(id, file)
        onset = part.onset / file.ticks_per_quarter - origin
        offset = part.end / file.ticks_per_quarter - origin
        order = np.lexsort((part.pitch, _rounded(onset)))
        return SongNotes(id, onset[order], offset[order], part.pitch[order], origin)

    def origin(self, id: str, file: smf.MidiFile) -> float:
        """Return the first beat of a song, in quarter notes from its file's start.

        Raises:
            ReadError: if the beat file does not begin with a number.
        """
        place = f"POP909/{id}/beat_midi.txt"
        text = self.music.archive.read_text(place)
        try:
            seconds = float(text.split(None, 1)[0])
        except (ValueError, IndexError):
            raise ReadError(f"{self.music.archive.path}: {place}: does not begin with a time in seconds") from None
        tempi = (meta for track in file.tracks for meta in track.metas if meta.kind == smf.SET_TEMPO)
        first = min(tempi, key=lambda meta: meta.tick, default=None)
        microseconds = 500_000 if first is None else int.from_bytes(first.data[:3], "big")
        return seconds * 1e6 / microseconds

    def grid_shift(self, id: str, origin: float) -> int:
        """Return how many quarter notes (0..3) after the origin a true downbeat of the structure grid stands.

        Raises:
            ReadError: if the song's structure files or MIDI cannot be read.
        """
        from ritornello.datasets.pop909_alignment import align

        offset = align(self.music.load(id)).constant_offset
        return round(offset / 4 - origin) % BAR_QUARTERS

    def labelled(self, ids: Sequence[str], build: Build = "bar") -> list[MotifBar]:
        """Return the bars of songs that belong to a motif; equal bars of one motif are there once.

        Raises:
            ArgumentError: if a song has no labels.
            ReadError: if a file is missing or damaged.
        """
        items: list[MotifBar] = []
        for id in ids:
            if id not in self.ids:
                raise ArgumentError(f"song '{id[:20]}' has no motif labels in {self.labels.path}")
            notes = self.notes(id)
            start, end, motif = self._spans(id, notes.origin)
            shift = float(self.grid_shift(id, notes.origin)) if build == "grid" else 0.0
            numbers: dict[int, int] = {}
            seen: set[tuple[int, bytes]] = set()
            for bar in _bars(notes, shift, chunks=build == "paper"):
                line = shift + BAR_QUARTERS * bar.number
                own = _motif_of(line, start, end, motif)
                if own is None:
                    continue
                number = numbers.setdefault(own, len(numbers) + 1)
                key = number, _frames_key(bar)
                if key not in seen:
                    seen.add(key)
                    items.append(MotifBar(bar.song, bar.number, bar.onset, bar.duration, bar.pitch, number))
        return items

    def bars(
        self,
        ids: Sequence[str],
        track: int = 2,
        least_notes: int = 3,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[MotifBar]:
        """Return all bars of songs with as many notes, without labels, by ``bar``'s rule.

        Raises:
            ReadError: if a file is missing or damaged.
        """
        items: list[MotifBar] = []
        for done, id in enumerate(ids, start=1):
            items += [bar for bar in _bars(self.notes(id, track), 0.0) if len(bar.pitch) >= least_notes]
            if progress is not None:
                progress(done, len(ids))
        return items

    def _spans(self, id: str, origin: float) -> tuple[Column, Column, NDArray[np.int64]]:
        """Start and end (quarter notes from the origin) and number of each label."""
        name = f"{self.labels.path}: {id}.mid"
        file = smf.parse(self.labels.read(f"{id}.mid"), name)
        parts = raw_parts(file, name)
        if not parts:
            return np.zeros(0), np.zeros(0), np.zeros(0, np.int64)
        start, end = (
            np.concatenate([getattr(part, column) for part in parts]) / file.ticks_per_quarter - origin
            for column in ("onset", "end")
        )
        return start, end, np.concatenate([part.pitch for part in parts])


def _bars(notes: SongNotes, shift: float, chunks: bool = False) -> Iterator[MotifBar]:
    """Cut a song into bars of four quarter notes from `shift` on; those without an onset are left out."""
    onset, offset = _rounded(notes.onset) - shift, _rounded(notes.offset) - shift
    if chunks:
        number = np.empty(len(onset), np.int64)
        chunk = 0
        for index, time in enumerate(onset.tolist()):  # one step a note, however far it is: the authors' slip
            # Times less than a quarter note before the origin are cut to 0 there.
            chunk += not BAR_QUARTERS * chunk <= int(time) < BAR_QUARTERS * (chunk + 1)
            number[index] = chunk
        onset, offset = notes.onset, notes.offset  # their frames are cut, not rounded
    else:
        number = np.floor(onset / BAR_QUARTERS).astype(np.int64)
    for bar in np.unique(number[number >= 0]):
        own = number == bar
        line = BAR_QUARTERS * bar
        yield MotifBar(notes.id, int(bar), onset[own] - line, (offset - onset)[own], notes.pitch[own])


def _motif_of(line: float, start: Column, end: Column, motif: NDArray[np.int64]) -> int | None:
    """Return the number whose labels cover more than `COVER` of the bar at `line`."""
    covered = np.minimum(end, line + BAR_QUARTERS) - np.maximum(start, line)
    for number in np.unique(motif[covered > 0]):
        if covered[(motif == number) & (covered > 0)].sum() > COVER * BAR_QUARTERS:
            return int(number)
    return None


def _frames_key(bar: MotifBar) -> bytes:
    """Return what two bars with equal rolls of eight frames a quarter note have in common."""
    roll = np.zeros((8 * BAR_QUARTERS, 128), bool)
    ends = np.floor(8 * (bar.onset + bar.duration) + 1e-9).tolist()
    starts = np.floor(8 * bar.onset + 1e-9).tolist()
    for first, last, pitch in zip(starts, ends, bar.pitch.tolist(), strict=True):
        if first >= 0:
            roll[int(first) : int(last), pitch] = True
    return np.packbits(roll).tobytes()


def _rounded(quarters: Column) -> Column:
    rounded: Column = np.round(quarters * ROUNDING) / ROUNDING
    return rounded


def _label_archive(path: Path) -> Archive:
    """Return the labels' files, of a folder or zip of them, or of a folder that holds one."""
    archive = Archive(path, marker=None)
    candidates: list[tuple[Archive, str]] = [(archive, "")]
    candidates += [(archive, name) for name in archive.children("") if "label" in name and "." not in name]
    for found, inside in candidates:
        if any(len(name) == 7 and name[:3].isdecimal() and name.endswith(".mid") for name in found.children(inside)):
            return found if not inside else Archive(path, marker="001.mid") if found.is_zip else Archive(
                path / inside, marker=None
            )  # fmt: skip
    if not archive.is_zip:
        for name in archive.children(""):
            if "label" in name and name.endswith(".zip"):
                return _label_archive(path / name)
    raise ReadError(f"{path}: holds no motif labels; give the folder or zip of NNN.mid files, such as 001.mid")


def _music(labels: Path, given: Path | None) -> Pop909:
    if given is not None:
        return Pop909(given)
    for folder in (labels, labels.parent, labels.parent.parent):
        for name in ("pop909.zip", "pop909", "POP909"):
            place = folder / name
            if place.is_file() or (place / "structure").is_dir():
                return Pop909(place)
        if (folder / "structure").is_dir():
            return Pop909(folder)
    raise ReadError(f"{labels}: no POP909 music inside or beside it (pop909.zip); name it with --music")
