"""`ritornello analyze`: form, keys, chords, melody and part roles of any song, as data, MIDI and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ritornello.app.console import DEFAULTS, Common, Outcome
from ritornello.app.inputs import check_output, part_index, read_song
from ritornello.files import result_folder, write_json


def analyze(
    song: Path,
    /,
    *,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    melody: str | None = None,
    force: Annotated[bool, Parameter(negative="")] = False,
    common: Common = DEFAULTS,
) -> Outcome:
    """Find the form, keys, chords, melody and part roles of a song.

    Examples:
      ritornello analyze song.mid
      ritornello analyze song.mid -o analysis
      ritornello analyze song.musicxml --json

    Args:
        song: The song: MIDI, MusicXML (.xml, .musicxml, .mxl) or ABC.
        out: A folder for analysis.json, song.mid (bar grid, markers, chords and roles added), song.musicxml,
            lead-sheet.svg and .pdf, piano-roll.png and self-similarity.png; without it nothing is written.
        melody: The part that has the tune, by name or number, where it is not found by itself.
        force: Replace the files of an earlier result.
    """
    if out is not None:
        check_output(out, song)
    given = read_song(song)
    tune = part_index(given, melody)

    from ritornello.analysis import analyze as analyze_song

    if out is None:
        analysis = analyze_song(given, melody=tune)
        return Outcome(analysis.summary(), analysis.to_dict())

    from ritornello.app.results import write_song_files
    from ritornello.show import write_self_similarity

    with result_folder(out, force) as folder:
        analysis = analyze_song(given, melody=tune)
        data = analysis.to_dict()
        write_json(folder / "analysis.json", data)
        write_song_files(analysis.song, folder)
        write_self_similarity(
            analysis.similarity, folder / "self-similarity.png", analysis.song.form, analysis.song.title or song.stem
        )
    return Outcome(f"{analysis.summary()}\nwritten: {out}", data)
