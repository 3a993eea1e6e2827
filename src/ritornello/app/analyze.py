"""`ritornello analyze`: form, keys, chords, melody and part roles of any song, as data, MIDI and pictures."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ritornello.app.console import DEFAULTS, Common, Outcome
from ritornello.app.inputs import check_output, check_output_file, part_index, read_song
from ritornello.errors import UnsuitableSongError
from ritornello.files import result_folder, write_json

if TYPE_CHECKING:
    from ritornello.analysis import Analysis
    from ritornello.score.framework import Framework


def analyze(
    song: Path,
    /,
    *,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    framework: Path | None = None,
    melody: str | None = None,
    force: Annotated[bool, Parameter(negative="")] = False,
    common: Common = DEFAULTS,
) -> Outcome:
    """Find the form, keys, chords, melody and part roles of a song.

    Examples:
      ritornello analyze song.mid
      ritornello analyze song.mid -o analysis
      ritornello analyze song.musicxml --json
      ritornello analyze song.mid --framework plan.json

    Args:
        song: The song: MIDI, MusicXML (.xml, .musicxml, .mxl) or ABC.
        out: A folder for analysis.json, song.mid (bar grid, markers, chords and roles added), song.musicxml,
            lead-sheet.svg and .pdf, piano-roll.png and self-similarity.png; without it nothing is written.
        framework: A file for the song's framework as JSON, to edit and to compose from: form, chords, basic melody,
            rhythm and notes of every phrase.
        melody: The part that has the tune, by name or number, where it is not found by itself.
        force: Replace the files of an earlier result.
    """
    if out is not None:
        check_output(out, song)
    if framework is not None:
        check_output_file(framework, force, song, option="--framework")
    given = read_song(song)
    tune = part_index(given, melody)

    from ritornello.analysis import analyze as analyze_song

    with nullcontext() if out is None else result_folder(out, force) as folder:
        analysis = analyze_song(given, melody=tune)
        plan = None if framework is None else _framework_of(analysis, song)
        data, summary = analysis.to_dict(), analysis.summary()
        if folder is not None:
            _write(analysis, folder, data, song.stem)
    if out is not None:
        summary += f"\nwritten: {out}"
    if framework is not None and plan is not None:
        plan.write(framework)
        summary += f"\nwritten: {framework}"
    return Outcome(summary, data)


def _write(analysis: Analysis, folder: Path, data: dict[str, Any], name: str) -> None:
    from ritornello.app.results import write_song_files
    from ritornello.show import write_self_similarity

    song = analysis.song
    write_json(folder / "analysis.json", data)
    write_song_files(song, folder)
    write_self_similarity(analysis.similarity, folder / "self-similarity.png", song.form, song.title or name)


def _framework_of(analysis: Analysis, song: Path) -> Framework:
    from ritornello.analysis import framework_of

    if analysis.song.form is None:
        raise UnsuitableSongError(f"{song}: has no framework, its form is not found: {analysis.form_reason}")
    try:
        return framework_of(analysis.song)
    except UnsuitableSongError as error:
        reason = str(error).removeprefix(f"{analysis.song.title or 'the song'}: ")
        raise UnsuitableSongError(f"{song}: {reason}") from None
