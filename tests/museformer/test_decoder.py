"""Decoding token by token gives what a full pass over the song gives, for every variant and order of bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from ritornello.errors import ArgumentError
from ritornello.museformer.attention.bars import NO_SOURCE
from ritornello.museformer.attention.layout import Packed
from ritornello.museformer.attention.sequence import BarSequence, make_sequence
from ritornello.museformer.config import SIZES, Variant
from ritornello.museformer.decoding.decoder import Decoder
from ritornello.museformer.decoding.full_decoder import FullDecoder
from ritornello.museformer.model import MuseformerNetwork
from ritornello.museformer.tokens import vocabulary as v

INFILL = [*range(1, 21), *range(29, 53), *range(21, 29)]
"""Bars 21 to 28 of 52, rewritten last: they see bars that came long before, on both sides."""


def make_network(
    variant: Variant = "museformer", dtype: torch.dtype = torch.float64, **options: bool
) -> MuseformerNetwork:
    """A network whose biases count: they are zero at first, and zero would hide one that is left out."""
    torch.manual_seed(5)
    network = MuseformerNetwork(replace(SIZES["tiny"].as_variant(variant), **options)).to(dtype).eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "bias" in name or "norm" in name:
                parameter += 0.5 * torch.randn_like(parameter)
    return network


def make_bars(count: int, seed: int = 0) -> list[NDArray[np.int64]]:
    """Grammatical bars of 2 to 80 tokens, a few of them empty, so that pages are full, half full and more than one."""
    rng = np.random.default_rng(seed)
    bars = []
    for bar in range(count):
        tokens = [v.TEMPO0 + 35]
        onsets = np.sort(rng.choice(v.BAR_POSITIONS, rng.integers(0, 17) if bar % 9 else 0, replace=False))
        for onset in onsets:
            note = (v.PITCH0 + rng.integers(128), v.DURATION0 + rng.integers(1, 48), v.VELOCITY0 + rng.integers(32))
            tokens += [v.ONSET0 + onset, v.INSTRUMENT0 + rng.integers(5), *note]
        bars.append(np.array([*tokens, v.BAR_END]))
    return bars


def encode(network: MuseformerNetwork, sequence: BarSequence) -> Tensor:
    with torch.no_grad():
        return network(Packed((sequence,), network.config.has_summaries), path="dense")


def feed(decoder: Decoder | FullDecoder, sequence: BarSequence, rows: int = 0) -> Tensor:
    """Step through a sequence's tokens after the first ``rows`` and return the logits that follow each."""
    return torch.cat([decoder.step(sequence.ids[row : row + 1]) for row in range(rows, len(sequence.ids))])


@pytest.mark.parametrize(
    ("variant", "rotary"),
    [("museformer", True), ("museformer", False), ("no_selection", True), ("no_coarse", True)],
)
def test_stepping_equals_encoding_the_whole_song_again(variant: Variant, rotary: bool) -> None:
    network = make_network(variant, rotary=rotary)
    sequence = make_sequence(make_bars(45), offsets=network.config.offsets)
    decoder = Decoder(network, dtype=torch.float64)
    first = decoder.begin()
    stepped = torch.cat((first[None], feed(decoder, sequence, 1)))
    torch.testing.assert_close(stepped, encode(network, sequence), rtol=0, atol=1e-10)


def test_float32_stays_within_a_ten_thousandth() -> None:
    network = make_network(dtype=torch.float32)
    sequence = make_sequence(make_bars(45))
    decoder = Decoder(network)
    decoder.begin()
    torch.testing.assert_close(feed(decoder, sequence, 1), encode(network, sequence)[1:], rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("order", "sources"),
    [
        (INFILL, None),
        (list(range(1, 46)), [NO_SOURCE] * 8 + [1 + bar % 8 for bar in range(37)]),
        (INFILL, [NO_SOURCE] * 20 + [2] * 24 + list(range(33, 41))),
    ],
    ids=["infill", "plan", "infill by a plan"],
)
def test_orders_and_plans_are_exact(order: list[int], sources: list[int] | None) -> None:
    network = make_network()
    with torch.no_grad():
        for layer in network.layers:
            layer.plan_bias += 1.0
    sequence = make_sequence(make_bars(len(order), seed=1), order, sources)
    decoder = Decoder(network, dtype=torch.float64)
    decoder.begin(order=order, sources=sources)
    torch.testing.assert_close(feed(decoder, sequence, 1), encode(network, sequence)[1:], rtol=0, atol=1e-10)


