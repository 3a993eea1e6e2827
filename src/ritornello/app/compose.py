"""`ritornello compose`: a plan in, whole songs out; every layer can be given, locked, drawn and drawn again."""

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
    check_soundfont,
    check_tempo,
    read_song,
    require_networks,
)
from ritornello.errors import ArgumentError
from ritornello.files import result_folder

if TYPE_CHECKING:
    from ritornello.frameworks.compose import Composition
    from ritornello.score.framework import Framework

MAX_CANDIDATES = 64

StyleName = Literal["block", "ballad", "pop", "waltz", "strum"]

_REFERENCES = (".mid", ".midi", ".xml", ".musicxml", ".mxl", ".abc")


def compose(
    plan: Path | None = None,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    form: str | None = None,
    key: str | None = None,
    tempo: float | None = None,
    metre: str | None = None,
    chords: Path | None = None,
    contour: Annotated[tuple[str, ...], Parameter(negative="", consume_multiple=True)] = (),
    lock: Annotated[tuple[str, ...], Parameter(negative="", consume_multiple=True)] = (),
    regenerate: Annotated[tuple[str, ...], Parameter(negative="", consume_multiple=True)] = (),
    repeat: Literal["copy", "vary", "free"] | None = None,
    style: StyleName | None = None,
    n: Annotated[Whole, Parameter(name=["--n", "-n"])] = 1,
    seed: Whole | None = None,
    temperature: float = 1.0,
    contour_weight: float | None = None,
    model: str = "frameworks-pop909",
    audio: Annotated[bool, Parameter(name="--audio", negative="--no-audio")] = True,
    stems: Annotated[bool, Parameter(negative="")] = False,
    soundfont: Path | None = None,
    force: Annotated[bool, Parameter(negative="")] = False,
    common: Common = DEFAULTS,
) -> Outcome:
    """Write songs from a plan: form, chords, rhythm, basic melody, contour and notes, each of them visible.

    What the plan gives stays, what it leaves open is written. The result's framework.json holds everything that was
    decided: change a chord, a rhythm or a basic note in it, compose it again, and only what depends on the change is
    written anew.

    Examples:
      ritornello compose -o out --form i4A8B8A8o4 --key G --tempo 96 --seed 7
      ritornello compose out/framework.json -o out2
      ritornello compose out/framework.json -o out3 --lock chords,rhythm@A --regenerate melody@B2
      ritornello compose -o out4 --form A8B8A8 --chords chart.txt --contour A=arch B=0,3,5,2 --style pop --n 4

    Args:
        plan: A framework as JSON: the framework.json of an earlier result, what "ritornello analyze --framework" wrote
            or your own. Without one --form is the plan.
        out: The folder for the result: song.mid, song.musicxml, lead-sheet.svg and .pdf, piano-roll.png, layers.png,
            framework.json, song.wav, report.json, and a folder tracks with one MIDI file a part; with --n, further
            candidates in folders candidate-2, candidate-3, ...
        form: The form to fill, such as i4A8B8A8o4: letters with their bars, capitals have a melody, equal letters
            repeat each other.
        key: The key, such as G or Em; C major if nobody says one. A plan in another key of the same mode is moved.
        tempo: The tempo in quarter notes a minute, 20 to 400; 96 if nobody says one.
        metre: The metre, such as 4/4 or 3/4; only with --form.
        chords: A chord chart as text; "?" leaves a chord open.
        contour: A curve for the basic melody of all phrases or, as A=arch, of a letter, or of one phrase, as B2=fall:
            rise, fall, arch, valley, wave or flat; numbers such as 0,3,5,2; a .csv or .json file of numbers; or a song
            whose melody's shape is followed.
        lock: What stays whatever happens: layers (chords, rhythm, basic, contour, melody) of all phrases or, as
            rhythm@A and melody@B2, of some; several with commas.
        regenerate: What is written anew although nothing about it changed, in the same words; locked parts stay.
        repeat: How later phrases of a letter repeat an earlier one: copy, vary or free; by default as the plan says,
            else vary.
        style: The accompaniment: block, ballad, pop, waltz or strum; by default a ballad, in 3/4 a waltz.
        n: How many candidates to write; the first is the same for any number.
        seed: The random seed; by default the plan's, else 0. The same plan and seed give the same songs.
        temperature: Above 0; below 1 is safer, above 1 is wilder.
        contour_weight: How closely contours are followed; 0 not at all.
        model: The name of the networks, see "ritornello models", or the folder of their weights.
        audio: Render song.wav as well.
        stems: Write one WAV per part too; together they sum to song.wav.
        soundfont: The SoundFont (.sf2) to render with; by default the bundled General MIDI one.
        force: Replace the files of an earlier result.
    """
    check_sound(audio, stems, soundfont)
    if (plan is None) == (form is None):
        raise ArgumentError("give either a plan, such as out/framework.json, or --form, such as i4A8B8A8o4")
    if plan is not None and metre is not None:
        raise ArgumentError("--metre goes with --form; a plan has its own metre")
    check_candidates(n, MAX_CANDIDATES)
    check_seed(seed)
    check_tempo(tempo)
    if not 0 < temperature <= 3:
        raise ArgumentError(f"--temperature {temperature:g} is out of range; it goes from above 0 to 3")
    if contour_weight is not None and not 0 <= contour_weight <= 100:
        raise ArgumentError(f"--contour-weight {contour_weight:g} is out of range; it goes from 0 to 100")
    if plan is not None:
        check_output(out, plan)
    if chords is not None:
        check_output(out, chords)

    framework = _framework(plan, form, key, tempo, metre, repeat)
    framework = _with_chart(framework, chords)
    framework = _with_contours(framework, contour)
    locked, anew = _words(lock), _words(regenerate)
    framework = framework.lock(*locked)
    check_soundfont(soundfont)
    require_networks()

    from ritornello.app.results import candidate_folders
    from ritornello.frameworks.compose import compose as compose_songs
    from ritornello.frameworks.pretrained import load_networks
    from ritornello.frameworks.realise import Settings
    from ritornello.frameworks.tables import load_tables_of

    settings: dict[str, Any] = {
        "plan": None if plan is None else plan.name, "form": form, "key": key, "tempo": tempo, "metre": metre,
        "chords": None if chords is None else chords.name, "contour": list(contour), "lock": locked,
        "regenerate": anew, "repeat": repeat, "style": style, "n": n, "seed": seed, "temperature": temperature,
        "contour_weight": contour_weight, "model": model,
    }  # fmt: skip
    with result_folder(out, force) as folder, progress_bar("Composing", common) as progress:
        written = compose_songs(
            framework, seed=seed, n=n, regenerate=anew, style=style, networks=load_networks(model),
            tables=load_tables_of(model), settings=Settings().scaled(temperature, contour_weight), progress=progress,
        )  # fmt: skip
        reports = [
            _write_result(result, place, settings, audio, stems, soundfont)
            for result, place in zip(written, candidate_folders(folder, len(written)), strict=True)
        ]
    return Outcome(_summary(written[0], reports[0], out), {"out": str(out), **reports[0], "candidates": reports[1:]})


