"""The encoder: published sizes; vectors that no padding, no neighbour and, for ours, no transposition changes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from ritornello.errors import ArgumentError
from ritornello.motifs.model import EncoderConfig, Expander, MotifEncoder, embed_notes, frames_of
from ritornello.motifs.windows import Window, note_frames

OURS = EncoderConfig(
    16, 1, 2, 32, 8, 0.0, frames_per_token=4, has_onsets=True, is_lowered=True, is_normalised=True
)  # fmt: skip
PLAIN = EncoderConfig(16, 1, 2, 32, 8, 0.1)


def parameters(model: torch.nn.Module) -> int:
    return sum(value.numel() for value in model.parameters())


def window(seed: int, length: float, moved: int = 0) -> Window:
    rng = np.random.default_rng(seed)
    onset = np.sort(rng.integers(0, int(8 * length), 6)) / 8
    return Window(onset, rng.integers(1, 9, 6) / 8, rng.integers(50, 70, 6) + moved, length)


def encoder(config: EncoderConfig) -> MotifEncoder:
    torch.manual_seed(0)
    return MotifEncoder(config).eval()


def test_the_papers_network_has_its_published_size() -> None:
    with torch.device("meta"):
        assert parameters(MotifEncoder(EncoderConfig())) == 4_793_216
        assert parameters(Expander()) == 591_360


@pytest.mark.parametrize("config", [OURS, PLAIN])
def test_a_vector_does_not_depend_on_the_other_windows(config: EncoderConfig) -> None:
    model = encoder(config)
    windows = [window(seed, length) for seed, length in enumerate((4.0, 2.0, 8.0, 4.0, 3.5))]
    together = embed_notes(model, note_frames(windows))
    assert together.shape == (5, 8)
    for place, own in enumerate(windows):
        assert np.allclose(embed_notes(model, note_frames([own]))[0], together[place], atol=1e-5)


@pytest.mark.parametrize("config", [OURS, PLAIN])
def test_padding_is_not_seen(config: EncoderConfig) -> None:
    model = encoder(config)
    frames, lengths = frames_of(note_frames([window(0, 2.0), window(1, 8.0)]), config)
    with torch.no_grad():
        mixed = model(frames, lengths)
        alone = model(*frames_of(note_frames([window(0, 2.0)]), config))
    assert torch.allclose(mixed[0], alone[0], atol=1e-5)


def test_our_vectors_have_length_one_and_are_blind_to_transposition() -> None:
    model = encoder(OURS)
    first, moved, other = embed_notes(model, note_frames([window(0, 4.0), window(0, 4.0, 7), window(1, 4.0)]))
    assert np.allclose(np.linalg.norm(first), 1, atol=1e-5)
    assert np.array_equal(first, moved)
    assert np.abs(first - other).max() > 1e-3


def test_onsets_make_a_difference_where_repeated_notes_touch() -> None:
    held = Window(np.array([0.0]), np.array([2.0]), np.array([60]), 4.0)
    repeated = Window(np.array([0.0, 1.0]), np.array([1.0, 1.0]), np.array([60, 60]), 4.0)
    for has_onsets, differ in ((True, True), (False, False)):
        vectors = embed_notes(encoder(dataclasses.replace(OURS, has_onsets=has_onsets)), note_frames([held, repeated]))
        assert bool(np.abs(vectors[0] - vectors[1]).max() > 1e-6) == differ


@pytest.mark.parametrize("changes", [{"width": 15}, {"layers": 0}, {"dropout": 1.0}, {"heads": 3}, {"width": 2.5}])
def test_impossible_sizes_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ArgumentError):
        dataclasses.replace(PLAIN, **changes)  # type: ignore[arg-type]
