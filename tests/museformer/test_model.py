from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from ritornello.errors import ArgumentError
from ritornello.museformer.attention.bars import NO_SOURCE
from ritornello.museformer.attention.layout import Packed
from ritornello.museformer.attention.sequence import BarSequence, make_sequence
from ritornello.museformer.config import SIZES, VARIANTS, MuseformerConfig, Variant
from ritornello.museformer.model import MuseformerNetwork, Path, fastest_path

from .loop_network import LoopSong, logits_by_loops
from .token_songs import pack, packings, random_bars

ROTARY = SIZES["tiny"]
PAPER = dataclasses.replace(ROTARY, rotary=False)
PACKINGS = tuple(packings())
KINDS = [
    *((PAPER, name) for name in PACKINGS),
    *((PAPER.as_variant(variant), "plan") for variant in VARIANTS[1:]),
    (PAPER.as_variant("full"), "songs together"),
    (ROTARY, "plan and infill"),
    (ROTARY.as_variant("no_coarse"), "plan"),
]
pytestmark = pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
each_kind = pytest.mark.parametrize(
    ("config", "name"), KINDS, ids=[f"{c.variant}{', rotary' if c.rotary else ''}, {n}" for c, n in KINDS]
)


def network(config: MuseformerConfig, dtype: torch.dtype = torch.float64, scale: float = 1.0) -> MuseformerNetwork:
    """A network whose every tensor matters: biases and plan biases are drawn, too."""
    torch.manual_seed(3)
    model = MuseformerNetwork(config)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.ndim == 1:
                value.add_(torch.randn(value.shape) * (2.0 if "plan" in name else 0.3) * scale)
    return model.to(dtype)


def batch(config: MuseformerConfig, name: str) -> Packed:
    return pack(packings(config.offsets)[name], config.has_summaries)


def as_loop_songs(sequences: tuple[BarSequence, ...]) -> list[LoopSong]:
    songs = []
    for sequence in sequences:
        order = sequence.order.tolist()
        bars = [sequence.ids[a:b].tolist() for a, b in zip(sequence.starts[:-1], sequence.starts[1:], strict=True)]
        songs.append(LoopSong(bars, order, [0 if s == NO_SOURCE else order[s] for s in sequence.sources]))
    return songs


