"""`ritornello listen` from folders of music to the counted answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ritornello.score import Part, Song, make_notes


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders, `people` and `machine`, of two invented tunes each, 12 s long."""
    root = tmp_path_factory.mktemp("music")
    for index, name in enumerate(("people", "machine")):
        (root / name).mkdir()
        for number in range(2):
            rng = np.random.default_rng(2 * index + number)
            notes = make_notes(np.arange(48) * 6, 6, 60 + rng.integers(0, 12, 48))
            Song(parts=(Part("Tune", notes),)).write(root / name / f"{number}.mid")
    return root


def answer(folder: Path, rater: str, value: int) -> dict[str, object]:
    test = json.loads((folder / "trials.json").read_text())
    answers = {trial["id"]: {"preference": [value], "liking": [3, 3], "similarity": [2]} for trial in test["trials"]}
    return {
        "format": "ritornello-listening-answers", "version": 1, "test": test["test"], "rater": rater,
        "answers": answers,
    }  # fmt: skip


def test_a_test_is_built_answered_and_counted(ritornello: Callable, music: Path, tmp_path: Path) -> None:
    out = tmp_path / "test"
    arguments = (
        "--human",
        music / "people",
        "--condition",
        f"ours={music / 'machine'}",
        "--pairs",
        "2",
        "--seconds",
        "5",
    )
    result = ritornello("listen", "build", "-o", out, *arguments, "--json")
    assert result.code == 0, result.err
    data = json.loads(result.out)
    assert (data["trials"], data["repeats"], data["clips"]) == (3, 1, 4)
    assert data["page_bytes"] == (out / "listen.html").stat().st_size
    again = ritornello("listen", "build", "-o", out, *arguments)
    assert again.code == 2 and "--force" in again.err

    files = []
    for rater, value in (("anna", 3), ("bert", 1)):
        files.append(tmp_path / f"answers-{rater}.json")
        files[-1].write_text(json.dumps(answer(out, rater, value)))
    table = tmp_path / "all.csv"
    result = ritornello("listen", "analyze", out, *files, "-o", table, "--json")
    assert result.code == 0, result.err
    found = json.loads(result.out)["conditions"]["ours"]
    assert found["pairs"] == 4 and found["as_good_or_better"] == 0.75
    assert len(table.read_text().splitlines()) == 1 + 2 * 3 * 4
    text = ritornello("listen", "analyze", out, *files)
    assert text.code == 0
    assert "ours: consistent with 50 % (4 pairs, 2 raters, 2 pieces)" in text.out and "75.0 %" in text.out

    bad = {
        "answers of another test": ([out, table], "holds no answers"),
        "twice": ([out, files[0], files[0]], "has answered this test"),
        "same test twice": ([out, out, files[0]], "named twice"),
        "no test": (files, "no test is named"),
        "no answers": ([out], "there are no answers"),
        "no key": ([tmp_path, files[0]], "trials.json: no such file"),
        "no table": ([out, files[0], "-o", tmp_path / "all.txt"], "ends in .csv"),
        "table exists": ([out, files[0], "-o", table], "exists already"),
    }
    for wrong, words in bad.values():
        result = ritornello("listen", "analyze", *wrong)
        assert result.code == 2 and words in result.err and result.err.count("\n") == 1 and not result.out


WRONG = {
    "no condition": ([], "nothing to compare"),
    "seconds": (["--condition", "ours={ours}", "--seconds", "2"], "--seconds 2"),
    "seconds are no number": (["--condition", "ours={ours}", "--seconds", "nan"], "--seconds nan"),
    "pairs": (["--condition", "ours={ours}", "--pairs", "0"], "--pairs 0"),
    "too few": (["--condition", "ours={ours}", "--pairs", "3"], "has 2 pieces"),
    "seed": (["--condition", "ours={ours}", "--seed", "-1"], "--seed -1"),
    "tempo": (["--condition", "ours={ours}", "--tempo", "4"], "--tempo 4"),
    "too short": (["--condition", "ours={ours}", "--pairs", "2"], "lasts only"),
    "questions": (["--condition", "ours={ours}", "--questions", "beauty"], "unknown"),
    "rated pair question": (["--condition", "ours={ours}", "--mode", "rated", "--questions", "preference"], "only one"),
    "missing folder": (["--condition", "ours={ours}/none"], "no such folder"),
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_input_is_one_line_and_nothing_is_written(
    name: str, ritornello: Callable, music: Path, tmp_path: Path
) -> None:
    arguments, words = WRONG[name]
    options = [text.format(ours=music / "machine") for text in arguments]
    result = ritornello("listen", "build", "-o", tmp_path / "out" / "test", "--human", music / "people", *options)
    assert result.code == 2 and words in result.err and result.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_rated_pieces_and_a_damaged_one(ritornello: Callable, music: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "x.mid").write_bytes(b"MThd")
    options = ("--human", music / "people", "--mode", "rated", "--seconds", "5", "--questions", "liking", "fun=Fun?")
    result = ritornello("listen", "build", "-o", tmp_path / "t", *options, "--condition", f"a={broken}", "--pairs", "2")
    assert result.code == 2 and "x.mid" in result.err and not (tmp_path / "t").exists()
    ours = f"a={music / 'machine'}"
    result = ritornello("listen", "build", "-o", tmp_path / "t", *options, "--condition", ours, "--pairs", "4", "-q")
    assert (result.code, result.out) == (0, "")
    test = json.loads((tmp_path / "t" / "trials.json").read_text())
    assert [question["name"] for question in test["questions"]] == ["liking", "fun"]
    assert {len(trial["clips"]) for trial in test["trials"]} == {1}


def test_simulate_says_what_a_test_can_show(ritornello: Callable) -> None:
    result = ritornello("listen", "simulate", "--share", "0.6", "--pairs", "400", "--raters", "20", "--json")
    assert result.code == 0
    assert 0.93 <= json.loads(result.out)["wilson_covers"] <= 0.97
    assert "verdicts" in ritornello("listen", "simulate", "--runs", "50").out
    assert ritornello("listen", "simulate", "--share", "2").code == 2
