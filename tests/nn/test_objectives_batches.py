"""Objectives over batches: shapes, what is ignored, extremes in every precision, chunks, compilation, errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from ritornello.errors import ArgumentError
from ritornello.nn.objectives import OBJECTIVES, ExpGBLoss, cross_entropy, expgb, make_loss, pow3gb

NAMES = tuple(name for name in OBJECTIVES if name != "harmonic")


def image_batch(seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(3, 5, 4, 2, generator=generator, dtype=torch.float64)
    return z.requires_grad_(), torch.randint(0, 5, (3, 4, 2), generator=generator)


def gradient_of(loss: Tensor, z: Tensor) -> Tensor:
    return torch.autograd.grad(loss, z)[0]


@pytest.mark.parametrize("name", NAMES)
def test_positions_may_have_any_shape(name: str) -> None:
    z, target = image_batch()
    rows, flat = z.detach().movedim(1, -1).reshape(-1, 5).requires_grad_(), target.reshape(-1)
    loss = make_loss(name, reduction="none")
    torch.testing.assert_close(loss(z, target).reshape(-1), loss(rows, flat))
    gradient = gradient_of(loss(z, target).sum(), z).movedim(1, -1).reshape(-1, 5)
    torch.testing.assert_close(gradient, gradient_of(loss(rows, flat).sum(), rows))
    last = make_loss(name, reduction="none", class_dim=-1)
    torch.testing.assert_close(last(z.movedim(1, -1), target), loss(z, target))
    channels_last = z.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    torch.testing.assert_close(loss(channels_last, target), loss(z, target))
    torch.testing.assert_close(loss(rows[0], flat[0]), loss(rows, flat)[0])
    dense = functional.one_hot(target, 5).movedim(-1, 1).double()
    torch.testing.assert_close(loss(z, dense), loss(z, target))


@pytest.mark.parametrize("name", NAMES)
def test_chunks_change_nothing(name: str) -> None:
    z, target = image_batch()
    dense = functional.one_hot(target, 5).movedim(-1, 1).double()
    target[1, 2, 0] = -100
    for given in (target, dense):
        whole = make_loss(name)
        for size in (1, 3, 7, 11, 100):
            parts = make_loss(name, chunk_size=size)
            torch.testing.assert_close(parts(z, given), whole(z, given), rtol=1e-12, atol=1e-14)
            torch.testing.assert_close(gradient_of(parts(z, given), z), gradient_of(whole(z, given), z))


@pytest.mark.parametrize("name", NAMES)
def test_ignored_positions_have_no_say(name: str) -> None:
    z, target = image_batch()
    dense = functional.one_hot(target, 5).movedim(-1, 1).double()
    kept = torch.rand(3, 4, 2, generator=torch.Generator().manual_seed(1)) < 0.6
    loss, each = make_loss(name), make_loss(name, reduction="none")
    wanted = each(z, target)[kept].mean()
    wanted_gradient = gradient_of(wanted, z)
    spoiled = z.detach().clone()
    spoiled.movedim(1, -1)[~kept] = torch.tensor([float("nan"), float("inf"), -float("inf"), 1.0, 1e30]).double()
    spoiled.requires_grad_()
    spoiled_dense = torch.where(kept[:, None], dense, float("nan"))
    for given, mask in ((torch.where(kept, target, -100), None), (target, kept), (spoiled_dense, kept)):
        found = loss(spoiled, given, mask)
        torch.testing.assert_close(found, wanted)
        gradient = gradient_of(found, spoiled)
        torch.testing.assert_close(gradient, wanted_gradient)
        assert not gradient.movedim(1, -1)[~kept].any()
        assert not each(spoiled, given, mask)[~kept].any()
        twice = torch.autograd.grad(loss(spoiled, given, mask), spoiled, create_graph=True)[0]
        torch.testing.assert_close(twice, wanted_gradient)
    other = make_loss(name, ignore_index=4)(z, target)
    torch.testing.assert_close(other, each(z, target)[target != 4].mean())


@pytest.mark.parametrize("name", NAMES)
def test_nothing_counted_is_zero(name: str) -> None:
    z, target = image_batch()
    for options in ({}, {"weight": torch.ones(5, dtype=torch.float64)}, {"reduction": "sum"}):
        found = make_loss(name, **options)(z, torch.full_like(target, -100))
        assert float(found.detach()) == 0
        assert not gradient_of(found, z).any()


@pytest.mark.parametrize("name", NAMES)
def test_reductions_agree(name: str) -> None:
    z, target = image_batch()
    target[0] = -100
    none, total, mean = (make_loss(name, reduction=kind)(z, target) for kind in ("none", "sum", "mean"))
    torch.testing.assert_close(none.sum(), total)
    torch.testing.assert_close(total / 16, mean)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_extremes_stay_finite(name: str, dtype: torch.dtype) -> None:
    far = 1e4
    rows = [[far] * 4, [-far] * 4, [far, -far, 0, 1], [-far, far, far, -far], [0, 0, 0, 0], [88.8, 11.1, 40.4, -104]]
    for kind in ("index", "soft"):
        z = torch.tensor(rows, dtype=dtype, requires_grad=True)
        index = torch.tensor([0, 1, 1, 0, 3, 2])
        target = index if kind == "index" else 0.9 * functional.one_hot(index, 4).to(dtype) + 0.025
        loss = make_loss(name, reduction="none")(z, target)
        assert loss.dtype == torch.float32
        gradient = gradient_of(loss.sum(), z)
        assert gradient.dtype == dtype
        assert torch.isfinite(loss).all() and torch.isfinite(gradient).all()
        if "gb" in name:
            assert float(gradient.abs().max()) <= 101
        graph = torch.autograd.grad(make_loss(name, reduction="sum")(z, target), z, create_graph=True)[0]
        torch.testing.assert_close(graph, gradient)
        assert torch.isfinite(torch.autograd.grad(graph.float().sum(), z)[0]).all()


def test_beyond_the_cap_the_gradient_is_the_cap_less_the_target() -> None:
    z = torch.tensor([[50.0, 200.0, 1e4, 0.0]], requires_grad=True)
    target = torch.tensor([[0.25, 0.25, 0.5, 0.0]])
    for loss in (expgb, pow3gb):
        gradient = gradient_of(loss(z, target, grad_cap=7.0), z)
        assert gradient[0, :3].tolist() == [6.75, 6.75, 6.5]
    low = torch.tensor([[-500.0, 0.0]], requires_grad=True)
    assert gradient_of(pow3gb(low, torch.tensor([1])), low)[0, 0] == -100
    # A clamp would leave the value as it is; a tangent goes on.
    further, near = (float(expgb(at, target, grad_cap=7.0).detach()) for at in (z + 1, z))
    assert further > near + 18


def test_half_precision_is_computed_in_single() -> None:
    generator = torch.Generator().manual_seed(0)
    for dtype in (torch.float16, torch.bfloat16):
        z = (4 * torch.randn(50, 10, generator=generator)).to(dtype)
        target = torch.randint(0, 10, (50,), generator=generator)
        for name in NAMES:
            loss = make_loss(name)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                found = loss(z, target)
            assert torch.equal(found, loss(z.float(), target))


@pytest.mark.parametrize("name", ["expgb", "stable_max"])
def test_compiled_is_the_same(name: str) -> None:
    z, target = image_batch()
    target[0, 0, 0] = -100
    loss = make_loss(name, label_smoothing=0.1)
    compiled = torch.compile(loss, backend="aot_eager", fullgraph=True)
    found = compiled(z, target)
    torch.testing.assert_close(found, loss(z, target))
    torch.testing.assert_close(gradient_of(found, z), gradient_of(loss(z, target), z))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read where Linux tells it")
def test_large_vocabularies_need_no_second_copy() -> None:
    # Resident memory of a process of its own, in KiB: what backward adds beyond the logits and their gradient.
    code = """
