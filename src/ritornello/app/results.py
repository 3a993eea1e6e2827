"""The result folder: one song to hear, to see, to open in a notation program and to edit in a DAW."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ritornello import __version__
from ritornello.files import write_bytes, write_json

if TYPE_CHECKING:
    from ritornello.score import Song
    from ritornello.sound import Rendering


def candidate_folders(folder: Path, count: int) -> list[Path]:
    """Make the folders of candidates and return them: the result folder itself, then candidate-2, candidate-3, ..."""
    places = [folder, *(folder / f"candidate-{rank}" for rank in range(2, count + 1))]
    for place in places:
        place.mkdir(exist_ok=True)
    return places


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
    """Write `song.wav`, and with `stems` one WAV per part under `stems/`; return the sound's part of the report."""
    from ritornello.sound import render

    rendering = render(song, soundfont=soundfont, stems=stems)
    rendering.audio.write(folder / "song.wav")
    if stems:
        write_stems(song, rendering, folder / "stems", ".wav")
    return sound_report(rendering)


def write_stems(song: Song, rendering: Rendering, folder: Path, suffix: str) -> None:
    """Write one audio file per part; they sum to the mix. Files are numbered in the order of the parts."""
    folder.mkdir(exist_ok=True)
    for number, (part, audio) in enumerate(zip(song.parts, rendering.stems, strict=True), start=1):
        audio.write(folder / f"{number:02}-{_file_stem(part.name)}{suffix}")


def write_tracks(song: Song, folder: Path) -> None:
    """Write one MIDI file per part, with the song's tempo, metre, keys and sections, numbered in their order."""
    from ritornello.score.midi_writer import midi_bytes

    folder.mkdir(exist_ok=True)
    for number, part in enumerate(song.parts, start=1):
        data = midi_bytes(song.replace(parts=(part,)))
        write_bytes(folder / f"{number:02}-{_file_stem(part.name)}.mid", data)


def sound_report(rendering: Rendering) -> dict[str, Any]:
    """Return what played and what came out of it."""
    audio = rendering.audio
    return {
        "engine": rendering.engine,
        "soundfont": rendering.soundfont,
        "presets": list(rendering.presets),
        "duration_s": round(audio.duration_s, 3),
        "loudness_lufs": round(audio.loudness_lufs, 2),
        "peak": round(audio.peak, 4),
        "warnings": list(rendering.warnings),
    }


def _file_stem(name: str) -> str:
    """Return a part's name as a file name that every system accepts."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60] or "part"


def write_report(folder: Path, command: str, settings: dict[str, Any], report: dict[str, Any]) -> dict[str, Any]:
    """Write `report.json`: the program's version, the command, all settings and what was measured; return it."""
    whole = {"ritornello": __version__, "command": command, "settings": settings, **report}
    write_json(folder / "report.json", whole)
    return whole
