"""What the commands do with the files and words a person gives: one song read, parsed options, the output's place."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ritornello.errors import ArgumentError, MissingDependencyError, WriteError

if TYPE_CHECKING:
    from ritornello.score import Song


def read_song(path: Path) -> Song:
    """Read a song; the readers are imported when one is needed.

    Raises:
        ReadError: if the file cannot be read or has no notes.
    """
    from ritornello.score.reading import read

    return read(path)


def require_networks() -> None:
    """Refuse a command that runs a network where the libraries for it are not installed; nothing is imported.

    Raises:
        MissingDependencyError: naming what to install.
    """
    for name in ("torch", "safetensors"):
        if importlib.util.find_spec(name) is None:
            raise MissingDependencyError(f'{name} is not installed; run: pip install "ritornello[ml]"')


def require_training() -> None:
    """Refuse a command that trains a network where the libraries for it are not installed; nothing is imported.

    Raises:
        MissingDependencyError: naming what to install.
    """
    require_networks()
    if importlib.util.find_spec("accelerate") is None:
        raise MissingDependencyError('accelerate is not installed; run: pip install "ritornello[train]"')


def check_pre_roll(seconds: float) -> None:
    """Refuse a pre-roll of the levelling amplifier that is out of range.

    Raises:
        ArgumentError: saying what the range is.
    """
    if not 0 <= seconds <= 60:
        raise ArgumentError(f"--pre-roll {seconds:g} is out of range; it goes from 0 to 60 seconds")


def part_index(song: Song, wanted: str | None) -> int | None:
    """Return the index of the part that `--melody` names, by its name or its number from 1; None for None.

    Raises:
        ArgumentError: if no part, or several, have that name or number, or it is a drum part; the message lists them.
    """
    if wanted is None:
        return None
    names = [part.name for part in song.parts]
    # More digits than int takes are no number of a part.
    if wanted.isdecimal() and len(wanted) < 10 and 1 <= int(wanted) <= len(names):
        index = int(wanted) - 1
    elif names.count(wanted) == 1:
        index = names.index(wanted)
    else:
        listing = ", ".join(f"{number} '{name}'" for number, name in enumerate(names, start=1))
        problem = "stands for several parts" if names.count(wanted) > 1 else "is no part of this song"
        raise ArgumentError(f"--melody '{wanted}' {problem}; give a name or number: {listing}")
    if song.parts[index].is_drums:
        raise ArgumentError(f"--melody '{wanted}' is a drum part and has no tune")
    return index


def check_sound(audio: bool, stems: bool, soundfont: Path | None) -> None:
    """Refuse options of sound where none is wanted.

    Raises:
        ArgumentError: naming both.
    """
    for flag, is_given in (("--stems", stems), ("--soundfont", soundfont is not None)):
        if is_given and not audio:
            raise ArgumentError(f"{flag} and --no-audio contradict each other; leave one out")


def check_soundfont(soundfont: Path | None) -> None:
    """Refuse a SoundFont that cannot be read; that must be known before a song is written for it.

    Raises:
        ReadError: saying what is wrong with it.
    """
    if soundfont is not None:
        from ritornello.sound.soundfont import load_soundfont

        load_soundfont(soundfont)


def check_candidates(n: int, most: int) -> None:
    """Refuse a number of candidates that is out of range.

    Raises:
        ArgumentError: saying how many there can be.
    """
    if not 1 <= n <= most:
        raise ArgumentError(f"--n {n} is out of range; it goes from 1 to {most}")


def check_seed(seed: int | None) -> None:
    """Refuse a negative random seed.

    Raises:
        ArgumentError: if it is one.
    """
    if seed is not None and seed < 0:
        raise ArgumentError(f"--seed {seed} is out of range; give a whole number from 0 on")


def check_tempo(tempo: float | None) -> None:
    """Refuse a tempo, in quarter notes a minute, at which nobody plays.

    Raises:
        ArgumentError: saying the range.
    """
    if tempo is not None and not 20 <= tempo <= 400:
        raise ArgumentError(f"--tempo {tempo:g} is out of range; it goes from 20 to 400 quarter notes a minute")


def check_output(out: Path, source: Path) -> None:
    """Refuse a result folder that would replace its own input.

    Raises:
        ArgumentError: if both are the same file, or the input lies where a result file goes, also a candidate's.
    """
    # Unlike Path.resolve, realpath takes names that loop or are too long; what is wrong with them is said later.
    place, given = Path(os.path.realpath(out)), Path(os.path.realpath(source))
    if place == given or (place in given.parents and given.name.lower() in RESULT_FILES):
        raise ArgumentError(f"--out {out} would overwrite the input {source}; choose another place")


def _is_same_file(first: Path, second: Path) -> bool:
    """Return whether two names mean one file, also over links."""
    if os.path.realpath(first) == os.path.realpath(second):
        return True
    try:
        return first.samefile(second)
    except OSError:  # one of them is missing
        return False


def check_output_file(out: Path, force: bool, *sources: Path | None, option: str = "--out") -> None:
    """Refuse a result file that cannot be written, before any work is done for it; `option` names it.

    Raises:
        ArgumentError: if it is one of the inputs.
        WriteError: if it is a folder, its folder is missing, or it exists and `force` is not set.
    """
    if any(_is_same_file(out, source) for source in sources if source is not None):
        raise ArgumentError(f"{option} {out} would overwrite an input; choose another place")
    try:
        if out.is_dir():
            raise WriteError(f"{out}: this is a folder; name a file for {option}")
        if not out.parent.is_dir():
            raise WriteError(f"{out}: there is no folder {out.parent}; make it or choose another {option}")
        out.lstat()
    except FileNotFoundError:
        return
    except WriteError:
        raise
    except OSError as error:
        raise WriteError(f"{out}: cannot be written ({error.strerror}); choose another {option}") from None
    if not force:
        raise WriteError(f"{out}: exists already; choose another {option} or add --force to replace it")


RESULT_FILES = (
    "song.mid", "song.musicxml", "lead-sheet.svg", "lead-sheet.pdf", "piano-roll.png", "self-similarity.png",
    "song.wav", "report.json", "analysis.json", "framework.json", "layers.png",
    "tokens.txt",
)  # fmt: skip
"""The files a result folder may hold, besides folders of stems and further candidates."""
