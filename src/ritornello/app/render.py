"""`ritornello render`: a score file as sound."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from ritornello.app.console import DEFAULTS, Common, Outcome, Whole
from ritornello.app.inputs import check_output_file, read_song
from ritornello.errors import ArgumentError
from ritornello.files import result_folder


def render(
    song: Path,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    stems: Annotated[bool, Parameter(negative="")] = False,
    soundfont: Path | None = None,
    engine: Literal["auto", "fluidsynth", "builtin"] = "auto",
    sample_rate: Whole = 44100,
    loudness: float = -16.0,
    quantized: Annotated[bool, Parameter(negative="")] = False,
    force: Annotated[bool, Parameter(negative="")] = False,
    common: Common = DEFAULTS,
) -> Outcome:
    """Turn a score file into audio.

    Examples:
      ritornello render song.mid -o song.wav
      ritornello render song.musicxml -o song.flac --soundfont grand.sf2
      ritornello render song.mid -o song.wav --stems

    Args:
        song: The song: MIDI, MusicXML (.xml, .musicxml, .mxl) or ABC.
        out: The audio file: .wav, .flac or .ogg.
        stems: Write one file per part as well, into a folder named like the audio file with -stems added; they sum
            to it.
        soundfont: The SoundFont (.sf2); by default the bundled General MIDI one.
        engine: auto takes FluidSynth where the system has it, else the built-in player.
        sample_rate: Samples a second, 8000 to 192000.
        quantized: Play a MIDI file on the grid, as the analysis sees it, instead of with its own exact times.
        loudness: Loudness to reach, in LUFS (ITU-R BS.1770), -40 to -8.
        force: Replace an existing file.
    """
    if not 8000 <= sample_rate <= 192_000:
        raise ArgumentError(f"--sample-rate {sample_rate} is out of range; it goes from 8000 to 192000")
    if not -40 <= loudness <= -8:
        raise ArgumentError(f"--loudness {loudness:g} is out of range; it goes from -40 to -8 LUFS")
    if out.suffix.lower() not in (".wav", ".flac", ".ogg"):
        raise ArgumentError(f"--out {out}: write a name that ends in .wav, .flac or .ogg")
    check_output_file(out, force, song, soundfont)
    folder = out.with_name(f"{out.stem}-stems")
    given = read_song(song)

    from ritornello.app.results import sound_report, write_stems
    from ritornello.score.smf import is_midi
    from ritornello.sound import render as render_song

    from_midi = given.original is not None and is_midi(given.original.data)
    with result_folder(folder, force) if stems else nullcontext() as place:
        rendering = render_song(
            given, sample_rate=sample_rate, soundfont=soundfont, engine=engine, target_lufs=loudness, stems=stems,
            as_played=from_midi and not quantized,
        )  # fmt: skip
        if place is not None:
            write_stems(given, rendering, place, out.suffix)
        rendering.audio.write(out)
    report = sound_report(rendering)
    text = f"{out}: {report['duration_s']:.1f} s, {report['loudness_lufs']:.1f} LUFS, {report['engine']}"
    return Outcome("\n".join([text, *report["warnings"]]), {"out": str(out), **report})
