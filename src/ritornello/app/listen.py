"""`ritornello listen`: build a listening test, count its answers, simulate one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import cyclopts
from cyclopts import Parameter

from ritornello.app.console import DEFAULTS, Common, Outcome, Whole, progress_bar
from ritornello.app.inputs import check_output_file, check_seed
from ritornello.errors import ArgumentError
from ritornello.files import result_folder, write_bytes

app = cyclopts.App(name="listen", help="Ask people: build a listening test, count its answers.")


@app.command
def build(
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    human: Path,
    condition: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    mode: Literal["paired", "rated"] = "paired",
    pairs: Whole = 12,
    seconds: float = 60.0,
    seed: Whole = 0,
    questions: Annotated[tuple[str, ...], Parameter(negative="", consume_multiple=True)] = (),
    plain: Annotated[bool, Parameter(negative="")] = False,
    tempo: float | None = None,
    soundfont: Path | None = None,
    force: Annotated[bool, Parameter(negative="")] = False,
    common: Common = DEFAULTS,
) -> Outcome:
    """Build a listening test: one web page that works offline, and the key that raters must not see.

    Each pair sets a song by people against a piece of one condition. Clips start and end at bar lines, are equally loud
    and played with the same sound; names are hidden; sides and order are drawn. About one pair in ten more is a check.

    Examples:
      ritornello listen build -o test --human songs --condition ours=results
      ritornello listen build -o test --human songs --condition ours=results --condition plain=baseline --pairs 20
      ritornello listen build -o test --human songs --condition ours=results --mode rated --questions liking musicality

    Args:
        out: The folder for listen.html, trials.json and key.json.
        human: Folder of songs by people: scores, audio files, or result folders with a song.mid.
        condition: NAME=FOLDER of the music that is compared with them; give it once for each condition. A piece meets
            the song of its own name if there is one.
        mode: paired compares two pieces; rated asks about one at a time, people's songs among them.
        pairs: How many pairs are judged, or with --mode rated how many pieces; checks come on top.
        seconds: Length of a clip, 5 to 300.
        seed: The random seed; the same seed and files give the same test.
        questions: What is asked: preference, liking, similarity, musicality, short-structure, long-structure, or
            NAME=TEXT for a question of your own about each piece.
        plain: Play only the melody over block chords, for scores.
        tempo: One tempo for all scores, in quarter notes a minute.
        soundfont: The SoundFont (.sf2) for scores; by default the bundled General MIDI one.
        force: Replace the files of an earlier test.
    """
    from ritornello.evaluation.listening import build as build_test
    from ritornello.evaluation.listening.clips import Sound

    with result_folder(out, force) as folder:
        with progress_bar("Making clips", common) as progress:
            built = build_test(
                human, condition, mode=mode, pairs=pairs, seconds=seconds, seed=seed, questions=questions,
                sound=Sound(plain, tempo, soundfont), progress=progress,
            )  # fmt: skip
        built.write(folder)
    protocol = built.protocol
    kinds = [trial.kind for trial in protocol.trials]
    data = {
        "out": str(out), "test": protocol.id, "mode": mode, "trials": len(kinds), "repeats": kinds.count("repeat"),
        "human_pairs": kinds.count("human"), "clips": len(protocol.sounds), "page_bytes": len(built.page),
        "warnings": list(built.warnings),
    }  # fmt: skip
    lines = [
        f"written   {out}",
        f"trials    {len(kinds)}, of which {data['repeats']} repeats and {data['human_pairs']} people against people",
        f"page      listen.html, {len(built.page) / 1e6:.1f} MB: give it to raters; keep key.json to yourself",
        *(f"note      {warning}" for warning in built.warnings),
    ]
    return Outcome("\n".join(lines), data)


@app.command
def analyze(
    *paths: Path,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    seed: Whole = 0,
    force: Annotated[bool, Parameter(negative="")] = False,
    common: Common = DEFAULTS,
) -> Outcome:
    """Count the answers to a listening test: shares against people, means, agreement, with 95 % intervals.

    Examples:
      ritornello listen analyze test answers-*.json
      ritornello listen analyze test-1 test-2 answers/*.json -o answers.csv
      ritornello listen analyze test answers-*.json --json

    Args:
        paths: The folder of the test, and the files of answers; several tests with the same questions are counted
            together.
        out: A table (.csv) of all answers, with who made what.
        seed: The random seed of the bootstrap.
        force: Replace an existing table.
    """
    from ritornello.evaluation.listening import analyze as count
    from ritornello.evaluation.listening import read_test
    from ritornello.evaluation.listening.answers import read_all_answers
    from ritornello.evaluation.listening.judgements import as_csv, judgements

    check_seed(seed)
    folders = [path for path in paths if path.is_dir()]
    files = [path for path in paths if not path.is_dir()]
    if not folders:
        raise ArgumentError("no test is named; give the folder that holds trials.json and key.json, then the answers")
    if out is not None:
        if out.suffix.lower() != ".csv":
            raise ArgumentError(f"--out {out}: write a name that ends in .csv")
        check_output_file(out, force, *files)
    tests = [read_test(folder) for folder in folders]
    if len({test.id for test in tests}) < len(tests):
        raise ArgumentError("the same test is named twice; leave one folder out")
    answers = read_all_answers(files, tests)
    result = count(tests, answers, seed)
    if out is not None:
        write_bytes(out, as_csv(judgements(tests, answers)))
    return Outcome(_as_text(result), result)


@app.command
def simulate(
    *,
    share: float = 0.5,
    pairs: Whole = 200,
    raters: Whole = 10,
    spread: float = 0.0,
    runs: Whole = 2000,
    seed: Whole = 0,
    common: Common = DEFAULTS,
) -> Outcome:
    """Simulate tests whose truth is known: do the intervals hold, and what can a test of this size show?

    Examples:
      ritornello listen simulate
      ritornello listen simulate --share 0.6 --pairs 400 --raters 20 --spread 0.15

    Args:
        share: The true share of pairs as good as or better than people.
        pairs: Judged pairs in a test, over all raters.
        raters: Raters in a test.
        spread: Standard deviation of the share between raters; 0 if all are alike.
        runs: Simulated tests.
        seed: The random seed.
    """
    from ritornello.evaluation.listening import simulate as run_tests

    result = run_tests(share, pairs=pairs, raters=raters, spread=spread, runs=runs, seed=seed)
    verdicts = ", ".join(f"{name}: {_percent(part)}" for name, part in result["verdicts"].items())
    lines = [
        f"truth     {_percent(share)} as good or better; {pairs} pairs by {raters} raters, {runs} runs",
        f"covered   {_percent(result['wilson_covers'])} by Wilson's 95 % interval, "
        f"{_percent(result['clopper_pearson_covers'])} by Clopper and Pearson's",
        f"width     plus or minus {_percent(result['wilson_half_width'])}",
        f"verdicts  {verdicts}",
    ]
    return Outcome("\n".join(lines), result)


def _as_text(result: dict[str, Any]) -> str:
    """Return the counts for a person; a condition's verdict and then what stands behind it."""
    lines = [f"answers   {result['judgements']} judgements by {result['raters']} raters"]
    if little := result["judgements_little_heard"]:
        lines.append(
            f"note      {little} of them without 5 s of listening to each piece; the table of --out says which"
        )
    for name, found in result["conditions"].items():
        lines += ["", *(_paired_lines if result["mode"] == "paired" else _rated_lines)(name, found)]
    lines.append("")
    for question, found in (result["repeats"] or {}).items():
        same = found.get("same_side") or found["same_answer"]
        kind = "same side" if "same_side" in found else "same answer"
        lines.append(
            f"repeats   {question}: {kind} in {_interval(same['share'], same['wilson_95'])} of {found['repeats']}, "
            f"within one step {_percent(found['within_one_step']['share'])}"
        )
    if people := result.get("human_pairs"):
        lines.append(
            f"people    against people, {people['pairs']} pairs, both sides counted: as good or better "
            f"{_percent(people['as_good_or_better'])}"
        )
    if sides := result.get("sides"):
        lines.append(f"sides     A was preferred in {_interval(sides['first'], sides['wilson_95'])} of preferences")
    return "\n".join(lines).rstrip()


def _paired_lines(name: str, found: dict[str, Any]) -> list[str]:
    counted = f"{found['pairs']} pairs, {found['raters']} raters, {found['pieces']} pieces"
    if not found["pairs"]:
        return [f"{name}: no preference was given ({counted})"]
    lines = [
        f"{name}: {found['verdict']} ({counted})",
        f"  as good as or better than people {_interval(found['as_good_or_better'], found['wilson_95'])} Wilson, "
        f"{_between(found['clopper_pearson_95'])} Clopper-Pearson",
        f"  better {found['better']}, as good {found['as_good']}, worse {found['worse']}",
    ]
    if "raters_95" in found:
        by_rater = f"  re-drawn over raters {_between(found['raters_95'])}"
        lines.append(by_rater + (f": {found['verdict_raters']}" if found["verdict_raters"] != found["verdict"] else ""))
    return lines + _means(found)


def _rated_lines(name: str, found: dict[str, Any]) -> list[str]:
    counted = f"{found['ratings']} ratings, {found['raters']} raters, {found['pieces']} pieces"
    return [f"{name} ({counted})", *_means(found)]


def _means(found: dict[str, Any]) -> list[str]:
    return [
        f"  {name.replace('_', ', ')}: {value['mean']:.2f} ({value['low']:.2f} to {value['high']:.2f})"
        for name, value in found.items()
        if isinstance(value, dict)
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _between(interval: list[float]) -> str:
    return f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f} %"


def _interval(share: float, interval: list[float]) -> str:
    return f"{_percent(share)} ({_between(interval)})"
