"""The result folder: one song to hear, to see, to open in a notation program and to edit in a DAW."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ritornello import __version__
from ritornello.files import write_bytes, write_json

if TYPE_CHECKING:
    from ritornello.score import Song


def write_song_files(song: Song, folder: Path) -> None:
    """Write `song.mid`, `song.musicxml`, `lead-sheet.svg`, `lead-sheet.pdf` and `piano-roll.png` into a folder."""
    from ritornello.score.midi_writer import midi_bytes
    from ritornello.score.musicxml_writer import musicxml_bytes
    from ritornello.show import write_lead_sheet, write_piano_roll

    write_bytes(folder / "song.mid", midi_bytes(song))
    write_bytes(folder / "song.musicxml", musicxml_bytes(song, parts="all"))
    write_lead_sheet(song, folder / "lead-sheet.svg", folder / "lead-sheet.pdf")
    write_piano_roll(song, folder / "piano-roll.png")


def write_audio_files(
    song: Song, folder: Path, *, stems: bool = False, soundfont: Path | None = None
) -> dict[str, Any]:
    """Write `song.wav`, and with `stems` one WAV per part under `stems/`; return the rendering's report."""
    from ritornello.sound import render, render_stems

    if not stems:
        rendering = render(song, soundfont=soundfont)
        rendering.audio.write(folder / "song.wav")
    else:
        rendering = render_stems(song, soundfont=soundfont)
        rendering.audio.write(folder / "song.wav")
        (folder / "stems").mkdir()
        for name, audio in rendering.stems.items():
            audio.write(folder / "stems" / f"{file_stem(name)}.wav")
    return rendering.report


def file_stem(name: str) -> str:
    """Return a part's name as a file name that every system accepts."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "part"


def write_report(folder: Path, command: str, settings: dict[str, Any], report: dict[str, Any]) -> dict[str, Any]:
    """Write `report.json`: the program's version, the command, all settings and what was measured; return it."""
    whole = {"ritornello": __version__, "command": command, "settings": settings, **report}
    write_json(folder / "report.json", whole)
    return whole
