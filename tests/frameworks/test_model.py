"""The network: a step gives what the whole phrase gives, nothing sees what comes after it, every switch counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import nn

from ritornello.errors import ArgumentError
from ritornello.frameworks.batches import Example, collate
from ritornello.frameworks.config import NetworkConfig
from ritornello.frameworks.examples import FORMS, song_examples
from ritornello.frameworks.features import TASKS, TaskName, basic_features
from ritornello.frameworks.measuring import network_hits
from ritornello.frameworks.model import FrameworkNetwork, allowed_only

from .invented import plan, song

VARIANTS = [{}, {"encoder": "lstm"}, {"copying": False}, {"intervals": False}]


def network(task: TaskName, **config: object) -> FrameworkNetwork:
    torch.manual_seed(1)
    model = FrameworkNetwork(NetworkConfig(task, width=16, heads=2, feed_forward=16, hidden=8, **config))  # type: ignore[arg-type]
    for value in model.parameters():
        nn.init.normal_(value, std=0.3)
    return model.eval()


def examples(task: TaskName, seed: int = 0, **kind: int) -> Sequence[Example]:
    return song_examples(task, song(seed, "ABA", **kind))[FORMS[task][-1]]


@pytest.mark.parametrize("config", VARIANTS)
@pytest.mark.parametrize("task", TASKS)
@torch.inference_mode()
def test_steps_are_the_whole_phrase(task: TaskName, config: dict[str, object]) -> None:
    model, phrases = network(task, **config), examples(task)
    for with_song in (False, True):
        whole = model(collate([phrases], with_song))[2]
        memory = model.remember([(e.features, e.tokens.tolist()) for e in phrases[:2]]) if with_song else None
        state, last, rows = model.begin(phrases[2].features, memory, beams=2), None, []
        for token in phrases[2].tokens.tolist():
            found, state = model.step(last, state)
            state, last = state.select(torch.tensor([1, 0])), torch.tensor([token, token])
            rows.append(found)
        found = torch.stack(rows, 1)
        for beam in range(2):
            torch.testing.assert_close(found[beam], whole[: len(rows)], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("task", TASKS)
@torch.inference_mode()
def test_nothing_sees_what_comes_after_it(task: TaskName) -> None:
    model, phrases = network(task), list(examples(task))
    before = model(collate([phrases]))
    tokens = phrases[1].tokens.copy()
    changed = 2
    tokens[changed] = (tokens[changed] + 1) % 100
    phrases[1] = dataclasses.replace(phrases[1], tokens=tokens)
    after = model(collate([phrases]))
    assert torch.equal(after[0], before[0])
    torch.testing.assert_close(after[1, : changed + 1], before[1, : changed + 1])
    assert not torch.allclose(after[1, changed + 1], before[1, changed + 1])
    assert not torch.allclose(after[2, 0], before[2, 0])
    length = len(phrases[2].tokens)
    alone = model(collate([phrases[2:]]))[0]
    torch.testing.assert_close(model(collate([phrases], False))[2, :length], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("task", TASKS)
@torch.inference_mode()
def test_padding_and_other_songs_change_nothing(task: TaskName) -> None:
    model, phrases = network(task), examples(task)
    alone = model(collate([phrases]))
    together = model(collate([examples(task, 7, bars=5), phrases]))
    length = alone.shape[1]
    torch.testing.assert_close(together[3:, :length], alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(alone.exp().sum(-1), torch.ones(alone.shape[:2]))


@torch.inference_mode()
def test_possible_classes_share_all_probability() -> None:
    model, phrases = network("rhythm"), examples("rhythm")
    batch = collate([phrases])
    assert batch.allowed is not None
    found = allowed_only(model(batch), batch.allowed)
    torch.testing.assert_close(found.exp().sum(-1), torch.ones(found.shape[:2]))
    assert (found[~batch.allowed] == -torch.inf).all()
    hits = network_hits(model, [phrases])
    assert hits.asked.tolist() == [12.0] and hits.nats_per_token > 0


@torch.inference_mode()
def test_a_pointer_that_decides_copies_the_song() -> None:
    model = network("basic")
    assert model.gate is not None and model.pointer is not None
    nn.init.zeros_(model.gate.weight)
    nn.init.constant_(model.gate.bias, 20.0)
    for value in model.pointer.parameters():
        nn.init.zeros_(value)
    model.pointer.alignment.weight[8] = 30.0  # same letter, same place
    phrases = examples("basic")
    found = model(collate([phrases]))[2].argmax(-1)
    assert found.tolist() == phrases[0].tokens.tolist()


@torch.inference_mode()
def test_intervals_are_counted_from_the_last_pitch() -> None:
    model = network("basic", copying=False)
    assert model.intervals is not None
    nn.init.zeros_(model.intervals.weight)
    nn.init.zeros_(model.intervals.bias)
    model.intervals.bias[24 + 2] = 50.0  # a whole tone up
    phrases = examples("basic")
    found = model(collate([phrases]))[0]
    for place in range(1, 4):
        last = int(phrases[0].tokens[place - 1])
        assert last == 0 or int(found[place].argmax()) == last + 2


def test_wrong_questions_are_refused() -> None:
    model = network("basic")
    with pytest.raises(ArgumentError, match="the basic network cannot read 4 rhythm tokens"):
        model.begin(examples("rhythm")[0].features)
    state = model.begin(basic_features(plan(1)))
    with pytest.raises(ArgumentError, match="first step"):
        model.step(torch.tensor([3]), state)
    _, state = model.step(None, state)
    _, state = model.step(torch.tensor([60]), state)
    with pytest.raises(ArgumentError, match="complete after 2 tokens"):
        model.step(torch.tensor([60]), state)


@pytest.mark.parametrize(
    ("field", "value"),
    [("width", 0), ("width", 15), ("dropout", 1.0), ("encoder", "rnn"), ("copying", 1), ("task", "x")],
)
def test_wrong_sizes_are_refused(field: str, value: object) -> None:
    with pytest.raises(ArgumentError):
        NetworkConfig(**{"task": "basic", field: value})  # type: ignore[arg-type]


def test_paper_sized_networks_stay_small() -> None:
    sizes = {task: sum(v.numel() for v in FrameworkNetwork(NetworkConfig(task)).parameters()) for task in TASKS}
    assert all(size < 600_000 for size in sizes.values())


def test_collated_phrases_stand_where_they_were() -> None:
    phrases = examples("melody")
    batch = collate([phrases, phrases[:1]])
    flat = batch.tokens.reshape(-1)[batch.by_song]
    expected = np.concatenate([example.tokens for example in phrases])
    assert flat[0][batch.in_song[0]].tolist() == expected.tolist()
    assert flat[1][batch.in_song[1]].tolist() == phrases[0].tokens.tolist()
