"""The pieces in a folder: audio files, scores, and result folders with a `song.mid` inside."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ritornello.errors import ArgumentError, ReadError
from ritornello.score.reading import SUFFIXES as SCORE_SUFFIXES

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif")

HUMAN = "human"
"""The condition that all others are compared with."""

RESULT = "song.mid"
"""What a result folder is known by, and what is played of it."""

MAX_ITEMS = 20_000

_CONDITION = re.compile(r"[A-Za-z0-9][\w .+-]{0,39}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Item:
    """One piece.

    Attributes:
        name: its path within its folder without suffix, with ``/`` between folders.
        path: the file that is played.
    """

    name: str
    path: Path

    @property
    def song(self) -> str:
        """The first part of the name: what a human song and what was made of it have in common."""
        return self.name.split("/")[0]

    @property
    def is_audio(self) -> bool:
        """Whether it is sound already; a score is still to be rendered."""
        return self.path.suffix.lower() in AUDIO_SUFFIXES


def find_items(folder: Path) -> tuple[Item, ...]:
    """Return the pieces of a folder by name.

    A piece is a score or an audio file in the folder, or a result folder in it: a folder that holds a `song.mid`; its
    further candidates in `candidate-2`, `candidate-3`, ... are pieces too. The folder may itself be a result folder. Of
    files that differ only in their suffix one is taken, a score before audio.

    Raises:
        ReadError: if the folder is missing, cannot be listed, or has no piece.
    """
    try:
        if not folder.is_dir():
            raise ReadError(f"{folder}: there is no such folder; give a folder with scores, audio or results")
        if (folder / RESULT).is_file():
            items = _results(folder, folder.resolve().name or "song")
        else:
            items = _files(folder)
            for place in sorted(entry for entry in folder.iterdir() if not entry.name.startswith(".")):
                if (place / RESULT).is_file():
                    items += _results(place, place.name)
    except OSError as error:
        raise ReadError(f"{folder}: cannot be listed ({error.strerror or error})") from None
    if not items:
        kinds = " ".join((*SCORE_SUFFIXES, *AUDIO_SUFFIXES))
        raise ReadError(f"{folder}: there is nothing to hear in it; wanted are files {kinds}, or folders with {RESULT}")
    if len(items) > MAX_ITEMS:
        raise ReadError(f"{folder}: {len(items)} pieces are too many; at most {MAX_ITEMS}")
    return tuple(sorted({item.name: item for item in items}.values(), key=lambda item: item.name))


def _files(folder: Path) -> list[Item]:
    order = (*SCORE_SUFFIXES, *AUDIO_SUFFIXES)
    chosen: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        suffix = path.suffix.lower()
        if suffix in order and not path.name.startswith(".") and path.is_file():
            rival = chosen.get(path.stem)
            if rival is None or order.index(suffix) < order.index(rival.suffix.lower()):
                chosen[path.stem] = path
    return [Item(stem, path) for stem, path in chosen.items()]


def _results(folder: Path, name: str) -> list[Item]:
    candidates = sorted(place for place in folder.glob("candidate-*") if (place / RESULT).is_file())
    return [Item(name, folder / RESULT), *(Item(f"{name}/{place.name}", place / RESULT) for place in candidates)]


def find_conditions(human: Path, conditions: Sequence[str]) -> dict[str, tuple[Item, ...]]:
    """Return the pieces of each condition, those by people under `HUMAN` first.

    Args:
        human: folder of songs by people.
        conditions: ``NAME=FOLDER`` for each condition.

    Raises:
        ArgumentError: if a condition is not written so, has no usable name, is there twice, or no condition is given.
        ReadError: if a folder has no piece.
    """
    folders: dict[str, Path] = {HUMAN: human}
    for text in conditions:
        name, equals, folder = text.partition("=")
        if not equals or not folder or not _CONDITION.fullmatch(name):
            raise ArgumentError(
                f"--condition '{text[:80]}' does not read; write NAME=FOLDER, "
                "the name of letters, digits, spaces, . _ + -"
            )
        if name.casefold() in (known.casefold() for known in folders):
            raise ArgumentError(f"--condition {name} is taken already; give each condition its own name")
        folders[name] = Path(folder)
    if len(folders) == 1:
        raise ArgumentError("there is nothing to compare with people's songs; give --condition NAME=FOLDER")
    places: dict[str, str] = {}
    for name, folder_path in folders.items():
        place = os.path.realpath(folder_path)
        if place in places:
            raise ArgumentError(f"{name} and {places[place]} are the same folder {folder_path}; give each its own")
        places[place] = name
    return {name: find_items(folder) for name, folder in folders.items()}


def mixed_kinds(items: Mapping[str, Sequence[Item]]) -> bool:
    """Whether some pieces are audio and others scores, so that the sound itself may tell who made what."""
    return len({item.is_audio for pieces in items.values() for item in pieces}) > 1