import re, torch
from pathlib import Path
from ritornello.nn.objectives import expgb
torch.set_num_threads(1)
z = torch.full((256, 50_000), 0.01, requires_grad=True)
target = torch.arange(256)
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
expgb(torch.zeros(2, 50_000, requires_grad=True), target[:2]).backward()
before = peak()
expgb(z, target).backward()
print((peak() - before) / (z.numel() * 4 / 1024))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0.9 < float(done.stdout) < 1.3  # the gradient itself, and little else


@pytest.mark.parametrize(
    ("z", "target", "options", "message"),
    [
        (torch.zeros(4, 3), torch.zeros(4, 2), {}, r"target of shape \(4, 2\).*logits of shape \(4, 3\)"),
        (torch.zeros(4, 3), torch.zeros(3, dtype=torch.long), {}, r"target of shape \(3,\).*indices have shape \(4,\)"),
        (torch.zeros(4, 3), torch.tensor([0, 3, 0, 0]), {}, r"target of shape \(4,\) holds 3 at \(1,\).*0 to 2"),
        (torch.zeros(4, 3), torch.tensor([0, 0, -1, 0]), {}, r"holds -1 at \(2,\)"),
        (torch.zeros(0, 3), torch.zeros(0, dtype=torch.long), {}, r"logits of shape \(0, 3\) are empty"),
        (torch.zeros(4, 1), torch.zeros(4, dtype=torch.long), {}, r"logits of shape \(4, 1\) have 1 classes"),
        (torch.zeros(4, 3, dtype=torch.long), torch.zeros(4, dtype=torch.long), {}, r"logits of shape \(4, 3\) are"),
        (torch.zeros(()), torch.zeros((), dtype=torch.long), {}, "single number"),
        (torch.zeros(4, 3), torch.zeros(4, 3), {"check": True}, r"target of shape \(4, 3\) has a row that does not"),
        (torch.zeros(4, 3), torch.full((4, 3), -1.0), {"check": True}, "no probability"),
        (torch.full((4, 3), float("nan")), torch.zeros(4, dtype=torch.long), {"check": True}, r"logits of .*\(4, 3\)"),
        (torch.zeros(4, 3), torch.zeros(4, dtype=torch.long), {"mask": torch.ones(3, dtype=torch.bool)}, r"mask is .*"),
        (torch.zeros(4, 3), torch.zeros(4, dtype=torch.long), {"mask": torch.ones(4)}, r"mask is torch.float32"),
        (torch.zeros(4, 3), torch.zeros(4, dtype=torch.long), {"weight": torch.ones(4)}, r"weight is .*\(3,\)"),
        (torch.zeros(4, 3), torch.zeros(4, dtype=torch.bool), {}, "torch.bool"),
        (torch.zeros(4, 3), torch.zeros(4, dtype=torch.long), {"class_dim": 2}, "no axis 2"),
        (torch.zeros(4, 3), torch.zeros(4, dtype=torch.long), {"label_smoothing": 1.0}, "label_smoothing 1.0"),
        (torch.zeros(4, 3), torch.zeros(4, dtype=torch.long), {"reduction": "max"}, "none"),
        (torch.zeros(4, 3), torch.zeros(4, dtype=torch.long), {"chunk_size": 0}, "chunk_size 0"),
    ],
)
def test_what_does_not_fit_is_named(z: Tensor, target: Tensor, options: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        cross_entropy(z, target, **options)  # type: ignore[arg-type]


def test_other_errors() -> None:
    z, target = torch.zeros(4, 3), torch.zeros(4, dtype=torch.long)
    several = torch.ones(4, 3)
    assert torch.isfinite(expgb(z, several, check=True))  # several labels at once are allowed here
    with pytest.raises(ArgumentError, match="cross_entropy, label_smoothing"):
        make_loss("softmax")
    with pytest.raises(ArgumentError, match="3 classes, not 10"):
        ExpGBLoss(num_classes=10)(z, target)
    with pytest.raises(ArgumentError, match="rescaled square"):
        make_loss("rescaled_mse", label_smoothing=0.1)(z, target)
    with pytest.raises(ArgumentError, match="asks for a gradient"):
        cross_entropy(z, torch.full((4, 3), 1 / 3).requires_grad_())
    with pytest.raises(ArgumentError, match="alpha -1"):
        expgb(z, target, alpha=-1)
    with pytest.raises(ArgumentError, match="not one of loss"):
        expgb(z, target, value="other")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="lam"):
        make_loss("z_loss").__class__(lam=-1)
