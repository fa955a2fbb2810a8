"""Thresholds of stability: on quadratic bowls by hand, and at the edge of stability in training."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.probes.curvature.critical_rate import critical_learning_rate
from mutransfer_cli.probes.curvature.hessian import Hessian
from mutransfer_cli.probes.curvature.stability import stability
from mutransfer_cli.probes.estimates.width_slope import width_slope
from mutransfer_cli.probes.subject.proxies import proxies_of

CURVATURES = torch.tensor([4.0, 1.0, 0.25], dtype=torch.float64)


class Bowl(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.x = nn.Parameter(torch.ones(3, dtype=torch.float64))


def bowl_loss(model: nn.Module, batch: Any) -> Tensor:
    x = model.x
    return 0.5 * (CURVATURES * x**2).sum()  # type: ignore[operator,no-any-return]  # a parameter


def length_after(optimizer_of: Callable[[Iterable[Tensor]], torch.optim.Optimizer]) -> float:
    """The length of the weights of a bowl after 400 steps from 1."""
    bowl = Bowl()
    optimizer = optimizer_of(bowl.parameters())
    for _ in range(400):
        optimizer.zero_grad()
        bowl_loss(bowl, None).backward()  # type: ignore[no-untyped-call]  # torch has no type
        optimizer.step()
    return float(bowl.x.detach().norm())


@pytest.mark.parametrize(
    ("settings", "threshold"),
    [
        ({}, 2.0),
        ({"momentum": 0.5}, 3.0),  # 2 + 2β
        ({"momentum": 0.9}, 3.8),
        ({"momentum": 0.5, "nesterov": True}, 1.5),  # (2 + 2β)/(1 + 2β)
        ({"momentum": 0.5, "dampening": 0.5}, 6.0),
    ],
)
def test_thresholds_of_momentum(settings: dict[str, Any], threshold: float) -> None:
    """Just below the threshold the bowl is left at its bottom, just above it is left."""
    bowl = Bowl()

    def of(ratio: float) -> Callable[[Iterable[Tensor]], torch.optim.Optimizer]:
        rate = ratio * threshold / 4.0
        return lambda p: torch.optim.SGD(p, lr=rate, **settings)  # type: ignore[arg-type]  # any

    found = stability(Hessian(bowl, bowl_loss, [None]), of(0.5)(bowl.parameters()))
    assert found.sharpness == pytest.approx(4.0)
    assert found.threshold == pytest.approx(threshold)
    assert found.ratio == pytest.approx(0.5)
    assert length_after(of(0.97)) < 0.05
    assert length_after(of(1.03)) > 10


def test_rates_of_groups_count_each_for_its_tensors() -> None:
    """By hand: curvatures 4, 1 and .25 at rates .1, .1 and 4 are .4, .1 and 1."""
    rates = torch.tensor([0.1, 0.1, 4.0])

    class Split(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = nn.ParameterList(
                nn.Parameter(torch.ones(1, dtype=torch.float64)) for _ in range(3)
            )

    split = Split()

    def loss(model: nn.Module, batch: Any) -> Tensor:
        x = torch.cat(list(split.parts))
        return 0.5 * (CURVATURES * x**2).sum()

    groups = [{"params": [p], "lr": float(r)} for p, r in zip(split.parts, rates, strict=True)]
    found = stability(Hessian(split, loss, [None]), torch.optim.SGD(groups))
    assert found.scaled == pytest.approx(1.0, rel=1e-6)
    assert found.sharpness == pytest.approx(4.0)


def test_adam_is_measured_in_its_own_norm() -> None:
    """By hand, after many equal gradients g: √v̂ = |g|, so D = η/|g| and D·H = η·h/(h·x) = η/x."""
    bowl = Bowl()
    optimizer = torch.optim.Adam(bowl.parameters(), lr=0.0, betas=(0.9, 0.99), eps=0.0)
    for _ in range(500):
        optimizer.zero_grad()
        bowl_loss(bowl, None).backward()  # type: ignore[no-untyped-call]  # torch has no type
        optimizer.step()
    optimizer.param_groups[0]["lr"] = 0.01
    found = stability(Hessian(bowl, bowl_loss, [None]), optimizer)
    assert found.scaled == pytest.approx(0.01, rel=1e-6)
    assert found.threshold == pytest.approx(38.0)  # (2 + 2·0.9)/(1 - 0.9)


def test_an_entry_without_gradient_so_far_is_measured_by_its_first_one() -> None:
    """By hand: on its first step √v̂ = |g| and 1 - β₁ = .1, so D·H = η/(.1·x) at x = 1."""
    bowl = Bowl()
    optimizer = torch.optim.Adam(bowl.parameters(), lr=0.01, betas=(0.9, 0.99), eps=1e-10)
    found = stability(Hessian(bowl, bowl_loss, [None]), optimizer)
    assert found.scaled == pytest.approx(0.1, rel=1e-6)


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_decay_that_is_part_of_the_gradient_is_curvature(kind: Any) -> None:
    """By hand at x = 1, where (h + 2)x is the gradient: .1·(4 + 2) under SGD.

    Adam's first step, as above, with ε = 4: .1/.1·6/(6 + 4). AdamW's decay is not part of the
    gradient: 4/(4 + 4).
    """
    bowl = Bowl()
    more = {} if kind is torch.optim.SGD else {"eps": 4.0}
    optimizer = kind(bowl.parameters(), lr=0.1, weight_decay=2.0, **more)
    found = stability(Hessian(bowl, bowl_loss, [None]), optimizer)
    assert found.sharpness == pytest.approx(4.0)
    assert found.scaled == pytest.approx(0.5 if kind is torch.optim.AdamW else 0.6, rel=1e-6)
    if kind is torch.optim.SGD:  # stable up to lr·(4 + 2) = 2, where the Hessian alone says 4/3
        for lr, stays in ((1.98 / 6, True), (2.02 / 6, False)):
            last = length_after(lambda p, lr=lr: torch.optim.SGD(p, lr=lr, weight_decay=2.0))
            assert (last < 1) == stays


def test_amsgrad_divides_by_the_largest_second_moment() -> None:
    """By hand: a state of 25 gives √25, the moment that has decayed to 1 does not count."""
    bowl = Bowl()
    optimizer = torch.optim.Adam(bowl.parameters(), lr=0.1, betas=(0.0, 0.5), eps=0.0, amsgrad=True)
    (x,) = bowl.parameters()
    full = torch.full_like(x, 25.0)
    optimizer.state[x] = {
        "step": torch.tensor(1000.0),
        "exp_avg_sq": full / 25,
        "max_exp_avg_sq": full,
    }
    hessian = Hessian(bowl, bowl_loss, [None])
    assert stability(hessian, optimizer).scaled == pytest.approx(0.1 * 4 / 5)
    del optimizer.state[x]["max_exp_avg_sq"]
    assert stability(hessian, optimizer).scaled > 0.1  # the control


def test_what_has_no_threshold_is_refused() -> None:
    bowl = Bowl()
    hessian = Hessian(bowl, bowl_loss, [None])
    with pytest.raises(InputError, match="threshold of Adagrad is not known"):
        stability(hessian, torch.optim.Adagrad(bowl.parameters()))
    with pytest.raises(InputError, match="optimizer maximizes"):
        stability(hessian, torch.optim.SGD(bowl.parameters(), lr=0.1, maximize=True))
    other = torch.optim.SGD(Bowl().parameters(), lr=0.1)
    with pytest.raises(InputError, match="does not have 1 of the model's parameters"):
        stability(hessian, other)


def test_the_critical_multiple_of_a_bowl() -> None:
    """Along one axis of curvature h a step of η lowers the loss up to ηh = 2: here 2/(.1·4) = 5."""
    x = torch.tensor([1.0], dtype=torch.float64)
    found = critical_learning_rate(lambda: float(2 * x[0] ** 2), [x], [-0.1 * 4 * x])
    assert found.low < 5.0 < found.high
    assert found.value == pytest.approx(5.0, rel=0.1)
    assert float(x) == 1.0
    up = critical_learning_rate(lambda: float(2 * x[0] ** 2), [x], [0.1 * x])
    assert up.value == 0.0  # the control: a step uphill has no such multiple


def tanh_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1)
    )


# steps, the first that is measured, every how many, and the number of examples. Heavy ball with
# β = 0.9 fits 256 examples before it comes to the edge, and then nothing sharpens the loss.
SHORT, LONG = (1600, 900, 40, 256), (800, 400, 8, 1024)
EDGES: list[
    tuple[
        str,
        Callable[[Iterable[Tensor]], torch.optim.Optimizer],
        float,
        tuple[int, int, int, int],
    ]
] = [
    ("gradient descent", lambda p: torch.optim.SGD(p, lr=0.1), 2.0, SHORT),
    ("heavy ball", lambda p: torch.optim.SGD(p, lr=0.17, momentum=0.5), 3.0, SHORT),  # 2 + 2β
    ("heavy ball, longer memory", lambda p: torch.optim.SGD(p, lr=0.2, momentum=0.9), 3.8, LONG),
    ("adam", lambda p: torch.optim.Adam(p, lr=0.003), 38.0, SHORT),
    (
        "adam, shorter memory",
        lambda p: torch.optim.Adam(p, lr=0.001, betas=(0.9, 0.99)),
        38.0,
        SHORT,
    ),
]


@pytest.mark.parametrize(("name", "optimizer_of", "edge", "run"), EDGES, ids=[e[0] for e in EDGES])
def test_full_batch_training_settles_at_the_threshold(
    name: str,
    optimizer_of: Callable[[Iterable[Tensor]], torch.optim.Optimizer],
    edge: float,
    run: tuple[int, int, int, int],
) -> None:
    """Scaled sharpness η·s settles there: Cohen et al., arXiv 2103.00065; 2207.14484 for Adam."""
    steps, first, every, examples = run
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(examples, 8, generator=generator)
    y = torch.sign(torch.sin(3 * x[:, :1]) + x[:, 1:2] * x[:, 2:3])
    y = y + 0.5 * torch.randn(examples, 1, generator=generator)  # noise: it is long in fitting them
    net = tanh_net()

    def loss(model: nn.Module, batch: Any) -> Tensor:
        return ((model(x) - y) ** 2).mean()

    optimizer = optimizer_of(net.parameters())
    hessian, found = Hessian(net, loss, [None]), []
    for step in range(steps):
        optimizer.zero_grad()
        loss(net, None).backward()  # type: ignore[no-untyped-call]  # torch has no type
        optimizer.step()
        if step == 20 or (step >= first and step % every == 0):
            found.append(stability(hessian, optimizer, tolerance=0.01).scaled)
    assert found[0] < 0.8 * edge  # the control: not from the start
    assert sum(found[1:]) / len(found[1:]) == pytest.approx(edge, rel=0.05)


WIDTHS = """
name: small
model: {build: mlp, args: {activation: tanh}}
optimizer: {name: adam, lr: 0.001}
data: {source: teacher, d_in: 16, d_out: 4}
schedule: {name: constant, warmup: 0.0}
base: {width: 64, depth: 2, batch: 128, steps: 40}
ladder: {width: [64, 128, 256, 512]}
"""


@pytest.mark.slow
@pytest.mark.parametrize("parameterization", ["mup", "sp"])
def test_preconditioned_sharpness_over_widths(parameterization: str, tmp_path: Path) -> None:
    """One number at every width under muP; under sp it grows with the width, for one rate."""
    path = tmp_path / "widths.yaml"
    path.write_text(WIDTHS)
    proxies = proxies_of(str(path), (f"parameterization={parameterization}",))
    points = []
    for seed in range(2):
        for size in proxies.widths:
            trainee = proxies.train(size, seed, {})
            for step in range(40):
                trainee.step(step)
            hessian = Hessian(trainee.model, trainee.loss, trainee.unseen(1))
            points.append((size.width, stability(hessian, trainee.optimizer, None, 0.01).scaled))
    slope = width_slope(points, 0.9).value
    if parameterization == "mup":
        assert abs(slope) <= 0.15
    else:
        assert slope >= 0.6
