"""Objectives: closed-form gradients are those of autograd, identities between them hold, a batch is its positions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from ritornello.errors import ArgumentError
from ritornello.nn.objectives import (
    OBJECTIVES,
    ExpGBLoss,
    HarmonicHead,
    LinearMSELoss,
    Pow3GBLoss,
    ZLoss,
    cross_entropy,
    expgb,
    harmonic_logits,
    linear_mse,
    make_head,
    make_loss,
    poly1,
    pow3gb,
    softmax_mse,
    squentropy,
    stable_max,
    z_loss,
)
from ritornello.nn.objectives.targets import Targets

NAMES = tuple(name for name in OBJECTIVES if name != "harmonic")  # the loss of harmonic is cross-entropy
KINDS = ("index", "one-hot", "soft")


def logits(positions: int, classes: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 12 * torch.rand(positions, classes, generator=generator, dtype=torch.float64) - 6


def some_targets(kind: str, positions: int, classes: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    index = torch.randint(0, classes, (positions,), generator=generator)
    if kind == "index":
        return index
    if kind == "one-hot":
        return functional.one_hot(index, classes).double()
    return torch.rand(positions, classes, generator=generator, dtype=torch.float64).softmax(-1)


def paper_gradient(name: str, z: Tensor, t: Tensor, smoothing: float) -> Tensor:
    """Return the gradient as the papers' formulas have it, written with one-hot rows and no library."""
    classes = z.shape[-1]
    hard, t = t, (1 - smoothing) * t + smoothing / classes
    e = z.exp()
    p = e / e.sum(-1, keepdim=True)
    log_z = e.sum(-1, keepdim=True).log()
    q = (t * p).sum(-1, keepdim=True)
    if name in ("cross_entropy", "label_smoothing"):
        return p - t
    if name in ("z_loss", "z_loss_01", "z_loss_5"):
        lam = {"z_loss": 1e-4, "z_loss_01": 0.01, "z_loss_5": 0.5}[name]
        return p * (1 + 2 * lam * log_z) - t
    if name == "centred_z_loss":
        return p * (1 + log_z - math.log(classes)) - t
    if name == "squentropy":
        return p - t + 2 / (classes - 1) * (1 - hard) * z
    if name == "poly1":
        return p - t + p * (q - t)
    if name == "stable_max":
        s = torch.where(z >= 0, z + 1, 1 / (1 - z))
        slope = torch.where(z >= 0, torch.ones_like(z), 1 / (1 - z) ** 2)
        return slope * (1 / s.sum(-1, keepdim=True) - t / s)
    if name == "binary_cross_entropy":
        return 1 / (1 + (-z).exp()) - t
    if name == "softmax_mse":
        return p * ((p - t) - (p * (p - t)).sum(-1, keepdim=True))
    if name == "linear_mse":
        return z - t
    if name == "rescaled_mse":
        return t * 5 * (z - 5) + (1 - t) * z
    if name == "expgb":
        return (e / classes).clamp(max=100) - t
    alpha = {"pow3gb": 0.1, "pow3gb_001": 0.001}[name]
    return (alpha * z**3).clamp(-100, 100) - t


@pytest.mark.parametrize("classes", [2, 10, 1000])
@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_the_papers_and_of_autograd(name: str, classes: int) -> None:
    z = logits(12, classes).requires_grad_()
    for kind in KINDS:
        for smoothing in (0.0, 0.1):
            if name == "rescaled_mse" and smoothing:
                continue
            target = some_targets(kind, 12, classes)
            dense = functional.one_hot(target, classes).double() if kind == "index" else target
            loss = make_loss(name, num_classes=classes, reduction="sum", label_smoothing=smoothing)
            (found,) = torch.autograd.grad(loss(z, target), z)
            rows = loss.formula.value(z, Targets(target, classes, smoothing)).sum()
            (by_autograd,) = torch.autograd.grad(rows, z)
            wanted = paper_gradient(name, z.detach(), dense, smoothing)
            assert float((found - by_autograd).abs().max()) < 1e-11
            assert float((found - wanted).abs().max()) < 1e-11
            torch.testing.assert_close(loss(z, target), rows)


