"""`ritornello generate`: whole songs from Museformer, from scratch, from a beginning, along a plan, or bars anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ritornello.app.console import DEFAULTS, Common, Outcome, Progress, Whole, progress_bar
from ritornello.app.inputs import (
    check_candidates,
    check_output,
    check_seed,
    check_sound,
    check_soundfont,
    part_index,
    read_song,
    require_networks,
)
from ritornello.errors import ArgumentError
from ritornello.files import result_folder, write_bytes

if TYPE_CHECKING:
    from ritornello.museformer.generate import Generated
    from ritornello.score import Song


def generate(
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    bars: str | None = None,
    instruments: str | None = None,
    tempo: float | None = None,
    key: str | None = None,
    prompt: Path | None = None,
    continue_: Annotated[Path | None, Parameter(name="--continue")] = None,
    infill: Path | None = None,
    parts: str | None = None,
    melody: str | None = None,
    plan: str | None = None,
    n: Annotated[Whole, Parameter(name=["--n", "-n"])] = 1,
    seed: Whole = 0,
    temperature: float = 1.05,
    top_k: Whole = 8,
    top_p: float = 1.0,
    model: str = "museformer-small",
    audio: Annotated[bool, Parameter(name="--audio", negative="--no-audio")] = True,
    stems: Annotated[bool, Parameter(negative="")] = False,
    soundfont: Path | None = None,
    force: Annotated[bool, Parameter(negative="")] = False,
    common: Common = DEFAULTS,
) -> Outcome:
    """Write whole songs for melody, drums, bass, guitar, piano and strings.

    A song is written from nothing, or from the beginning of one that you give; along a plan that says which bars
    repeat which; or some bars of your song are written anew. Bars that you give stay as they are. All songs are in 4/4.

    Examples:
      ritornello generate -o out --bars 32 --seed 7
      ritornello generate -o out --plan "A8 B8 A8 C8 A8" --tempo 96
      ritornello generate -o out --bars 16 --instruments melody,piano --key G --n 4
      ritornello generate -o out --continue song.mid --bars 16
      ritornello generate -o out --infill song.mid --bars 9-12 --parts bass

    Args:
        out: The folder for the result: song.mid, song.musicxml, lead-sheet.svg and .pdf, piano-roll.png,
            self-similarity.png, song.wav, tokens.txt and report.json; with --n, further candidates in folders
            candidate-2, candidate-3, ...
        bars: How many bars the song has; with --continue how many are added (16, or to the end of the plan); with
            --infill the range that is written anew, such as 17-24. Without it the plan or the model decides.
        instruments: Who may play in new bars: names, such as melody,drums,bass, or names by bars, such as
            "1-8: piano; 9-32: melody,piano,bass". All if not given.
        tempo: The tempo of new bars in quarter notes a minute, 24 to 200; by default the model's choice, and with
            --continue the song's.
        key: The key of a song from scratch, such as G or Em. It is written in C major or A minor, as the model likes,
            and moved by at most half an octave to this key or its relative (G major and E minor): which of the two is
            the model's choice.
        prompt: A song in 4/4 that the new one begins with; --bars is the length of the whole.
        continue_: A song in 4/4 to which bars are added; --bars says how many.
        infill: A song in 4/4 of which the range --bars is written anew.
        parts: With --infill, the instruments that are written anew, such as bass,drums; the others keep their notes.
        melody: The part of the given song that has the tune, by name or number, where it is not found by itself.
        plan: What repeats what: a form such as "A8 B8 A8 C8 A8"; or bars such as "17-24=1-8; 33-40~9-16; 41-44!1-4"
            (= repeats, ~ varies, ! copies note for note); or a JSON file, a list of {bars, source, kind}.
        n: How many candidates to write.
        seed: The random seed; the same seed gives the same songs.
        temperature: Above 0; lower is safer and repeats more, higher is wilder.
        top_k: Choose among so many of the likeliest notes; 0 for all.
        top_p: Choose among the likeliest notes that have this share of the probability together.
        model: The name of a model, see "ritornello models", or the folder of its weights.
        audio: Render song.wav as well.
        stems: Write one WAV per part too; together they sum to song.wav.
        soundfont: The SoundFont (.sf2) to render with; by default the bundled General MIDI one.
        force: Replace the files of an earlier result.
    """
    check_sound(audio, stems, soundfont)
    check_seed(seed)
    if top_k < 0:
        raise ArgumentError(f"--top-k {top_k} is out of range; give a whole number from 1, or 0 for all")
    sources = {"--prompt": prompt, "--continue": continue_, "--infill": infill}
    given = {flag: path for flag, path in sources.items() if path is not None}
    if len(given) > 1:
        raise ArgumentError(f"{' and '.join(given)} contradict each other; leave one out")
    _check_together(infill, given, parts=parts, melody=melody, instruments=instruments, tempo=tempo)
    if given and key is not None:
        raise ArgumentError(f"{next(iter(given))} and --key contradict each other; the song's key stays")
    for path in given.values():
        check_output(out, path)

    from ritornello.museformer.writing.instruments import Instruments, family_names
    from ritornello.museformer.writing.plan import Plan, parse_range
    from ritornello.museformer.writing.task import MAX_CANDIDATES
    from ritornello.score import Key

    check_candidates(n, MAX_CANDIDATES)
    count = None
    bar_range = (0, 0)
    if infill is not None:
        if bars is None:
            raise ArgumentError("--infill needs --bars, the bars to write anew, such as 17-24")
        bar_range = parse_range(bars)
    elif bars is not None:
        count = _whole_bars(bars)
    wanted = None if plan is None else Plan.parse(plan)
    if wanted is not None and count is not None and continue_ is None:
        wanted = wanted.with_bars(count)
    Instruments.parse(instruments)
    tonality = None if key is None else Key.parse(key)
    families = None if parts is None else sorted(family_names(parts.split(",")))
    require_networks()
    song = next((read_song(path) for path in given.values()), None)
    tune = None if song is None else part_index(song, melody)
    check_soundfont(soundfont)

    from ritornello.app.results import candidate_folders
    from ritornello.museformer.generate import Museformer

    settings: dict[str, Any] = {
        "bars": bars, "instruments": instruments, "tempo": tempo, "key": key, "plan": plan, "parts": parts,
        "melody": melody, "n": n, "seed": seed, "temperature": temperature, "top_k": top_k, "top_p": top_p,
        "model": model,
        **{flag.removeprefix("--"): None if path is None else path.name for flag, path in sources.items()},
    }  # fmt: skip
    choice: dict[str, Any] = {
        "melody": tune, "plan": wanted, "seed": seed, "n": n, "temperature": temperature, "top_k": top_k or None,
        "top_p": top_p,
    }  # fmt: skip
    wishes: dict[str, Any] = {"instruments": instruments, "tempo_qpm": tempo}
    with result_folder(out, force) as folder:
        museformer = Museformer.load(model)

        def write(progress: Progress | None) -> list[Generated]:
            if song is not None and infill is not None:
                return museformer.infill(song, *bar_range, families, **choice, progress=progress)
            if song is not None and continue_ is not None:
                return museformer.continue_(song, count, **wishes, **choice, progress=progress)
            return museformer.generate(bars=count, prompt=song, key=tonality, **wishes, **choice, progress=progress)

        with progress_bar("Writing bars", common) as progress:
            written = write(progress)
        reports = [
            _write_result(result, place, settings, audio, stems, soundfont)
            for result, place in zip(written, candidate_folders(folder, len(written)), strict=True)
        ]
    return Outcome(_summary(written[0], reports[0], out), {"out": str(out), **reports[0], "candidates": reports[1:]})


def _check_together(infill: Path | None, given: dict[str, Path], **options: Any) -> None:
    """Refuse options that the chosen task has no use for."""
    if not given and options["melody"] is not None:
        raise ArgumentError("--melody names a part of a given song; add --prompt, --continue or --infill")
    if infill is None and options["parts"] is not None:
        raise ArgumentError("--parts says what --infill writes anew; add --infill, or use --instruments")
    if infill is not None and options["instruments"] is not None:
        raise ArgumentError("--infill and --instruments contradict each other; --parts says what is written anew")
    if infill is not None and options["tempo"] is not None:
        raise ArgumentError("--infill and --tempo contradict each other; the song's tempo stays")


def _whole_bars(text: str) -> int:
    if not text.strip().isdecimal() or len(text.strip()) > 6:
        raise ArgumentError(f"--bars '{text[:40]}' is no number of bars; only --infill takes a range such as 17-24")
    return int(text)


def _write_result(
    result: Generated, place: Path, settings: dict[str, Any], audio: bool, stems: bool, soundfont: Path | None
) -> dict[str, Any]:
    from ritornello.app.results import write_audio_files, write_report, write_song_files
    from ritornello.museformer.tokens.encoding import tokens_to_text
    from ritornello.show import write_self_similarity

    song = _with_harmony(result.song)
    write_song_files(song, place)
    write_self_similarity(result.similarity, place / "self-similarity.png", song.form, song.title)
    write_bytes(place / "tokens.txt", tokens_to_text(result.tokens.bars).encode())
    report = dict(result.report)
    if audio:
        report["sound"] = write_audio_files(song, place, stems=stems, soundfont=soundfont)
    return write_report(place, "generate", settings, report)


def _with_harmony(song: Song) -> Song:
    """Return the song with the chords and keys that are heard in it, for the lead sheet and for DAWs."""
    from ritornello.analysis.chords import find_chords
    from ritornello.analysis.key import find_keys

    if not any(len(part.notes) for part in song.parts if not part.is_drums):
        return song
    chords, _ = find_chords(song)
    return song.replace(chords=chords, keys=find_keys(song, chords)[0])


def _summary(result: Generated, report: dict[str, Any], out: Path) -> str:
    song = result.song
    minutes, seconds = divmod(round(song.duration_s), 60)
    players = ", ".join(part.name.lower() for part in song.parts) or "nobody"
    lines = [
        f"written   {out}",
        f"song      {song.title}: {report['bars']} bars, {song.tempi[0].qpm:.4g} quarter notes a minute, "
        f"{minutes}:{seconds:02}, {players}",
        f"new       {report['new_bars']} bars, {report['new_tokens']:,} tokens in {report['seconds']:.1f} s by "
        f"{report['model']}",
    ]
    for kind, followed in report.get("plan_following", {}).items():
        if followed["mean_similarity"] is not None:
            lines.append(
                f"plan      {kind}: {followed['bars']} bars, {followed['mean_similarity']:.0%} like their source"
            )
    if "sound" in report:
        lines.append(f"sound     {report['sound']['loudness_lufs']:.1f} LUFS, played by {report['sound']['engine']}")
    return "\n".join(lines)
