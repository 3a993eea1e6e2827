"""`ritornello motifs`: what it writes, and every mistake in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ritornello.score import Part, Song, make_notes


def tune(seed: int) -> Song:
    rng = np.random.default_rng(seed)
    onset = np.cumsum(rng.choice([6, 6, 12], 80))
    return Song((Part("tune", make_notes(onset, 6, np.clip(60 + np.cumsum(rng.integers(-3, 4, 80)), 40, 90))),))


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("songs")
    for seed in range(3):
        tune(seed).write(folder / f"{seed}.mid")
    tune(9).write(folder / "nine.musicxml")
    (folder / "broken.mid").write_bytes(b"MThd")
    return folder


@pytest.fixture(scope="module")
def index(songs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from ritornello.app.cli import run

    path = tmp_path_factory.mktemp("index") / "songs.index"
    assert run(["motifs", "index", str(songs), "-o", str(path), "--workers", "1", "--quiet"]) == 0
    return path


def test_a_folder_is_indexed_and_added_to(ritornello: Callable, songs: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.index"
    data = json.loads(ritornello("motifs", "index", songs, "-o", out, "--workers", "1", "--json").out)
    assert data["songs"] == data["added"] == 4 and data["skipped"][0]["file"] == "broken.mid"
    assert ritornello("motifs", "index", songs, "-o", out).code == 2  # it exists
    (tmp_path / "more").mkdir()
    tune(5).write(tmp_path / "more" / "5.mid")
    data = json.loads(ritornello("motifs", "index", tmp_path / "more", "-o", out, "--add", "--json").out)
    assert (data["songs"], data["added"]) == (5, 1)


def test_a_search_says_where_and_writes_what_it_found(
    ritornello: Callable, songs: Path, index: Path, tmp_path: Path
) -> None:
    call = ("motifs", "search", songs / "1.mid", "--bars", "3-4", "--in", index, "-o", tmp_path / "hits")
    result = ritornello(*call)
    assert result.code == 0 and "1.mid" in result.out and "the query itself" in result.out
    names = {path.name for path in (tmp_path / "hits").iterdir()}
    assert {"page.html", "hits.json", "hits.csv", "query.json", "hit-01.mid"} <= names
    again = ritornello("motifs", "search", tmp_path / "hits" / "query.json", "--in", index, "--json")
    hits = json.loads((tmp_path / "hits" / "hits.json").read_text())["hits"]
    assert json.loads(again.out)["hits"] == hits and hits[0]["start_bar"] == 3


def test_a_song_is_searched_in_itself_and_by_typed_notes(ritornello: Callable, songs: Path) -> None:
    data = json.loads(ritornello("motifs", "search", songs / "nine.musicxml", "--bars", "2-3", "--json").out)
    assert data["songs"] == 1 and data["hits"][0]["is_query"]
    typed = ritornello("motifs", "search", "--notes", "C4 D4 E4:.5 F4:.5 G4", "--in", songs / "0.mid", "--json")
    assert typed.code == 0 and json.loads(typed.out)["query"]["source"] == "typed notes"


def test_motifs_of_the_example_are_found(ritornello: Callable, example: Path, tmp_path: Path) -> None:
    data = json.loads(ritornello("motifs", "find", example, "-o", tmp_path / "m", "--json").out)
    assert data["motifs"][0]["occurrences"][0]["start_bar"] == 13
    assert {"motifs.json", "patterns.txt", "motif-roll.png", "page.html"} <= {
        p.name for p in (tmp_path / "m").iterdir()
    }
    figures = json.loads(ritornello("motifs", "find", example, "--figures", "--longest", "8", "--json").out)
    for motif in figures["motifs"]:
        assert len({note["part"] for place in motif["occurrences"] for note in place["notes"]}) == 1
    exact = json.loads(ritornello("motifs", "find", example, "--exact", "--longest", "0", "--json").out)
    assert all(place["exact"] for motif in exact["motifs"] for place in motif["occurrences"])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("search", "SONG", "--bars", "90-99"), "out of range"),
        (("search", "SONG", "--bars", "five"), "not read"),
        (("search", "SONG", "--bars", "3-4", "--part", "flute"), "no part"),
        (("search", "SONG"), "fewer bars"),
        (("search", "SONG", "--notes", "C4 D4 E4 F4"), "one of the two"),
        (("search", "--notes", "C4 D4 E4 F4"), "where to search"),
        (("search", "--notes", "C4 H4 E4 F4", "--in", "SONG"), "no pitch"),
        (("search", "SONG", "--bars", "3-4", "--weights", "loud=1"), "not read"),
        (("search", "SONG", "--bars", "3-4", "--limit", "0"), "1 to 1000"),
        (("search", "SONG", "--bars", "3-4", "--audio"), "--out"),
        (("search", "SONG", "--bars", "3-4", "--in", "FOLDER"), "this is a folder"),
        (("search", "SONG", "--bars", "3-4", "--in", "DAMAGED"), "damaged"),
        (("search", "SONG", "--bars", "3-4", "--in", "TEXT"), "not a motif index"),
        (("search", "SONG", "--bars", "3-4", "--in", "nowhere.index"), "no such file"),
        (("search", "DRUMS", "--bars", "1"), "no notes with pitch"),
        (("index", "nowhere", "-o", "x.index"), "no such folder"),
        (("index", "FOLDER", "-o", "INDEX", "--add", "--force"), "contradict"),
        (("find", "DRUMS"), "no notes with pitch"),
        (("find", "SONG", "--longest", "-1"), "out of range"),
        (("find", "SONG", "--most", "0"), "at least 1 pattern"),
    ],
)
def test_mistakes_are_told_in_one_line(
    ritornello: Callable, songs: Path, index: Path, tmp_path: Path, arguments: tuple, problem: str
) -> None:
    damaged, text, drums = tmp_path / "damaged.index", tmp_path / "text.index", tmp_path / "drums.mid"
    damaged.write_bytes(index.read_bytes()[:-200])
    text.write_text("no index")
    Song((Part("drums", make_notes([0, 12], [3, 3], [36, 38]), is_drums=True),)).write(drums)
    names = {
        "SONG": songs / "1.mid", "FOLDER": songs, "INDEX": index, "DAMAGED": damaged, "TEXT": text, "DRUMS": drums,
    }  # fmt: skip
    result = ritornello("motifs", *(names.get(word, word) for word in arguments))
    assert result.code == 2 and problem in result.err and result.err.count("\n") == 1 and not result.out


def test_results_never_replace_their_own_input(ritornello: Callable, songs: Path, index: Path, tmp_path: Path) -> None:
    hits = tmp_path / "hits"
    assert ritornello("motifs", "search", songs / "1.mid", "--bars", "3-4", "-o", hits).code == 0
    before = {path.name: path.read_bytes() for path in hits.iterdir()}
    for call in (
        ("search", hits / "query.mid", "--in", index), ("search", hits / "query.json", "--in", index),
        ("search", songs / "1.mid", "--bars", "3-4", "--in", hits / "hit-01.mid"), ("find", hits / "query.mid"),
    ):  # fmt: skip
        result = ritornello("motifs", *call, "-o", hits, "--force")
        assert result.code == 2 and "overwrite" in result.err
    assert {path.name: path.read_bytes() for path in hits.iterdir()} == before
    assert ritornello("motifs", "index", songs, "-o", songs / "0.mid", "--force").code == 2


def test_a_song_of_two_bars_has_its_pictures(ritornello: Callable, tmp_path: Path) -> None:
    Song((Part("tune", make_notes([0, 12, 24, 36, 48, 60, 72, 84], 12, [60, 62, 64, 65] * 2)),)).write(
        tmp_path / "s.mid"
    )
    assert ritornello("motifs", "find", tmp_path / "s.mid", "-o", tmp_path / "m").code == 0


@pytest.mark.parametrize("longest", ["nan", "inf", "-1"])
def test_a_longest_motif_that_is_no_length_is_refused(ritornello: Callable, songs: Path, longest: str) -> None:
    assert ritornello("motifs", "find", songs / "0.mid", f"--longest={longest}").code == 2