def test_pieces_in_one_batch_do_not_touch_each_other() -> None:
    network = make_network()
    sequences = [make_sequence(make_bars(count, seed=count)) for count in (40, 7, 22)]
    decoder = Decoder(network, pieces=3, dtype=torch.float64)
    logits: list[list[Tensor]] = [[decoder.begin(piece)] for piece in range(3)]
    for row in range(1, max(len(sequence.ids) for sequence in sequences)):
        active = [piece for piece in (2, 0, 1) if row < len(sequences[piece].ids)]
        stepped = decoder.step([sequences[piece].ids[row] for piece in active], active)
        for piece, row_logits in zip(active, stepped, strict=True):
            logits[piece].append(row_logits)
    for sequence, got in zip(sequences, logits, strict=True):
        torch.testing.assert_close(torch.stack(got), encode(network, sequence), rtol=0, atol=1e-10)


def test_a_piece_alone_and_among_others_has_the_same_logits() -> None:
    network = make_network(dtype=torch.float32)
    sequence = make_sequence(make_bars(9))
    alone, among = Decoder(network), Decoder(network, pieces=6)
    alone.begin()
    for piece in range(6):
        among.begin(piece)
    others = make_sequence(make_bars(60, seed=2)).ids[1:]
    for row, token in enumerate(sequence.ids[1:]):
        pieces = [piece for piece in range(6) if piece == 3 or row % (piece + 2)]
        stepped = among.step([token if piece == 3 else others[row] for piece in pieces], pieces)
        torch.testing.assert_close(stepped[pieces.index(3)], alone.step([token])[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("variant", ["museformer", "full"])
def test_a_pretended_song_can_go_on(variant: Variant) -> None:
    decoder = make_decoder(make_network(variant))
    decoder.pretend([30, 5, 80] * 15)
    logits = [decoder.step([token])[0] for token in make_bars(2, seed=1)[1]]
    assert torch.stack(logits).isfinite().all()
    before = decoder.cache_bytes
    decoder.pretend([30, 5, 80] * 15)
    assert decoder.cache_bytes == before


@pytest.mark.parametrize("variant", ["museformer", "no_selection", "no_coarse", "full"])
@pytest.mark.parametrize("cut", [0, 30])
def test_a_prompt_and_what_follows_equal_stepping_all_along(variant: Variant, cut: int) -> None:
    """With ``cut`` 0 the prompt ends with a bar, else within one."""
    network = make_network(variant)
    bars = make_bars(44, seed=3)
    whole = make_sequence(bars, offsets=network.config.offsets)
    length = int(whole.starts[38]) + cut
    prompt = make_sequence(bars, offsets=network.config.offsets, max_rows=length)
    decoder = make_decoder(network)
    last = decoder.begin(prompt=prompt)
    expected = encode(network, whole)
    got = torch.cat((last[None], feed(decoder, whole, length)))
    torch.testing.assert_close(got, expected[length - 1 :], rtol=0, atol=1e-10)


def test_an_infill_goes_on_from_a_prompt_of_its_surroundings() -> None:
    network = make_network()
    sources = [NO_SOURCE] * 44 + [3] * 8
    bars = make_bars(len(INFILL), seed=4)
    whole = make_sequence(bars, INFILL, sources)
    length = int(whole.starts[44])
    decoder = Decoder(network, dtype=torch.float64)
    decoder.begin(0, make_sequence(bars[:44], INFILL[:44]), INFILL, sources)
    torch.testing.assert_close(feed(decoder, whole, length), encode(network, whole)[length:], rtol=0, atol=1e-10)


def test_a_place_is_used_again_without_a_trace() -> None:
    network = make_network()
    sequence = make_sequence(make_bars(12))
    decoder = Decoder(network, dtype=torch.float64)
    decoder.begin(order=INFILL)
    feed(decoder, make_sequence(make_bars(20, seed=9), INFILL[:20]), 1)
    decoder.begin()
    again = feed(decoder, sequence, 1)
    fresh = Decoder(network, dtype=torch.float64)
    fresh.begin()
    assert torch.equal(again, feed(fresh, sequence, 1))


def test_stored_rows_stop_growing_after_32_bars() -> None:
    bars = make_bars(9, seed=8)
    decoder = Decoder(make_network())
    decoder.begin()
    rows = []
    for bar in range(80):
        decoder.step(bars[bar % 9][:1])
        for token in bars[bar % 9][1:]:
            decoder.step([token])
        rows.append(decoder.cache_bytes)
    assert rows[40] == rows[79]


def test_bars_longer_than_the_room_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ritornello.museformer.decoding.decoder.ROOM", 20)
    network = make_network()
    sequence = make_sequence(make_bars(12))
    decoder = Decoder(network, dtype=torch.float64)
    decoder.begin()
    torch.testing.assert_close(feed(decoder, sequence, 1), encode(network, sequence)[1:], rtol=0, atol=1e-10)


def test_full_attention_with_its_cache_equals_encoding_again() -> None:
    network = make_network("full")
    sequence = make_sequence(make_bars(20))
    decoder = FullDecoder(network, dtype=torch.float64, room=100)
    first = decoder.begin()
    stepped = torch.cat((first[None], feed(decoder, sequence, 1)))
    torch.testing.assert_close(stepped, encode(network, sequence), rtol=0, atol=1e-10)


def test_bfloat16_stays_near() -> None:
    network = make_network(dtype=torch.float32)
    sequence = make_sequence(make_bars(40))
    decoder = Decoder(network, dtype=torch.bfloat16)
    decoder.begin()
    exact = encode(network, sequence)[1:].log_softmax(-1)
    near = feed(decoder, sequence, 1).log_softmax(-1)
    assert float((near - exact).square().mean().sqrt()) < 0.02 * float(exact.std())


def make_decoder(network: MuseformerNetwork) -> Decoder | FullDecoder:
    if network.config.variant == "full":
        return FullDecoder(network, dtype=torch.float64)
    return Decoder(network, dtype=torch.float64)


def announce(**options: Sequence[int]) -> None:
    decoder = Decoder(make_network())
    decoder.begin(**options)  # type: ignore[arg-type]
    for token in (v.TEMPO0 + 35, v.BAR_END) * 3:
        decoder.step([token])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": [1, 2]}, "bar 3 was not announced"),
        ({"order": [1, 2], "sources": [NO_SOURCE]}, "1 sources for 2 bars"),
        ({"sources": [NO_SOURCE]}, "sources need an order"),
        ({"order": [2, 1, 3], "prompt": make_sequence(make_bars(1))}, "another order"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Sequence[int]], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        announce(**options)


def test_each_decoder_refuses_the_other_network() -> None:
    with pytest.raises(ArgumentError, match="FullDecoder"):
        Decoder(make_network("full"))
    with pytest.raises(ArgumentError, match="full"):
        FullDecoder(make_network("no_coarse"))


def test_another_width_and_no_plan_bias_work() -> None:
    config = replace(SIZES["tiny"], plan_bias=False, layers=1, width=48, heads=3)
    torch.manual_seed(0)
    network = MuseformerNetwork(config).double().eval()
    sequence = make_sequence(make_bars(36), list(range(1, 37)), [NO_SOURCE] + [1] * 35)
    decoder = Decoder(network, dtype=torch.float64)
    decoder.begin(order=range(1, 37), sources=[NO_SOURCE] + [1] * 35)
    torch.testing.assert_close(feed(decoder, sequence, 1), encode(network, sequence)[1:], rtol=0, atol=1e-10)
