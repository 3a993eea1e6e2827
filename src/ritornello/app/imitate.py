"""`ritornello imitate`: one song in, new songs in its style out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from ritornello.app.console import DEFAULTS, Common, Outcome, Whole, progress_bar
from ritornello.app.inputs import (
    check_candidates,
    check_output,
    check_seed,
    check_sound,
    check_tempo,
    part_index,
    read_song,
)
from ritornello.errors import ArgumentError, UnsuitableSongError
from ritornello.files import result_folder

if TYPE_CHECKING:
    from ritornello.score import Song

Layer = Literal["structure", "chords", "rhythm", "melody", "bass"]

MAX_CANDIDATES = 64

MAX_FORM_BARS = 600
"""Longest form that is filled: twenty minutes of music."""


def imitate(
    song: Path,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    strength: float = 0.8,
    form: str | None = None,
    key: str | None = None,
    tempo: float | None = None,
    keep: Annotated[tuple[Layer, ...], Parameter(negative="", consume_multiple=True)] = (),
    n: Annotated[Whole, Parameter(name=["--n", "-n"])] = 1,
    seed: Whole = 0,
    melody: str | None = None,
    prior: Path | None = None,
    audio: Annotated[bool, Parameter(name="--audio", negative="--no-audio")] = True,
    stems: Annotated[bool, Parameter(negative="")] = False,
    soundfont: Path | None = None,
    force: Annotated[bool, Parameter(negative="")] = False,
    common: Common = DEFAULTS,
) -> Outcome:
    """Write a new song in the style of one song.

    The song's structure, melody, chords, bass and accompaniment are learned from it alone, with pop music in general
    behind them; the result is new, and how close it comes to its model is measured and reported.

    Examples:
      ritornello imitate song.mid -o out
      ritornello imitate song.mid -o out --key Em --tempo 84 --seed 7
      ritornello imitate song.mid -o out --form i4A8B8A8o4 --strength 0.5
      ritornello imitate song.mid -o out --keep structure chords --n 4

    Args:
        song: The song to imitate: MIDI, MusicXML (.xml, .musicxml, .mxl) or ABC.
        out: The folder for the result: song.mid, song.musicxml, lead-sheet.svg and .pdf, piano-roll.png, song.wav,
            framework.json and report.json; with --n, further candidates in folders candidate-2, candidate-3, ...
        strength: How much of the song's own habits: 1 = the song alone, 0 = pop music in general.
        form: The form to fill, such as i4A8B8A8o4; by default the song's own.
        key: The key of the result, such as G, Em or Bb; by default the song's own.
        tempo: The tempo in quarter notes a minute; by default the song's own.
        keep: Layers taken over unchanged: structure, chords, rhythm, melody, bass.
        n: How many candidates to write, the best first.
        seed: The random seed; the same seed gives the same song.
        melody: The part that has the tune, by name or number, where it is not found by itself.
        prior: Tables of music in general made by "ritornello train imitation"; by default the shipped ones.
        audio: Render song.wav as well.
        stems: Write one WAV per part too; together they sum to song.wav.
        soundfont: The SoundFont (.sf2) to render with; by default the bundled General MIDI one.
        force: Replace the files of an earlier result.
    """
    check_sound(audio, stems, soundfont)
    if not 0 <= strength <= 1:
        raise ArgumentError(f"--strength {strength:g} is out of range; it goes from 0 to 1")
    check_candidates(n, MAX_CANDIDATES)
    check_seed(seed)
    check_tempo(tempo)
    check_output(out, song)

    from ritornello.score import Form, Key

    wanted_form = None if form is None else Form.parse(form)
    if wanted_form is not None and wanted_form.bars > MAX_FORM_BARS:
        raise ArgumentError(f"--form has {wanted_form.bars} bars; at most {MAX_FORM_BARS} are filled")
    wanted_key = None if key is None else Key.parse(key)
    model = read_song(song)
    tune = part_index(model, melody)

    from ritornello.analysis import analyze
    from ritornello.app.results import candidate_folders, write_audio_files, write_report, write_song_files
    from ritornello.imitation import imitate as imitate_song
    from ritornello.imitation.train import load_prior

    settings: dict[str, Any] = {
        "song": song.name, "strength": strength, "form": form, "key": key, "tempo": tempo, "keep": list(keep), "n": n,
        "seed": seed, "melody": melody, "prior": None if prior is None else prior.name,
    }  # fmt: skip
    tables = load_prior(prior)
    with result_folder(out, force) as folder:
        analysis = analyze(model, melody=tune)
        if analysis.song.form is None:
            raise UnsuitableSongError(f"{song}: cannot be imitated, its form is not found: {analysis.form_reason}")
        try:
            with progress_bar("Composing", common) as progress:
                imitations = imitate_song(
                    analysis.song, strength=strength, form=wanted_form, key=wanted_key, tempo_qpm=tempo, keep=keep,
                    n=n, random_seed=seed, prior=tables, progress=progress,
                )  # fmt: skip
        except UnsuitableSongError as error:
            reason = str(error).removeprefix(f"{analysis.song.title or 'the song'}: ")
            raise UnsuitableSongError(f"{song}: {reason}") from None
        reports = []
        places = candidate_folders(folder, len(imitations))
        for rank, (imitation, place) in enumerate(zip(imitations, places, strict=True), start=1):
            write_song_files(imitation.song, place)
            imitation.framework.write(place / "framework.json")
            report = {"rank": rank, **imitation.report}
            if audio:
                report["sound"] = write_audio_files(imitation.song, place, stems=stems, soundfont=soundfont)
            reports.append(write_report(place, "imitate", settings, report))
    best = imitations[0]
    return Outcome(_summary(best.song, reports[0], out), {"out": str(out), **reports[0], "candidates": reports[1:]})


def _summary(song: Song, report: dict[str, Any], out: Path) -> str:
    original = report["originality"]
    runs = f"{original['melodic_run']['notes']} notes ({original['rhythmic_run']['notes']} with the rhythm)"
    minutes, seconds = divmod(round(song.duration_s), 60)
    lines = [
        f"written   {out}",
        f"song      {song.title}: {report['form']}, {report['key']}, {report['tempo_qpm']:.4g} quarter notes a minute, "
        f"{minutes}:{seconds:02}",
        f"style     distance {report['style_distance']['mean']:.2f} from its model, whose halves are "
        f"{report['seed_half_to_half']['mean']:.2f} apart",
        f"original  longest run shared with its model: {runs}",
    ]
    if "sound" in report:
        lines.append(f"sound     {report['sound']['loudness_lufs']:.1f} LUFS, played by {report['sound']['engine']}")
    return "\n".join(lines + [f"note      {warning}" for warning in report["warnings"]])
