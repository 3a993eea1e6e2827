"""No row sees its future: through the real data, on every path, with every kind of table.

In the published training code the start symbol lies inside bar 1, sees all of it, and is seen by all rows, so from the
second layer on the rows of bar 1 see their own future. Two laws hold here. If token n changes, the logits before n
stay. The gradient of the logits of row m with respect to the embeddings of the rows after m, and of the summaries of
m's bar and later ones, is exactly 0.

Many positions are tried at once: as copies of the song packed into one batch, which also must not see each other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path as FilePath

import numpy as np
import pytest
import torch
from torch import Tensor

from ritornello.museformer.attention.bars import NO_SOURCE, STRUCTURE_OFFSETS
from ritornello.museformer.attention.layout import Packed
from ritornello.museformer.attention.sequence import BarSequence
from ritornello.museformer.config import SIZES, VARIANTS, Variant
from ritornello.museformer.data import ExampleMix, Examples
from ritornello.museformer.model import MuseformerNetwork, Path
from ritornello.museformer.tokens import vocabulary as v

from .token_songs import bar, random_bar, write_songs

pytestmark = pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")

MIXES = {"plain": (0.0, 0.0), "infill": (1.0, 0.0), "plan": (0.0, 1.0)}
CASES: list[tuple[Variant, str, Path]] = [
    *(("museformer", mix, path) for mix in MIXES for path in ("gather", "dense", "flex")),
    *((variant, "infill", "gather") for variant in VARIANTS[1:]),
]
each_case = pytest.mark.parametrize(("variant", "mix", "path"), CASES)


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, BarSequence]:
    """One example of each kind, by the loader that training uses."""
    return {mix: load(tmp_path_factory.mktemp("tokens"), mix) for mix in MIXES}


def load(folder: FilePath, mix: str) -> BarSequence:
    rng = np.random.default_rng(11)
    bars = [random_bar(rng, 2 + number % 3) for number in range(12)]
    shards = write_songs(folder, [[*bars[:3], bar(), *bars[3:6], *bars[1:6], *bars[2:4], *bars]])
    stream = Examples(shards, [0], ExampleMix(250, *MIXES[mix], STRUCTURE_OFFSETS), seed=4)
    return next(example for example in (stream[n] for n in range(50)) if is_kind(example, mix))


def is_kind(example: BarSequence, mix: str) -> bool:
    """Whether an example of infill leaves a gap before its end, and one of a plan repeats."""
    if mix == "infill":
        return bool((np.diff(example.order) < 0).any()) and example.bars > 12
    return example.bars > 12 and (mix == "plain" or bool((example.sources != NO_SOURCE).sum() > 3))


def network(variant: Variant) -> MuseformerNetwork:
    torch.manual_seed(5)
    model = MuseformerNetwork(SIZES["tiny"].as_variant(variant))
    with torch.no_grad():
        for value in model.parameters():
            if value.ndim == 1:
                value.add_(torch.randn(value.shape) * 0.3)
    return model


def rows_to_try(example: BarSequence, path: Path) -> list[int]:
    """All rows of bars 1 and 2, and 200 others; 40 of the path that is slow on a CPU."""
    first = int(example.starts[2])
    count = 40 if path == "flex" else 200
    others = np.random.default_rng(0).permutation(np.arange(first, len(example.ids)))[:count]
    assert len(others) == count
    return [*range(first), *sorted(others.tolist())]


def batches(rows: list[int], path: Path) -> Iterator[list[int]]:
    """Batches of equal size: a matrix product of another size rounds in another way."""
    size = {"gather": 16, "flex": 4, "dense": 1}[path]  # the last two hold all pairs of rows
    rows = [*rows, *rows[: -len(rows) % size]]
    for begin in range(0, len(rows), size):
        yield rows[begin : begin + size]


def changed(example: BarSequence, row: int) -> BarSequence:
    """The example with another token in a row: an onset if there was none, so that beats and empty bars change too."""
    ids = example.ids.copy()
    is_onset = v.ONSET0 <= ids[row] < v.INSTRUMENT0
    ids[row] = v.PITCH0 + 3 if is_onset else v.ONSET0 + 17
    return dataclasses.replace(example, ids=ids)


@each_case
def test_a_changed_token_changes_nothing_before_it(
    variant: Variant, mix: str, path: Path, examples: dict[str, BarSequence]
) -> None:
    example, model = examples[mix], network(variant)
    size = len(example.ids)
    before: Tensor | None = None
    reached = 0
    for rows in batches(rows_to_try(example, path), path):
        with torch.no_grad():
            if before is None:
                before = model(Packed((example,) * len(rows), model.config.has_summaries), path)
            copies = tuple(changed(example, row) for row in rows)
            after = model(Packed(copies, model.config.has_summaries), path)
        for row, difference in zip(rows, (after - before).abs().amax(1).view(len(rows), size), strict=True):
            assert (difference[:row] <= 1e-6).all()
            assert difference[row] > 1e-3
            reached += int((difference[row + 1 :] > 1e-3).sum())
    assert reached > 10 * len(rows_to_try(example, path))  # what is changed is seen by many rows after it


@each_case
def test_no_gradient_comes_from_rows_after_the_own(
    variant: Variant, mix: str, path: Path, examples: dict[str, BarSequence]
) -> None:
    if path == "flex" and not torch.cuda.is_available():
        pytest.skip("FlexAttention has gradients on GPUs only")
    example, model = examples[mix], network(variant)
    size, bars = len(example.ids), example.bars
    embedded: list[Tensor] = []

    def keep(_module: object, _inputs: object, output: tuple[Tensor, Tensor | None]) -> None:
        embedded[:] = [rows for rows in output if rows is not None]

    model.embedding.register_forward_hook(keep)
    by_summary = 0
    for rows in batches(rows_to_try(example, path), path):
        packed = Packed((example,) * len(rows), model.config.has_summaries)
        logits = model(packed, path).view(len(rows), size, -1)
        probe = torch.randn(logits.shape[-1], generator=torch.Generator().manual_seed(0))
        total = torch.stack([logits[copy, row] @ probe for copy, row in enumerate(rows)]).sum()
        gradients = torch.autograd.grad(total, embedded)
        for copy, row in enumerate(rows):
            of_tokens = gradients[0].view(len(rows), size, -1)[copy].abs().amax(1)
            assert (of_tokens[row + 1 :] == 0).all()
            assert of_tokens[row] > 0
            assert of_tokens[0] > 0  # the start symbol
            if model.config.has_summaries:
                place = max(int(example.places[row]), 0)
                of_summaries = gradients[1].view(len(rows), bars, -1)[copy].abs().amax(1)
                assert (of_summaries[place:] == 0).all()
                by_summary += int((of_summaries[:place] > 0).sum())
    assert bool(by_summary) == model.config.has_summaries
