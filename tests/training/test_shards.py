from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.errors import ArgumentError, ReadError
from ritornello.training.shards import Record, TokenShards, write_shards

VOCABULARY: dict[str, Any] = {"vocabulary": "letters", "vocabulary_size": 100}


def record(id: str, lengths: list[int], split: str = "train", **metadata: Any) -> Record:
    rng = np.random.default_rng(len(id) + sum(lengths))
    tokens = rng.integers(0, 100, sum(lengths)).astype(np.int16)
    return Record(id, split, tokens, np.array(lengths, dtype=np.int32), metadata)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    records = [record("a", [3, 4], "test", pitch_shift=-2), record("bb", [5], extra="é"), record("ccc", [2, 2, 2])]
    left_out = [{"id": "d", "reason": "3/4"}]
    write_shards(tmp_path, records, settings={"mode": "x"}, left_out=left_out, shard_tokens=8, **VOCABULARY)
    return tmp_path


def test_records_come_back(folder: Path) -> None:
    shards = TokenShards(folder, "letters")
    assert shards.ids == ("a", "bb", "ccc")
    assert (shards.split("test"), shards.split("train"), shards.split("all")) == ((0,), (1, 2), (0, 1, 2))
    assert [shards.tokens_of(index) for index in range(len(shards))] == [7, 5, 6]
    first = shards[0]
    assert (first.id, first.split, first.metadata) == ("a", "test", {"pitch_shift": -2})
    assert np.array_equal(first.tokens, record("a", [3, 4]).tokens)
    assert [len(bar) for bar in first.bars] == [3, 4]
    assert shards[2].bar_lengths.tolist() == [2, 2, 2]


def test_the_manifest_sums_up(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["splits"] == {
        "test": {"records": 1, "bars": 2, "tokens": 7},
        "train": {"records": 2, "bars": 4, "tokens": 11},
    }
    assert [shard["records"] for shard in manifest["shards"]] == [2, 1]
    assert manifest["left_out"] == [{"id": "d", "reason": "3/4"}]
    assert manifest["settings"] == {"mode": "x"}


@settings(deadline=None, max_examples=25)
@given(st.lists(st.lists(st.integers(1, 9), max_size=5), min_size=1, max_size=8), st.integers(1, 30))
def test_any_cut_into_shards_keeps_every_record(tmp_path_factory, songs: list[list[int]], shard_tokens: int) -> None:
    folder = tmp_path_factory.mktemp("shards")
    records = [record("x" * index, lengths) for index, lengths in enumerate(songs)]
    write_shards(folder, records, shard_tokens=shard_tokens, **VOCABULARY)
    shards = TokenShards(folder)
    for index, before in enumerate(records):
        after = shards[index]
        assert np.array_equal(before.tokens, after.tokens)
        assert np.array_equal(before.bar_lengths, after.bar_lengths)
        assert [bar.tolist() for bar in before.bars] == [bar.tolist() for bar in after.bars]


def test_equal_records_give_equal_bytes(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    shards = TokenShards(folder)
    copy = tmp_path_factory.mktemp("copy")
    records = [shards[index] for index in range(len(shards))]
    write_shards(
        copy, records, settings={"mode": "x"}, left_out=shards.manifest["left_out"], shard_tokens=8, **VOCABULARY
    )
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in copy.iterdir()
    }


def test_token_files_are_mapped_and_cannot_be_written(folder: Path) -> None:
    tokens = TokenShards(folder)[0].tokens
    assert not tokens.flags.writeable
    assert isinstance(tokens, np.memmap)


def test_shards_travel_to_another_process(folder: Path) -> None:
    shards = TokenShards(folder)
    before = shards[1].tokens
    assert np.array_equal(pickle.loads(pickle.dumps(shards))[1].tokens, before)


def test_a_record_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    wrong = Record("a", "train", np.zeros(3, np.int16), np.array([2], dtype=np.int32))
    with pytest.raises(ArgumentError, match="2 tokens in all, the record has 3"):
        write_shards(tmp_path, [wrong], **VOCABULARY)
    wrong = Record("a", "train", np.array([100], np.int16), np.array([1], dtype=np.int32))
    with pytest.raises(ArgumentError, match="0 to 99"):
        write_shards(tmp_path, [wrong], **VOCABULARY)


def test_a_split_without_songs_is_named(folder: Path) -> None:
    with pytest.raises(ArgumentError, match="there are test, train, all"):
        TokenShards(folder).split("validation")


def change(folder: Path, **values: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_foreign_and_damaged_manifests_are_refused(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    def refused(reason: str, **values: Any) -> None:
        copy = tmp_path_factory.mktemp("copy") / "shards"
        shutil.copytree(folder, copy)
        change(copy, **values)
        with pytest.raises(ReadError, match=reason):
            TokenShards(copy)

    manifest = json.loads((folder / "manifest.json").read_text())
    refused("no manifest of token shards", format="something else")
    refused("of version 2, this program reads 1", version=2)
    refused("contradict", records=manifest["records"][:2])
    refused("contradict", records=[{**entry, "tokens": -1} for entry in manifest["records"]])
    refused("contradict", shards=manifest["shards"][:1])
    refused("contradict", shards=None)
    refused("contradict", vocabulary="letters")


def test_a_folder_without_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="ritornello data tokenize"):
        TokenShards(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(ReadError, match="no JSON"):
        TokenShards(tmp_path)
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(ReadError, match="no manifest"):
        TokenShards(tmp_path)


def test_another_vocabulary_is_refused(folder: Path) -> None:
    with pytest.raises(ReadError, match="of the vocabulary letters, not of words"):
        TokenShards(folder, "words")


@pytest.mark.parametrize("name", ["00000.tokens.npy", "00000.bars.npy"])
def test_damaged_and_missing_shards_are_refused(folder: Path, name: str) -> None:
    path = folder / name
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ReadError, match=rf"{name}: damaged"):
        TokenShards(folder)[0]
    path.unlink()
    with pytest.raises(ReadError, match="cannot be read"):
        TokenShards(folder)[0]
    assert TokenShards(folder)[2].bar_lengths.tolist() == [2, 2, 2]  # in another shard
