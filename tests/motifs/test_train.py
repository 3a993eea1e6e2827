"""Training: what batches hold, that it learns, that a stopped run goes on exactly, and that weights come back."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ritornello.datasets.pop909_motifs import Pop909Motifs
from ritornello.errors import ArgumentError, ReadError, RitornelloError, WriteError
from ritornello.motifs.ablations import load_ablations, save_ablations
from ritornello.motifs.data import Examples, bar_pool, labelled, rhythm_groups, window_pool
from ritornello.motifs.model import EncoderConfig
from ritornello.motifs.pretrained import NetworkEmbedder, load_embedder, save_embedder
from ritornello.motifs.recipes import RECIPES, train_motifs, with_seed, with_steps
from ritornello.motifs.stages import Stage, StageTask, TrainingData
from ritornello.motifs.windows import Window, note_frames

from .motif_pack import write_pack

TINY = RECIPES["tiny"].config


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Pop909Motifs:
    return Pop909Motifs(write_pack(tmp_path_factory.mktemp("pack")))


@pytest.fixture(scope="module")
def examples(data: Pop909Motifs) -> TrainingData:
    return TrainingData(window_pool(data), labelled(data, data.split("train")))


def windows() -> list[Window]:
    return [
        Window(np.array([0.0, 1.0, length - 0.5]), np.full(3, 0.5), np.array([60, 64, 67 + step]), length)
        for step, length in enumerate((4.0, 2.0, 8.0, 4.0))
    ]


def test_the_pool_has_windows_of_all_lengths_and_guesses_motifs_by_rhythm(data: Pop909Motifs) -> None:
    bars, pools = bar_pool(data), window_pool(data)
    assert [set(pool.notes.frames.tolist()) for pool in pools] == [{32}, {16}, {64}, {128}]
    assert len(bars) == 12 * len(data.pool())
    assert not set(data.pool()) & {"001", "002", "025"}  # validation, and what the split of the pack keeps back
    for song in np.unique(bars.song):
        assert len(np.unique(bars.group[bars.song == song])) == 3


def test_rhythm_groups_are_of_one_song_and_one_rhythm() -> None:
    onsets = ([0.0, 1.0], [0.0, 1.0], [0.0, 2.0], [0.0, 1.0])
    notes = note_frames(
        [Window(np.array(own), np.full(2, 0.5), np.array([60, 61 + i]), 4.0) for i, own in enumerate(onsets)]
    )
    assert rhythm_groups(notes, np.array([0, 0, 0, 1])).tolist() == [0, 0, 1, 2]


def test_triplets_are_two_bars_of_a_motif_and_one_of_another_song(examples: TrainingData) -> None:
    task = StageTask(Stage("triplet", 1, batch=64), TINY, examples, 0)
    (batch,) = task.batches(0, 0, 1)
    anchor, positive, negative = batch.frames.chunk(3)
    anchor_group, positive_group, _ = batch.group.chunk(3)
    anchor_song, _, negative_song = batch.song.chunk(3)
    assert torch.equal(anchor_group, positive_group)
    assert (anchor_song != negative_song).all()
    assert (anchor != positive).flatten(1).any(dim=1).all()  # never the anchor itself
    assert len(negative) == 64


def test_vicreg_compares_a_bar_with_its_views(examples: TrainingData) -> None:
    plain = dataclasses.replace(TINY, is_lowered=False)
    task = StageTask(Stage("vicreg", 1, batch=16, views=3), plain, examples, 0)
    (batch,) = task.batches(0, 0, 1)
    first, second, third = batch.group.chunk(3)
    assert torch.equal(first, second)
    assert torch.equal(first, third)
    frames = batch.frames.chunk(3)
    assert not torch.equal(frames[0], frames[1])


@pytest.mark.parametrize("name", ["pool", "labels"])
def test_every_window_has_another_of_its_group_and_in_song_negatives(examples: TrainingData, name: str) -> None:
    task = StageTask(Stage(name, 1, batch=32, pool_share=0.0), TINY, examples, 0)  # type: ignore[arg-type]
    (batch,) = task.batches(3, 0, 1)
    same = batch.group[:, None] == batch.group[None]
    song = batch.song[:, None] == batch.song[None]
    assert (same.sum(dim=1) > 1).float().mean() > 0.9
    assert (song & ~same).any()
    again = task.batches(3, 0, 1)[0]
    assert torch.equal(batch.frames, again.frames)
    assert not torch.equal(batch.frames[:8], task.batches(4, 0, 1)[0].frames[:8])


def test_stages_without_their_data_are_refused(examples: TrainingData) -> None:
    nothing = TrainingData(())
    for name in ("vicreg", "pool", "triplet", "labels"):
        with pytest.raises(ArgumentError, match="needs"):
            StageTask(Stage(name, 1), TINY, nothing, 0)  # type: ignore[arg-type]


def test_it_learns_and_a_stopped_run_goes_on_exactly(data: Pop909Motifs, tmp_path: Path) -> None:
    recipe = with_steps(RECIPES["tiny"], 24)
    whole = train_motifs(data, recipe, tmp_path / "whole")
    losses = [json.loads(line)["loss"] for line in (tmp_path / "whole" / "1-pool" / "log.jsonl").open()]
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    # The second stage is lost, and done again from what the first left.
    place = tmp_path / "again"
    train_motifs(data, recipe, place)
    import shutil

    shutil.rmtree(place / "2-labels")
    shutil.rmtree(place / "weights")
    again = train_motifs(data, recipe, place)
    for first, second in zip(whole.encoder.state_dict().values(), again.encoder.state_dict().values(), strict=True):
        assert torch.equal(first, second)
    with pytest.raises(ArgumentError, match="another"):
        train_motifs(data, with_seed(recipe, 5), place)


def test_the_two_stages_of_the_paper_run_and_keep_the_best(data: Pop909Motifs, tmp_path: Path) -> None:
    sizes = dataclasses.replace(TINY, has_onsets=False, is_lowered=False, is_normalised=False)
    recipe = dataclasses.replace(
        RECIPES["siamese"], config=sizes,
        stages=(Stage("vicreg", 3, batch=8, warmup_steps=1), Stage("triplet", 3, batch=8, warmup_steps=1)),
    )  # fmt: skip
    trained = train_motifs(data, recipe, tmp_path / "run", joins=False)
    assert trained.whitening is None
    note = json.loads((tmp_path / "run" / "2-triplet" / "best.json").read_text())
    assert 0 < note["held_out_map"] <= 1
    assert trained.embed(windows()).shape == (4, 8)


def test_the_papers_recipe_is_ready() -> None:
    paper = RECIPES["paper"]
    assert paper.config == EncoderConfig()
    assert [stage.name for stage in paper.stages] == ["vicreg", "triplet"]
    assert paper.stages[0].views == 6
    ours = {sum(stage.steps for stage in RECIPES[name].stages) for name in RECIPES if name.startswith("siamese")}
    assert len(ours) == 1  # ablations have as many steps
    for steps in (2, 3, 100, 12_345):
        own = [stage.steps for stage in with_steps(paper, steps).stages]
        assert sum(own) == steps
        assert min(own) >= 1
    with pytest.raises(ArgumentError, match="less than one"):
        with_steps(paper, 1)


def test_weights_come_back_and_damaged_ones_are_refused(data: Pop909Motifs, tmp_path: Path) -> None:
    trained = train_motifs(data, RECIPES["tiny"], tmp_path / "run")
    save_embedder(trained, tmp_path / "exact")
    for place in (tmp_path / "exact", tmp_path / "run"):
        found = load_embedder(place)
        assert found.dimensions == 8 + 192 + 1
        assert np.allclose(found.embed(windows()), trained.embed(windows()), atol=1e-5)
    with pytest.raises(WriteError, match="exists"):
        save_embedder(trained, tmp_path / "exact")
    config = tmp_path / "exact" / "config.json"
    whole = json.loads(config.read_text())
    for change in (
        {"format": "other"},
        {"version": 2},
        {"encoder": {"width": 17}},
        {"encoder": None},
        {"joined_weight": "x"},
    ):
        config.write_text(json.dumps({**whole, **change}))
        with pytest.raises(ReadError):
            load_embedder(tmp_path / "exact")
    config.write_text(json.dumps(whole))
    weights = tmp_path / "exact" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-50])
    with pytest.raises(RitornelloError):
        load_embedder(tmp_path / "exact")
    with pytest.raises(ArgumentError, match="not found"):
        load_embedder("no-such-motifs")


def test_vectors_do_not_depend_on_the_other_windows_and_see_transposed_ones_alike(
    data: Pop909Motifs, tmp_path: Path
) -> None:
    embedder = train_motifs(data, RECIPES["tiny"], tmp_path / "run")
    own = windows()
    together = embedder.embed(own)
    assert together.dtype == np.float32
    moved = [Window(each.onset, each.duration, each.pitch + 5, each.length) for each in own]
    for place, each in enumerate(own):
        assert np.allclose(embedder.embed([each])[0], together[place], atol=1e-5)
    transposed = embedder.embed(moved)[:, : embedder.encoder.config.dimensions]
    assert np.allclose(transposed, together[:, : embedder.encoder.config.dimensions], atol=1e-5)


def test_ablations_are_kept_by_system_and_seed(tmp_path: Path) -> None:
    from ritornello.motifs.model import MotifEncoder

    networks = [NetworkEmbedder(MotifEncoder(TINY).eval(), None, 0.0, "") for _ in range(3)]
    save_ablations({"first": networks[:2], "second": networks[2:]}, tmp_path / "all", {"steps": 1})
    found = load_ablations(tmp_path / "all")
    assert {name: len(own) for name, own in found.items()} == {"first": 2, "second": 1}
    first, second = (one.embed(windows()) for one in (found["first"][1], networks[1]))
    assert np.allclose(first, second, atol=0.05)
    assert load_ablations() == {} or {len(own) for own in load_ablations().values()} == {5}


def test_groups_of_examples_are_examples(examples: TrainingData) -> None:
    assert isinstance(examples.labels, Examples)
    assert len(examples.labels) == len(examples.labels.notes)