@pytest.mark.parametrize("name", NAMES)
def test_weights_of_classes_weigh_positions(name: str) -> None:
    z, target = logits(9, 7).requires_grad_(), some_targets("index", 9, 7)
    weight = torch.linspace(0.5, 2, 7, dtype=torch.float64)
    plain = make_loss(name, reduction="none")(z, target)
    weighted = make_loss(name, weight=weight)
    torch.testing.assert_close(weighted(z, target), (plain * weight[target]).sum() / weight[target].sum())
    dense = functional.one_hot(target, 7).double()
    torch.testing.assert_close(weighted(z, dense), weighted(z, target))
    (found,) = torch.autograd.grad(weighted(z, target), z)
    (wanted,) = torch.autograd.grad((plain * weight[target]).sum() / weight[target].sum(), z)
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_gradients(name: str) -> None:
    z = (logits(3, 4) / 3).requires_grad_()
    for kind in ("index", "soft"):
        target = some_targets(kind, 3, 4)
        mask = torch.tensor([True, False, True])
        loss = make_loss(name)
        assert torch.autograd.gradcheck(lambda z, t=target, f=loss, m=mask: f(z, t, m), z)
        assert torch.autograd.gradgradcheck(lambda z, t=target, f=loss, m=mask: f(z, t, m), z)


def test_library_losses_agree() -> None:
    z, index, soft = logits(20, 10), some_targets("index", 20, 10), some_targets("soft", 20, 10)
    weight = torch.linspace(0.5, 2, 10, dtype=torch.float64)
    index[3] = -100
    for options in ({}, {"label_smoothing": 0.1}, {"reduction": "sum"}, {"reduction": "none"}):
        wanted = functional.cross_entropy(z, index, **options)
        torch.testing.assert_close(cross_entropy(z, index, **options), wanted)
    torch.testing.assert_close(cross_entropy(z, soft), functional.cross_entropy(z, soft))
    torch.testing.assert_close(
        cross_entropy(z, index, weight=weight), functional.cross_entropy(z, index, weight=weight)
    )
    hard = functional.one_hot(index.clamp(min=0), 10).double()
    wanted = functional.binary_cross_entropy_with_logits(z, hard, reduction="none").sum(-1)
    torch.testing.assert_close(make_loss("binary_cross_entropy", reduction="none")(z, hard), wanted)


def test_expgb_is_a_poisson_likelihood_and_a_penalised_cross_entropy() -> None:
    z, generator = logits(20, 10), torch.Generator().manual_seed(2)
    for t in (some_targets("soft", 20, 10), (torch.rand(20, 10, generator=generator) < 0.3).double()):
        for alpha in (0.1, 0.5):
            found = expgb(z, t, alpha=alpha, grad_cap=1e4, reduction="none")
            mass, log_alpha = t.sum(-1), math.log(alpha)
            poisson = functional.poisson_nll_loss(z + log_alpha, t, log_input=True, reduction="none").sum(-1)
            torch.testing.assert_close(found, poisson + mass * log_alpha)
            a = z.logsumexp(-1) + log_alpha
            likelihood = mass * z.logsumexp(-1) - (t * z).sum(-1)
            torch.testing.assert_close(found, likelihood + a.exp() - mass * a + mass * log_alpha)


