from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ritornello.errors import ArgumentError, ReadError
from ritornello.evaluation.listening.draw import draw_pairs, draw_pieces
from ritornello.evaluation.listening.items import Item, find_conditions, find_items, mixed_kinds


def items(name: str, count: int, shared: bool = False) -> tuple[Item, ...]:
    stems = [f"{'' if shared else name}{number:03}" for number in range(count)]
    return tuple(Item(stem, Path(name) / f"{stem}.mid") for stem in stems)


@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(4, 60), st.booleans())
def test_pairs_are_balanced_and_nothing_is_used_twice(seed: int, kinds: int, pairs: int, shared: bool) -> None:
    pieces = {name: items(name, 60, shared) for name in ("human", *"abcd"[:kinds])}
    drawn = draw_pairs(pieces, pairs, np.random.default_rng(seed))
    own = [trial for trial in drawn if trial.kind == "pair"]
    assert len(own) == pairs
    checks = Counter(trial.kind for trial in drawn if trial.kind != "pair")
    assert sum(checks.values()) == max(1, round(pairs / 10))
    counts = Counter(name for trial in own for name, _ in trial.pieces)
    assert counts.pop("human") == pairs
    assert max(counts.values()) - min(counts.values()) <= 1
    for name in counts:
        mine = [trial.pieces for trial in own if name in (trial.pieces[0][0], trial.pieces[1][0])]
        first = sum(sides[0][0] == "human" for sides in mine)
        assert abs(2 * first - len(mine)) <= 1
        for condition in ("human", name):
            used = [item for sides in mine for kind, item in sides if kind == condition]
            assert len(used) == len(set(used))
        if shared:
            assert all(sides[0][1].name == sides[1][1].name for sides in mine)
    for index, trial in enumerate(drawn):
        if trial.kind == "repeat":
            assert trial.repeats is not None and trial.repeats < index
            assert trial.pieces == drawn[trial.repeats].pieces[::-1]
            assert drawn[trial.repeats].kind == "pair"
        if trial.kind == "human":
            assert trial.pieces[0] != trial.pieces[1]


@given(st.integers(0, 10_000), st.integers(2, 50))
def test_rated_pieces_are_balanced(seed: int, count: int) -> None:
    pieces = {name: items(name, 50) for name in ("human", "a")}
    drawn = draw_pieces(pieces, count, np.random.default_rng(seed))
    own = [trial.pieces[0] for trial in drawn if trial.kind == "piece"]
    assert len(own) == len(set(own)) == count
    counts = Counter(name for name, _ in own)
    assert abs(counts["human"] - counts["a"]) <= 1
    assert len(drawn) - count == max(1, round(count / 10))


def test_a_seed_gives_the_same_trials_and_another_one_others() -> None:
    pieces = {name: items(name, 20) for name in ("human", "a", "b")}
    draws = [draw_pairs(pieces, 12, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_people_are_heard_equally_often_when_there_are_few_songs() -> None:
    pieces = {"human": items("human", 6), **{name: items(name, 9) for name in "ab"}}
    drawn = draw_pairs(pieces, 12, np.random.default_rng(0))
    heard = Counter(item for trial in drawn if trial.kind == "pair" for name, item in trial.pieces if name == "human")
    assert set(heard.values()) == {2}


def test_too_few_pieces_and_numbers_out_of_range_are_named() -> None:
    pieces = {"human": items("human", 4), "ours": items("ours", 3)}
    rng = np.random.default_rng(0)
    with pytest.raises(ArgumentError, match="ours has 3 pieces, but 4 trials over 1 conditions need 4"):
        draw_pairs(pieces, 4, rng)
    with pytest.raises(ArgumentError, match="human has 4 pieces, but 5 pairs"):
        draw_pairs({**pieces, "ours": items("ours", 9)}, 5, rng)
    for pairs in (0, 201, -1):
        with pytest.raises(ArgumentError, match="--pairs"):
            draw_pairs(pieces, pairs, rng)
    with pytest.raises(ArgumentError, match="goes from 2"):
        draw_pieces(pieces, 1, rng)


def test_items_are_scores_audio_and_results(tmp_path: Path) -> None:
    for name in ("a.mid", "a.wav", "b.flac", "c.MXL", "notes.txt", ".hidden.mid"):
        (tmp_path / name).touch()
    for name in ("r", "r/candidate-2", "empty"):
        (tmp_path / name).mkdir()
    for name in ("r/song.mid", "r/song.wav", "r/candidate-2/song.mid"):
        (tmp_path / name).touch()
    found = find_items(tmp_path)
    assert [item.name for item in found] == ["a", "b", "c", "r", "r/candidate-2"]
    assert [item.path.name for item in found] == ["a.mid", "b.flac", "c.MXL", "song.mid", "song.mid"]
    assert [item.is_audio for item in found] == [False, True, False, False, False]
    assert found[-1].song == "r"
    assert mixed_kinds({"human": found}) and not mixed_kinds({"human": found[2:]})
    assert [item.name for item in find_items(tmp_path / "r")] == ["r", "r/candidate-2"]


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ((), "nothing to compare"), (("ours",), "NAME=FOLDER"), (("ours=",), "NAME=FOLDER"), (("=x",), "NAME=FOLDER"),
        (("a\x1b=x",), "NAME=FOLDER"), (("Human=x",), "taken"), (("a=x", "A=y"), "taken"),
        (("a=.", "b=./"), "same folder"),
    ],
)  # fmt: skip
def test_conditions_are_named_folders(
    conditions: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArgumentError, match=words):
        find_conditions(tmp_path / "songs", conditions)


def test_missing_and_empty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="no such folder"):
        find_items(tmp_path / "none")
    with pytest.raises(ReadError, match="nothing to hear"):
        find_items(tmp_path)