def value_and_gradients(logits: Tensor, model: MuseformerNetwork) -> list[Tensor]:
    probe = torch.randn(logits.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return [
        logits.detach(),
        *torch.autograd.grad((logits * probe.to(logits.dtype)).sum(), list(model.parameters()), materialize_grads=True),
    ]


@each_kind
def test_values_and_gradients_are_those_of_the_formulas(config: MuseformerConfig, name: str) -> None:
    model = network(config)
    packed = batch(config, name)
    weights = dict(model.named_parameters())
    loops = torch.cat([logits_by_loops(weights, config, song) for song in as_loop_songs(packed.sequences)])
    expected = value_and_gradients(loops, model)
    # Rotary angles are computed in float32.
    tolerance = 2e-5 if config.variant == "full" or config.rotary else 1e-10
    for path in ("gather", "dense"):
        found = value_and_gradients(model(packed, path), model)
        for what, mine, theirs in zip(["logits", *weights], found, expected, strict=True):
            size = max(1.0, float(theirs.abs().max()))
            assert float((mine - theirs).abs().max()) <= tolerance * size, (path, what)


@each_kind
@pytest.mark.parametrize("path", ["gather", "flex"])
def test_fast_paths_agree_with_the_reference_in_float32(config: MuseformerConfig, name: str, path: Path) -> None:
    model, packed = network(config, torch.float32), batch(config, name)
    with torch.no_grad():
        difference = model(packed, path) - model(packed, "dense")
    assert float(difference.abs().max()) <= 1e-5


@each_kind
def test_gradients_of_the_gather_agree_with_the_reference_in_float32(config: MuseformerConfig, name: str) -> None:
    model, packed = network(config, torch.float32), batch(config, name)
    pairs = zip(*(value_and_gradients(model(packed, path), model) for path in ("gather", "dense")), strict=True)
    for mine, theirs in pairs:
        assert float((mine - theirs).norm()) <= 1e-4 * max(1.0, float(theirs.norm()))


@each_kind
def test_bfloat16_agrees_with_the_reference(config: MuseformerConfig, name: str) -> None:
    torch.manual_seed(0)
    model, packed = MuseformerNetwork(config), batch(config, name)
    with torch.no_grad():
        expected = model(packed, "dense")
        with torch.autocast("cpu", torch.bfloat16):
            found = {path: model(packed, path).float() for path in ("gather", "dense")}
    for path in ("gather", "dense"):
        assert float((found[path] - expected).norm() / expected.norm()) <= 2e-2, path


@pytest.mark.skipif(not torch.cuda.is_available(), reason="FlexAttention has gradients on GPUs only")
@pytest.mark.parametrize("name", ["plan", "songs together"])
def test_gradients_of_flex_agree_with_the_reference(name: str) -> None:
    config = dataclasses.replace(ROTARY, width=128)
    model, packed = network(config, torch.float32).cuda(), batch(config, name)
    pairs = zip(*(value_and_gradients(model(packed, path), model) for path in ("flex", "dense")), strict=True)
    for mine, theirs in pairs:
        assert float((mine - theirs).norm()) <= 1e-3 * max(1.0, float(theirs.norm()))


def test_flex_on_a_cpu_says_that_it_has_no_gradients() -> None:
    with pytest.raises(ArgumentError, match="no gradients on a CPU"):
        network(ROTARY)(batch(ROTARY, "plan"), "flex")


def test_the_path_is_chosen_by_the_device() -> None:
    assert fastest_path(torch.device("cpu")) == "gather"
    assert fastest_path(torch.device("cuda")) == "flex"
    model, packed = network(ROTARY), batch(ROTARY, "infill")
    assert torch.equal(model(packed), model(packed, "gather"))


@pytest.mark.parametrize("path", ["gather", "flex", "dense"])
def test_the_plan_bias_draws_bars_to_their_source(path: Path) -> None:
    model, packed = network(ROTARY), batch(ROTARY, "plan")
    with torch.no_grad():
        before = model(packed, path)
        for layer in model.layers:
            layer.plan_bias.zero_()
        after = model(packed, path)
    planned = torch.from_numpy((packed.sequences[0].sources != NO_SOURCE)[packed.sequences[0].places])
    planned[0] = False
    first = int(planned.nonzero()[0])
    changed = (before - after).abs().amax(1) > 1e-9
    assert not changed[:first].any()
    assert changed[planned].all()


@pytest.mark.parametrize(
    ("size", "variant", "count"),
    [
        ("paper", "museformer", 16_145_408),
        ("paper", "full", 16_136_064),
        ("small", "museformer", 3_664_384),
        ("small", "full", 3_659_712),
    ],
)
def test_parameters_are_as_many_as_the_paper_says(size: str, variant: Variant, count: int) -> None:
    with torch.device("meta"):  # counted, not made
        model = MuseformerNetwork(dataclasses.replace(SIZES[size].as_variant(variant), plan_bias=False))
        planned = MuseformerNetwork(SIZES[size].as_variant(variant))
    assert sum(value.numel() for value in model.parameters()) == count
    biases = SIZES[size].layers * SIZES[size].heads if variant == "museformer" else 0
    assert sum(value.numel() for value in planned.parameters()) == count + biases


def test_bar_40_sees_the_bars_of_the_paper_finely_and_all_others_by_summary() -> None:
    packed = pack([make_sequence(random_bars(np.random.default_rng(0), 45))])
    sequence = packed.sequences[0]
    block = packed.token_blocks[40]
    seen = {row for start, stop in block.keys for row in range(start, stop)}
    tokens = {row - packed.summaries for row in seen if row >= packed.summaries}
    fine = {40 - offset for offset in (1, 2, 4, 8, 12, 16, 24, 32)}
    assert {int(bar) + 1 for bar in sequence.places[sorted(tokens - {0})]} == fine | {40}
    assert all(set(range(*sequence.starts[bar - 1 : bar + 1])) <= tokens for bar in fine)
    assert 0 in tokens  # the start symbol
    assert {row + 1 for row in seen if row < packed.summaries} == set(range(1, 40)) - fine


def test_dropout_is_drawn_in_training_only() -> None:
    model, packed = network(dataclasses.replace(ROTARY, dropout=0.5)), batch(ROTARY, "plain")
    assert not torch.equal(model(packed), model(packed))
    model.eval()
    assert torch.equal(model(packed), model(packed))