def test_the_other_values_are_those_of_their_papers() -> None:
    z, t = logits(20, 10), some_targets("soft", 20, 10)
    ce = functional.cross_entropy(z, t, reduction="none")
    p, log_z = z.softmax(-1), z.logsumexp(-1)
    none = {"reduction": "none"}
    torch.testing.assert_close(z_loss(z, t, lam=0.3, **none), ce + 0.3 * log_z**2)
    torch.testing.assert_close(z_loss(z, t, lam=0.5, alpha=None, **none), ce + (log_z - math.log(10)) ** 2 / 2)
    torch.testing.assert_close(squentropy(z, t, **none), ce + ((1 - t) * z**2).sum(-1) / 9)
    torch.testing.assert_close(poly1(z, t, epsilon=2, **none), ce + 2 * (1 - (t * p).sum(-1)))
    s = torch.where(z >= 0, z + 1, 1 / (1 - z))
    torch.testing.assert_close(stable_max(z, t, **none), -(t * (s / s.sum(-1, keepdim=True)).log()).sum(-1))
    torch.testing.assert_close(softmax_mse(z, t, **none), ((p - t) ** 2).sum(-1) / 2)
    torch.testing.assert_close(linear_mse(z, t, **none), ((z - t) ** 2).sum(-1) / 2)
    rescaled = (t * 3 * (z - 4) ** 2 + (1 - t) * z**2).sum(-1) / 2
    torch.testing.assert_close(linear_mse(z, t, k=3, M=4, **none), rescaled)
    quartic = (0.1 * z**4 / 4 + (0.2 - t) * z).sum(-1)
    torch.testing.assert_close(pow3gb(z, t, alpha=0.1, beta=0.2, **none), quartic)
    boosted = (0.2 * z.exp() + (0.3 - t) * z).sum(-1)
    torch.testing.assert_close(expgb(z, t, alpha=0.2, beta=0.3, grad_cap=1e4, **none), boosted)


@pytest.mark.parametrize("make", [ExpGBLoss, Pow3GBLoss])
def test_paper_mode_reports_the_squared_error_under_the_same_gradient(make: type) -> None:
    z, target = (logits(8, 5) / 2).requires_grad_(), some_targets("index", 8, 5)
    plain, paper = make(alpha=0.1, beta=0.2), make(alpha=0.1, beta=0.2, value="squared_error")
    y = (0.1 * z.exp() if make is ExpGBLoss else 0.1 * z**3) + 0.2
    wanted = ((y - functional.one_hot(target, 5)) ** 2).sum(-1).mean() / 2
    torch.testing.assert_close(paper(z, target), wanted)
    gradients = [torch.autograd.grad(loss(z, target), z)[0] for loss in (plain, paper)]
    assert torch.equal(*gradients)
    rows = paper.formula.value(z, Targets(target, 5)).mean()  # as torch.compile takes it
    torch.testing.assert_close(torch.autograd.grad(rows, z)[0], gradients[0])


def test_gradient_size_where_training_begins() -> None:
    z, t = torch.zeros(1, 10, dtype=torch.float64, requires_grad=True), torch.tensor([3])
    for loss, wanted in (
        (make_loss("cross_entropy"), 0.9**0.5), (make_loss("expgb"), 0.9**0.5), (make_loss("linear_mse"), 1.0),
        (Pow3GBLoss(), 1.0), (Pow3GBLoss(beta=0.4), 1.341640786),
    ):  # fmt: skip
        assert float(torch.autograd.grad(loss(z, t), z)[0].norm()) == pytest.approx(wanted)


def test_the_best_logits_of_boosted_losses() -> None:
    for alpha, beta, true, false in ((0.001, 0.0, 10.0, 0.0), (0.1, 0.0, 2.154, 0.0), (0.001, 0.4, 8.434, -7.368)):
        z = torch.tensor([[true, false]], requires_grad=True)
        (gradient,) = torch.autograd.grad(pow3gb(z, torch.tensor([0]), alpha=alpha, beta=beta), z)
        assert float(gradient.abs().max()) < 1e-3
    z = torch.tensor([[0.0, math.log(0.2)]]) + math.log(5)
    gradient = expgb(z.requires_grad_(), torch.tensor([[1.0, 0.2]]), alpha=0.2)
    assert float(torch.autograd.grad(gradient, z)[0].abs().max()) < 1e-6


