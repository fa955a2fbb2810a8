"""Plans of models that multiply by powers of the width themselves; by hand, for m = 32/8 = 4."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli.errors import InputError
from mutransfer_cli.parameterization.plan_config import Init, Optimizer, PlanConfig
from mutransfer_cli.parameterization.planner import plan_model
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.tracing.skeleton import shapes_of, skeleton
from tests.helpers.scaled_layers import Adapted, Cosine, Gated, Heads, Scaled
from tests.helpers.traced_models import Net, traced, vectors

ADAM = Optimizer("adam", lr=0.01, eps=1e-8)
SGD = Optimizer("sgd", lr=0.01)


def planned(
    make: Callable[[int], nn.Module], optimizer: Optimizer = ADAM, width: int = 32, **config: object
) -> Plan:
    family = traced(make, vectors())
    shapes = shapes_of(skeleton(lambda: make(width)))
    base = {"width": 8, "depth": 1, "batch": 4, "steps": 10}
    rules = PlanConfig("mup", optimizer, **config)  # type: ignore[arg-type]  # any of its fields
    return plan_model(family, rules, shapes, base, {**base, "width": width})


@pytest.mark.parametrize("where", ["weight", "input", "output", "vector", "alpha"])
@pytest.mark.parametrize(
    ("optimizer", "lr", "eps"),
    [
        # y = θ·W·x with θ = m^-1/2 = 1/2. Table 8 asks for θ·std ∝ m^-1/2, so std is constant;
        # Adam: θ·lr ∝ 1/m, so lr ∝ m^-1/2; the gradient goes as θ/m = m^-3/2 = 1/8, and so does eps
        (ADAM, 0.005, 1e-8 / 8),
        # SGD: θ²·lr ∝ 1, so lr ∝ m
        (SGD, 0.04, None),
    ],
)
def test_equalized_layers(where: str, optimizer: Optimizer, lr: float, eps: float | None) -> None:
    plan = planned(lambda w: Net(w, Scaled(w, where)), optimizer)
    tensor = plan.tensor("hidden.w")
    assert tensor.init_std == pytest.approx(1.0)  # 1/√fan_in = std·θ, with θ = 1/√8 at the base
    assert tensor.lr == pytest.approx(lr)
    assert tensor.eps == (None if eps is None else pytest.approx(eps))
    assert plan.tensor("hidden.b").lr == pytest.approx(0.01 if optimizer is ADAM else 0.04)


def test_a_plain_layer_beside_them_is_planned_as_ever() -> None:
    """The negative control: Table 8 without any factor."""
    tensor = planned(lambda w: Net(w, nn.Linear(w, w))).tensor("hidden.weight")
    assert (tensor.init_std, tensor.lr) == (pytest.approx(32**-0.5), pytest.approx(0.0025))


@pytest.mark.parametrize("where", ["weight", "output and bias"])
def test_the_equalized_layer_trains_as_the_plain_one(where: str) -> None:
    """With the same effective weights, both plans take the same step (abc-symmetry)."""
    steps = []
    for make in (lambda w: Net(w, nn.Linear(w, w)), lambda w: Net(w, Scaled(w, where))):
        plan = planned(make, Optimizer("sgd", lr=0.01), init=Init(source="fan_in"))
        torch.manual_seed(0)
        model = make(32)
        with torch.no_grad():
            generator = torch.Generator().manual_seed(1)
            for p in model.parameters():
                p.copy_(torch.randn(p.shape, generator=generator) * 0.2)
            if isinstance(model.hidden, Scaled):  # W/√n: multiply by √n to have the same layer
                model.hidden.w.mul_(32**0.5)
                model.hidden.b.mul_(32**0.5 if where == "output and bias" else 1.0)
        (optimizer,) = plan.optimizers(model)
        # rates at the base differ by θ² = 1/8, which the recipe's own rate has to contain
        if isinstance(model.hidden, Scaled):
            scaled = {id(model.hidden.w)} | (
                {id(model.hidden.b)} if where == "output and bias" else set()
            )
            groups = [
                {"params": [p], "lr": g["lr"] * (8 if id(p) in scaled else 1)}
                for g in optimizer.param_groups
                for p in g["params"]
            ]
            optimizer = torch.optim.SGD(groups)
        for _ in range(3):
            optimizer.zero_grad()
            model(vectors()).square().mean().backward()
            optimizer.step()
        steps.append(model(vectors()).detach())
    torch.testing.assert_close(*steps, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("how", "multiplier", "site", "bias"),
    [
        # logits/m by the model: nothing is left to install; its bias is divided too, so Adam's
        # rate of the bias is multiplied by m = 4
        ("logits", 1.0, None, 0.04),
        ("input", 1.0, None, 0.01),
        ("input and logits", 1.0, None, 0.02),
        ("root", 0.5, "input", 0.02),  # half of it is left: m^-1/2
        ("none", 0.25, "input", 0.01),
        ("constant", 0.25, "input", 0.01),
    ],
)
def test_logits_that_the_model_divides(
    how: str, multiplier: float, site: str | None, bias: float
) -> None:
    plan = planned(lambda w: Heads(w, how))
    assert plan.forward["logit_scale"] == pytest.approx(multiplier)
    assert (plan.sites["logit_scale"].how if site else "logit_scale" not in plan.sites) == (
        site or True
    )
    last = plan.tensor("last.weight")
    assert (last.init_std, last.lr) == (pytest.approx(8**-0.5), pytest.approx(0.01))
    assert plan.tensor("last.bias").lr == pytest.approx(bias)


@pytest.mark.parametrize(("how", "lr"), [("logits", 0.01), ("root", 0.005), ("none", 0.0025)])
def test_divided_logits_without_a_multiplier(how: str, lr: float) -> None:
    """Table 3 with the model's θ: lr·θ = 1/m and std·θ = 1/m of the base's."""
    plan = planned(lambda w: Heads(w, how), readout="absorbed")
    last = plan.tensor("last.weight")
    assert plan.forward["logit_scale"] == 1.0 and "logit_scale" not in plan.sites
    assert last.lr == pytest.approx(lr)
    assert last.init_std == pytest.approx(8**-0.5 * lr / 0.01)


def test_sgd_sees_the_square_of_a_factor_on_the_bias() -> None:
    plan = planned(lambda w: Heads(w, "logits"), SGD)
    assert plan.tensor("last.bias").lr == pytest.approx(0.01 * 4**2)


@pytest.mark.parametrize("how", ["normalize", "norms", "function"])
def test_cosine_heads_get_no_multiplier(how: str) -> None:
    """Logits are bounded at every width; what counts is the rate over the init: constant."""
    at_base, plan = (planned(lambda w: Cosine(w, how), width=w) for w in (8, 32))
    assert plan.forward["logit_scale"] == pytest.approx(1.0) and not plan.sites
    ratios = [p.tensor("classes").lr / (p.tensor("classes").init_std or 0) for p in (at_base, plan)]
    assert ratios[1] == pytest.approx(ratios[0], rel=1e-2)


@pytest.mark.parametrize(
    ("layer", "tensor"), [(Gated, "hidden.gate"), (Adapted, "hidden.down.weight")]
)
def test_readouts_inside_a_model_absorb_their_multiplier(
    layer: type[nn.Module], tensor: str
) -> None:
    """Table 3, rate and init 1/m; nothing multiplies the input that a hidden layer reads too."""

    def make(width: int) -> nn.Module:
        return Net(width, layer(width))

    plan = planned(make)
    assert plan.sites["logit_scale"].modules == ("last",)
    inside = plan.tensor(tensor)
    assert (inside.role, inside.lr) == ("readout", pytest.approx(0.0025))
    assert inside.init_std == pytest.approx(8**-0.5 / 4)
    model = make(32)
    before, after = copy.deepcopy(model), model
    plan.install(after)
    x = torch.relu(before.first(vectors()))
    torch.testing.assert_close(after.hidden(x), before.hidden(x))


class Beside(nn.Module):
    """A module whose input a raw readout and a skip read."""

    def __init__(self, width: int, factor: bool) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(3, width))
        self.divisor = width**0.5 if factor else 1.0

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x / self.divisor, self.w) + x.mean(-1, keepdim=True)


class Outside(nn.Module):
    def __init__(self, width: int, factor: bool) -> None:
        super().__init__()
        self.first, self.hidden = nn.Linear(6, width), nn.Linear(width, width)
        self.out = Beside(width, factor)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.out(torch.relu(self.hidden(torch.relu(self.first(x)))))
        return y


def test_where_a_hook_would_scale_more_than_the_readout_the_multiplier_is_absorbed() -> None:
    plan = planned(lambda w: Outside(w, False))  # Table 3: std ∝ 1/m, lr ∝ 1/m
    assert plan.form == "absorbed" and not plan.sites
    assert plan.tensor("out.w").lr == pytest.approx(0.0025)
    with pytest.raises(InputError, match=r"out\.w is applied inside a forward pass"):
        planned(lambda w: Outside(w, False), logit_multiplier=2.0)
    plan = planned(lambda w: Outside(w, True))  # θ = m^-1/2: std·θ = lr·θ = 1/m
    assert plan.form == "absorbed" and not plan.sites
    assert plan.tensor("out.w").lr == pytest.approx(0.005)


class Rated(nn.Module):
    """Two towers whose features `bilinear` reads: one readout with a fan-in of width²."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(6, width), nn.Linear(6, width)
        self.rating = nn.Bilinear(width, width, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.rating(torch.relu(self.left(x)), torch.relu(self.right(x)))
        return y


class Summed(nn.Module):
    """A raw readout, read by einsum."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(6, width)
        self.out = nn.Parameter(torch.randn(3, width) / width)

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("bi,oi->bo", torch.relu(self.first(x)), self.out)


@pytest.mark.parametrize(
    ("make", "name", "m"),
    # a sum over all pairs of features has width² terms: m² = 16
    [(Rated, "rating.weight", 16), (Summed, "out", 4)],
)
def test_readouts_that_no_hook_reaches_absorb_their_multiplier(
    make: Callable[[int], nn.Module], name: str, m: int
) -> None:
    plan = planned(make)
    assert plan.form == "absorbed" and not plan.sites
    assert plan.tensor(name).lr == pytest.approx(0.01 / m)
    assert planned(lambda w: Net(w, nn.Linear(w, w))).form == "multiplier"  # a hook reaches it


def test_what_the_tracer_cannot_tell_is_noted() -> None:
    class Unclear(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.w, self.root = nn.Linear(width, width), width**0.5

        def forward(self, x: Tensor) -> Tensor:
            y = self.w(x)
            return torch.relu(y) + torch.tanh(y / self.root)

    plan = planned(lambda w: Net(w, Unclear(w)))
    assert {t.name for t in plan.tensors if t.note} == {"hidden.w.weight", "hidden.w.bias"}
    assert all(not t.note for t in planned(lambda w: Net(w, nn.Linear(w, w))).tensors)
