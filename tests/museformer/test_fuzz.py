"""Whatever stands in a plan, a token text, a checkpoint or a manifest: it is read, or refused by an error of ours."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ritornello.errors import RitornelloError
from ritornello.museformer.config import SIZES
from ritornello.museformer.model import MuseformerNetwork
from ritornello.museformer.pretrained import load_network, save_network
from ritornello.museformer.tokens import vocabulary as v
from ritornello.museformer.tokens.encoding import TokenSong, decode, text_to_tokens, tokens_to_text
from ritornello.museformer.writing.instruments import Instruments
from ritornello.museformer.writing.plan import Plan
from ritornello.training.shards import Record, TokenShards, write_shards

few = settings(deadline=None, max_examples=60)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("fuzz") / "tiny"
    save_network(MuseformerNetwork(SIZES["tiny"]), folder)
    return folder


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    lengths = np.array([2, 3], np.int32)
    records = [
        Record(name, split, np.arange(5, dtype=np.int16), lengths) for name, split in (("a", "train"), ("b", "test"))
    ]
    write_shards(folder, records, vocabulary="letters", vocabulary_size=9, shard_tokens=5)
    return folder


def edited(value: Any, data: st.DataObject) -> Any:
    """Return a JSON value with a random piece of it put out or replaced by any other."""
    whole = copy.deepcopy(value)
    place = whole
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
            place = place[key]
        elif data.draw(st.booleans()):
            del place[key]
            return whole
        else:
            place[key] = data.draw(json_values)
            return whole


@few
@given(st.text("AAB88=~!-;, \n0123456789xi–…²٣", max_size=30) | st.text(max_size=20))
def test_a_plan_is_read_or_refused_and_means_what_it_says(text: str) -> None:
    with suppress(RitornelloError):
        plan = Plan.parse(text)
        assert plan.pairs == () or Plan.parse(str(plan), plan.bars) == plan


@few
@given(st.text("12389-:;, pianobs²٣", max_size=30) | st.text(max_size=20))
def test_instruments_are_read_or_refused(text: str) -> None:
    with suppress(RitornelloError):
        assert Instruments.parse(text).at(1)


@few
@given(
    st.lists(
        st.fixed_dictionaries(
            {"bars": st.sampled_from(["9-12", 9, "3"]) | json_values},
            optional={"source": st.sampled_from(["1-4", 1]) | json_values, "kind": st.just("vary") | json_values},
        )
        | json_values,
        max_size=3,
    )
    | json_values
)
def test_a_json_plan_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    with suppress(RitornelloError):
        assert Plan.read(path).bars


@few
@given(
    st.lists(
        st.integers(0, v.SIZE - 1).map(v.token_name) | st.sampled_from(["t-35", "o-0", "i-80", "b-1"]), max_size=20
    )
)
def test_any_tokens_survive_their_text_and_are_a_song_or_refused(words: list[str]) -> None:
    bars = text_to_tokens(" ".join(words))
    assert [bar.tolist() for bar in text_to_tokens(tokens_to_text(bars))] == [bar.tolist() for bar in bars]
    with suppress(RitornelloError):
        decode(TokenSong(bars))


@few
@given(st.text(max_size=20) | st.text("tpdvob-0123456789 <>/s\n", max_size=30))
def test_any_text_is_tokens_or_refused(text: str) -> None:
    with suppress(RitornelloError):
        assert all(len(bar) for bar in text_to_tokens(text))


@few
@given(st.data())
def test_a_checkpoint_of_any_description_is_loaded_or_refused(checkpoint: Path, data: st.DataObject) -> None:
    path = checkpoint / "config.json"
    before = path.read_bytes()
    path.write_text(json.dumps(edited(json.loads(before), data)), encoding="utf-8")
    try:
        with suppress(RitornelloError):
            assert load_network(checkpoint).network.config.layers == 2
    finally:
        path.write_bytes(before)


@few
@given(st.data())
def test_weights_with_damaged_bytes_are_loaded_or_refused(checkpoint: Path, data: st.DataObject) -> None:
    path = checkpoint / "model.safetensors"
    before = path.read_bytes()
    header = 8 + int.from_bytes(before[:8], "little")
    damaged = bytearray(before)
    for _ in range(data.draw(st.integers(0, 3))):
        damaged[data.draw(st.integers(0, min(header + 64, len(before)) - 1))] = data.draw(st.integers(0, 255))
    size = data.draw(st.just(len(before)) | st.integers(0, header) | st.integers(0, len(before)))
    path.write_bytes(damaged[:size])
    try:
        with suppress(RitornelloError):
            values = load_network(checkpoint).network.state_dict().values()
            assert all(bool(torch.isfinite(value).all()) for value in values)
    finally:
        path.write_bytes(before)


@few
@given(st.data())
def test_shards_with_any_manifest_are_read_or_refused(shards: Path, data: st.DataObject) -> None:
    path = shards / "manifest.json"
    before = path.read_bytes()
    path.write_text(json.dumps(edited(json.loads(before), data)), encoding="utf-8")
    try:
        with suppress(RitornelloError):
            read = TokenShards(shards)
            assert len(read.split("all")) == len(read)
            for index in range(len(read)):
                assert len(read[index].tokens) == read.tokens_of(index) == read[index].bar_lengths.sum()
    finally:
        path.write_bytes(before)