def _framework(
    plan: Path | None, form: str | None, key: str | None, tempo: float | None, metre: str | None, repeat: Any
) -> Framework:
    from ritornello.score import Key
    from ritornello.score.framework import Framework

    wanted = None if key is None else Key.parse(key)
    if plan is None:
        assert form is not None
        return Framework.from_form(form, wanted or Key(0), tempo or 96, metre or "4/4", repeat=repeat or "vary")
    framework = Framework.read(plan)
    if wanted is not None:
        framework = framework.transposed(wanted)
    if tempo is not None:
        framework = framework.replace(tempo_qpm=tempo)
    if repeat is not None:
        for phrase in framework.phrases:
            source = None if phrase.source is None else framework.phrases[phrase.source]
            if source is not None and source.bars == phrase.bars:
                framework = framework.with_phrase(phrase.id, repeat=repeat)
    return framework


def _with_chart(framework: Framework, chords: Path | None) -> Framework:
    if chords is None:
        return framework
    from ritornello.score.chord_chart import ChordChart

    chart = ChordChart.read(chords, framework.metre)
    try:
        return framework.with_chords(chart)
    except ArgumentError as error:
        raise ArgumentError(f"{chords}: {error}") from None


def _with_contours(framework: Framework, contours: tuple[str, ...]) -> Framework:
    """Return the framework with the curves drawn into the cells of the phrases that they are for."""
    from ritornello.frameworks.contour import parse_curve
    from ritornello.frameworks.curves import melody_curve, with_contour

    for text in contours:
        place, equals, curve = text.rpartition("=")
        if curve.lower().endswith(_REFERENCES):
            values: str | tuple[float, ...] = melody_curve(read_song(Path(curve)), curve)
        else:
            values = parse_curve(curve)
        framework = with_contour(framework, f"contour@{place}" if equals else "contour", values)
    return framework


def _words(texts: tuple[str, ...]) -> list[str]:
    return [word.strip() for text in texts for word in text.split(",") if word.strip()]


def _write_result(
    result: Composition, place: Path, settings: dict[str, Any], audio: bool, stems: bool, soundfont: Path | None
) -> dict[str, Any]:
    from ritornello.app.results import write_audio_files, write_report, write_song_files, write_tracks
    from ritornello.show.framework_layers import write_framework_layers

    write_song_files(result.song, place)
    write_tracks(result.song, place / "tracks")
    write_framework_layers(result.framework, place / "layers.png")
    result.framework.write(place / "framework.json")
    report = dict(result.report)
    if audio:
        report["sound"] = write_audio_files(result.song, place, stems=stems, soundfont=soundfont)
    return write_report(place, "compose", settings, report)


def _summary(result: Composition, report: dict[str, Any], out: Path) -> str:
    song = result.song
    minutes, seconds = divmod(round(song.duration_s), 60)
    same, other = (report["adherence"].get(f"{which}_letter_agreement") for which in ("same", "other"))
    drawn = ", ".join(f"{layer} {found['cells']}" for layer, found in report["drawn"].items() if found["cells"])
    lines = [
        f"written   {out}",
        f"song      {song.title}: {report['form']}, {report['key']}, {report['tempo_qpm']:.4g} quarter notes a minute, "
        f"{minutes}:{seconds:02}, {report['style']}",
        f"new       {'cells: ' + drawn if drawn else 'nothing: all was decided'}",
    ]
    if same is not None:
        lines.append(f"repeats   agree on {same:.0%} of their sixteenths with phrases of their letter")
    if other is not None:
        lines.append(f"others    {other:.0%} between letters")
    for name, error in report["contour_errors"].items():
        lines.append(f"contour   phrase {name}: {error:.1f} semitones a cell from its curve")
    if "sound" in report:
        lines.append(f"sound     {report['sound']['loudness_lufs']:.1f} LUFS, played by {report['sound']['engine']}")
    return "\n".join(lines)