def test_harmonic_gradient_and_logits() -> None:
    torch.manual_seed(0)
    head = HarmonicHead(16, 5).double()
    x = torch.randn(7, 16, dtype=torch.float64)
    d = (x[:, None] - head.centres).norm(dim=-1).detach().requires_grad_()
    torch.testing.assert_close(head(x), -4 * d.log())
    target = some_targets("soft", 7, 5)
    (found,) = torch.autograd.grad(cross_entropy(-4 * d.log(), target, reduction="sum"), d)
    p = d.detach() ** -4 / (d.detach() ** -4).sum(-1, keepdim=True)
    torch.testing.assert_close(found, 4 * (target - p) / d.detach())
    torch.testing.assert_close(head(x).softmax(-1), p)
    at_centre = harmonic_logits(head.centres[:1], head.centres, 4.0)
    assert torch.isfinite(at_centre).all() and int(at_centre.argmax()) == 0
    with pytest.raises(ArgumentError, match=r"\(7, 3\).*\(5, 16\)"):
        head(x[:, :3])


def test_harmonic_is_as_exact_under_autocast() -> None:
    torch.manual_seed(0)
    head, x = HarmonicHead(16, 5), torch.randn(7, 16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = head(x)
    assert torch.equal(found, head(x))


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_probabilities_sum_to_one_and_agree_with_the_prediction(name: str) -> None:
    z = logits(30, 6)
    loss = make_loss(name, num_classes=6)
    p = loss.probs(z)
    torch.testing.assert_close(p.sum(-1), torch.ones(30, dtype=torch.float64))
    # What is below 0 is raised to one small number, so there may be ties behind the largest.
    assert bool((p.gather(-1, z.argmax(-1, keepdim=True)).squeeze(-1) == p.amax(-1)).all())
    moved = make_loss(name).probs(z.T[None])
    torch.testing.assert_close(moved[0].T, p)


def test_probabilities_as_the_objectives_see_them() -> None:
    z = logits(4, 5) / 3
    torch.testing.assert_close(ExpGBLoss(alpha=0.3).probs(z, normalise=False), 0.3 * z.exp())
    torch.testing.assert_close(ExpGBLoss().probs(z), z.softmax(-1))
    torch.testing.assert_close(LinearMSELoss().probs(z), z.clamp(min=1e-6) / z.clamp(min=1e-6).sum(-1, keepdim=True))
    torch.testing.assert_close(Pow3GBLoss(beta=0.1).probs(z, normalise=False), 0.1 * z**3 + 0.1)


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_every_objective_learns_separable_points(name: str) -> None:
    torch.manual_seed(0)
    centres = 4 * torch.randn(5, 8)
    target = torch.arange(1000) % 5
    x = centres[target] + 0.3 * torch.randn(1000, 8)
    head, loss = make_head(name, 8, 5), make_loss(name, num_classes=5)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(80):
        optimizer.zero_grad()
        loss(head(x), target).backward()
        optimizer.step()
    assert float((head(x).argmax(-1) == target).float().mean()) >= 0.99


def test_a_head_begins_near_zero() -> None:
    torch.manual_seed(0)
    assert float(make_head("expgb", 64, 10)(torch.randn(50, 64)).detach().std()) < 0.15


def test_z_loss_keeps_its_constants() -> None:
    z, t = logits(4, 5), some_targets("index", 4, 5)
    torch.testing.assert_close(ZLoss(0.2, 0.1)(z, t), z_loss(z, t, lam=0.2, alpha=0.1))


def test_stable_max_at_zero_has_the_slope_of_its_upper_half() -> None:
    z = torch.zeros(1, 4, requires_grad=True)
    loss = make_loss("stable_max")
    rows = loss.formula.value(z, Targets(torch.tensor([1]), 4))  # as torch.compile takes it
    (by_autograd,) = torch.autograd.grad(rows, z)
    assert by_autograd.tolist() == [[0.25, -0.75, 0.25, 0.25]]
    assert torch.equal(torch.autograd.grad(loss(z, torch.tensor([1])), z)[0], by_autograd)
