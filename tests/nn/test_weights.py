"""Weights by name: where they are looked for, in which order, and what is refused."""

from __future__ import annotations

import json
import shutil
import stat
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from ritornello.errors import ArgumentError, ReadError, WriteError
from ritornello.nn import weights

TENSORS = {"a": torch.tensor([1.0, 0.1]), "n": torch.tensor([3])}
CONFIG = {"format": "test", "version": 2}


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A package and a cache of our own."""
    monkeypatch.setattr(weights, "PACKAGED", tmp_path / "package")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "package").mkdir()
    return {"package": tmp_path / "package", "cache": tmp_path / "cache" / "ritornello" / "weights"}


def test_what_is_saved_is_loaded_in_half_precision_or_whole(tmp_path: Path) -> None:
    for half in (True, False):
        weights.save_weights(tmp_path / "w", TENSORS, CONFIG, half=half, force=True)
        found = weights.load_tensors(tmp_path / "w")
        assert found["a"].dtype == (torch.bfloat16 if half else torch.float32)
        assert torch.equal(found["a"].float(), TENSORS["a"].bfloat16().float() if half else TENSORS["a"])
        assert torch.equal(found["n"], TENSORS["n"])
        assert weights.read_config(tmp_path / "w", "test", 2) == CONFIG
    assert stat.S_IMODE((tmp_path / "w" / "model.safetensors").stat().st_mode) == 0o644


def test_existing_weights_are_kept_unless_forced(tmp_path: Path) -> None:
    weights.save_weights(tmp_path / "w", TENSORS, CONFIG)
    with pytest.raises(WriteError, match="--force"):
        weights.save_weights(tmp_path / "w", TENSORS, CONFIG)


def test_names_are_found_in_the_package_then_on_disk_then_in_the_cache(places: dict[str, Path], tmp_path: Path) -> None:
    for place in (places["cache"] / "w", tmp_path / "w", places["package"] / "w"):
        with pytest.raises(ArgumentError, match="not found"):
            weights.resolve(place.name + "x")
        weights.save_weights(place, TENSORS, CONFIG)
        assert weights.resolve("w").resolve() == place.resolve()
    assert weights.resolve(tmp_path / "w") == tmp_path / "w"
    assert weights.resolve("./w") == Path("w")
    assert weights.available() == ["w"]


def test_what_there_is_is_listed_when_a_name_is_unknown(places: dict[str, Path]) -> None:
    weights.save_weights(places["package"] / "one", TENSORS, CONFIG)
    weights.save_weights(places["cache"] / "two", TENSORS, CONFIG)
    for name in ("three", "", "n" * 300, "a\0b"):
        with pytest.raises(ArgumentError, match="known: one, two"):
            weights.resolve(name)


def test_names_of_the_hub_are_asked_for_only_if_its_library_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ArgumentError, match="huggingface_hub"):
        weights.resolve("owner/name")


def test_what_the_hub_gives_is_kept_whole_or_not_at_all(
    places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights.save_weights(tmp_path / "hub", TENSORS, CONFIG)
    given = ["config.json"]

    def snapshot_download(name: str, *, local_dir: Path, allow_patterns: list[str]) -> None:
        for file in given:
            shutil.copy(tmp_path / "hub" / file, local_dir)
        if name == "owner/gone":
            raise OSError("no\nnetwork")

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(snapshot_download=snapshot_download))
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda name: object())
    for name, words in (("owner/gone", r"does not give it \(no network\)"), ("owner/name", "no model.safetensors")):
        with pytest.raises(ReadError, match=words):
            weights.resolve(name)
    assert not list(places["cache"].parent.glob("*/*"))
    given.append("model.safetensors")
    assert weights.resolve("owner/name") == places["cache"] / "owner--name"
    given.clear()
    assert torch.equal(weights.load_tensors(weights.resolve("owner/name"))["n"], TENSORS["n"])


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("{", "damaged, no JSON"),
        ("[]", "not weights of the format 'test'"),
        ('{"format": "other", "version": 2}', "not weights of the format 'test'"),
        ('{"format": "test", "version": 3}', "version 3; this release reads version 2"),
        ('{"format": "test"}', "version None"),
        ("[" * 100_000, "damaged"),
    ],
)
def test_other_formats_and_versions_are_refused(config: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(config, encoding="utf-8")
    with pytest.raises(ReadError, match=words) as error:
        weights.read_config(tmp_path, "test", 2)
    assert "config.json" in str(error.value)


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    for read in (lambda: weights.read_config(tmp_path, "test", 2), lambda: weights.load_tensors(tmp_path)):
        with pytest.raises(ReadError, match="no such file"):
            read()
    weights.save_weights(tmp_path / "w", TENSORS, CONFIG)
    data = (tmp_path / "w" / "model.safetensors").read_bytes()
    for damaged in (b"", data[:20], data[:-3], b"\x80\x04pickle"):
        (tmp_path / "w" / "model.safetensors").write_bytes(damaged)
        with pytest.raises(ReadError, match="damaged"):
            weights.load_tensors(tmp_path / "w")


def test_a_config_is_plain_json(tmp_path: Path) -> None:
    weights.save_weights(tmp_path / "w", TENSORS, CONFIG)
    assert json.loads((tmp_path / "w" / "config.json").read_text(encoding="utf-8")) == CONFIG
