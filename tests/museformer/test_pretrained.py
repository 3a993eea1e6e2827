"""Checkpoints of Museformer: the same network comes back, from weights and from training runs; others are refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from ritornello.errors import ReadError
from ritornello.files import write_json
from ritornello.museformer.config import SIZES, VARIANTS, Variant
from ritornello.museformer.model import MuseformerNetwork
from ritornello.museformer.pretrained import load_network, save_network
from ritornello.museformer.train import Recipe
from ritornello.training.checkpoint import save_checkpoint


def network(variant: Variant = "museformer") -> MuseformerNetwork:
    torch.manual_seed(0)
    return MuseformerNetwork(SIZES["tiny"].as_variant(variant))


def assert_same(one: MuseformerNetwork, other: MuseformerNetwork) -> None:
    assert one.config == other.config
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_network_comes_back_with_its_sizes(variant: Variant, tmp_path: Path) -> None:
    save_network(network(variant), tmp_path / "mine", {"steps": 7}, half=False)
    found = load_network(tmp_path / "mine")
    assert_same(found.network, network(variant))
    assert not found.network.training
    assert (found.name, found.training) == ("mine", {"steps": 7})


def test_half_precision_is_computed_in_single(tmp_path: Path) -> None:
    save_network(network(), tmp_path / "mine")
    found = load_network(tmp_path / "mine").network.state_dict()
    for name, value in network().state_dict().items():
        assert found[name].dtype == value.dtype
        assert torch.equal(found[name], value.bfloat16().to(value.dtype))


def test_a_training_run_and_its_checkpoints_are_read(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    recipe = {"vocabulary": "museformer-remigen2", "size": "tiny", "variant": "no_coarse"}
    write_json(tmp_path / "run" / "recipe.json", recipe)
    early, late = network("no_coarse"), network("no_coarse")
    torch.nn.init.zeros_(early.output.weight)
    save_checkpoint(tmp_path / "run", 10, early, [], {})
    save_checkpoint(tmp_path / "run", 20, late, [], {})
    assert_same(load_network(tmp_path / "run").network, late)
    assert_same(load_network(tmp_path / "run" / "step-00000010").network, early)
    assert load_network(tmp_path / "run").training["checkpoint"] == "step-00000020"


@pytest.mark.parametrize(
    ("said", "rotary"), [({"rotary": None}, SIZES["tiny"].rotary), ({"rotary": True}, True), ({"rotary": False}, False)]
)
def test_a_recipe_says_whether_positions_are_rotary(said: dict[str, bool | None], rotary: bool, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    recipe = {"vocabulary": "museformer-remigen2", "size": "tiny", "variant": "museformer", **said}
    write_json(tmp_path / "run" / "recipe.json", recipe)
    save_checkpoint(tmp_path / "run", 1, network(), [], {})
    assert load_network(tmp_path / "run").network.config.rotary is rotary


def test_a_recipe_says_how_wide_the_feed_forward_networks_are(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    recipe = {"vocabulary": "museformer-remigen2", "size": "tiny", "variant": "no_coarse", "ffn": 64}
    write_json(tmp_path / "run" / "recipe.json", recipe)
    narrow = MuseformerNetwork(dataclasses.replace(SIZES["tiny"].as_variant("no_coarse"), ffn=64))
    save_checkpoint(tmp_path / "run", 1, narrow, [], {})
    assert_same(load_network(tmp_path / "run").network, narrow)
    assert Recipe(size="tiny", variant="no_coarse", ffn=64).config == narrow.config


def edited(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def edit(config: dict[str, Any]) -> None:
        place = config
        *path, last = name.split(".")
        for key in path:
            place = place[key]
        place[last] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (edited("version", 2), "version 2; this release reads version 1"),
        (edited("format", "ritornello compressor"), "not weights of the format 'ritornello museformer'"),
        (edited("vocabulary", "octuple"), "vocabulary 'octuple'"),
        (edited("config.width", 65536), "do not fit"),
        (edited("config.layers", 60000), "2 layers, config.json says 60000"),
        (edited("config.width", 33), "damaged sizes"),
        (edited("config.width", "wide"), "damaged sizes"),
        (edited("config.colour", 3), "damaged sizes"),
        (edited("config.rotary", "false"), "rotary is true or false"),
        (edited("version", "1"), "version '1'"),
        (edited("training", [1]), "training"),
        (edited("config", None), "damaged sizes"),
    ],
)
def test_other_checkpoints_are_refused_in_one_line(
    edit: Callable[[dict[str, Any]], None], words: str, tmp_path: Path
) -> None:
    save_network(network(), tmp_path / "w")
    config = json.loads((tmp_path / "w" / "config.json").read_text(encoding="utf-8"))
    edit(config)
    write_json(tmp_path / "w" / "config.json", config)
    with pytest.raises(ReadError, match=words) as error:
        load_network(tmp_path / "w")
    assert "\n" not in str(error.value)
    assert str(tmp_path / "w") in str(error.value)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda weight: weight * float("nan"), "no finite number"),
        (lambda weight: weight / 0, "no finite number"),
        (lambda weight: weight.to(torch.int32), "no finite number"),
        (lambda weight: weight[:-1], "another shape"),
    ],
)
def test_damaged_weights_are_refused_by_their_name(
    damage: Callable[[torch.Tensor], torch.Tensor], words: str, tmp_path: Path
) -> None:
    save_network(network(), tmp_path / "w")
    path = tmp_path / "w" / "model.safetensors"
    tensors = load_file(path)
    save_file({**tensors, "output.weight": damage(tensors["output.weight"])}, path)
    with pytest.raises(ReadError, match=f"'output.weight'.*{words}"):
        load_network(tmp_path / "w")


def test_an_empty_folder_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"config\.json: no such file"):
        load_network(tmp_path)
