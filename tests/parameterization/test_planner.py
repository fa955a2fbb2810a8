"""Plans against the published tables, computed by hand for width 8 to 32: m = 4."""

from __future__ import annotations

import copy
import itertools
from dataclasses import replace

import pytest
import torch
from torch import nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.parameterization.plan_config import Init, Optimizer, PlanConfig
from mutransfer_cli.parameterization.planner import plan_model
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.tracing.skeleton import shapes_of, skeleton
from tests.helpers.traced_models import Heads, Language, Net, tokens, traced, vectors

ADAMW = Optimizer("adamw", lr=0.01, eps=1e-8, weight_decay=0.1)
SGD = Optimizer("sgd", lr=0.01, weight_decay=0.1, momentum=0.9)


def net(width: int) -> nn.Module:
    torch.manual_seed(0)  # the last bias keeps its own random init
    return Net(width, nn.Linear(width, width))


def planned(config: PlanConfig, width: int = 32, make=net, example=None) -> Plan:  # type: ignore[no-untyped-def]
    family = traced(make, vectors() if example is None else example)
    shapes = shapes_of(skeleton(lambda: make(width)))
    base = {"width": 8, "depth": 1, "batch": 4, "steps": 10}
    return plan_model(family, config, shapes, base, {**base, "width": width})


# name: init_std, lr, eps, weight_decay; TP5 Table 8 in its relative form, eps by Complete(d)P:
# hidden std/√m, lr/m, eps/m, decay·m; input std 1/√6; readout const with logits / m
MUP_ADAM = {
    "first.weight": (6**-0.5, 0.01, 2.5e-9, 0.1),
    "first.bias": (None, 0.01, 2.5e-9, 0.0),
    "hidden.weight": (32**-0.5, 0.0025, 2.5e-9, 0.4),
    "hidden.bias": (None, 0.01, 2.5e-9, 0.0),
    "last.weight": (8**-0.5, 0.01, 2.5e-9, 0.1),
    "last.bias": (None, 0.01, 1e-8, 0.0),
}
# TP5 Table 8, SGD: input, vectors and readout ·m, hidden 1; decay divided by the same (MuSGD)
MUP_SGD = {
    "first.weight": (0.04, 0.025),
    "first.bias": (0.04, 0.0),
    "hidden.weight": (0.01, 0.1),
    "hidden.bias": (0.04, 0.0),
    "last.weight": (0.04, 0.025),
    "last.bias": (0.01, 0.0),
}


def test_mup_adamw() -> None:
    plan = planned(PlanConfig("mup", ADAMW))
    for name, (std, lr, eps, decay) in MUP_ADAM.items():
        t = plan.tensor(name)
        assert (t.init_std is None) == (std is None)
        assert (t.init_std or 0.0) == pytest.approx(std or 0.0, rel=1e-12), name
        assert t.lr == pytest.approx(lr, rel=1e-12), name
        assert t.eps == pytest.approx(eps, rel=1e-12), name
        assert t.weight_decay == pytest.approx(decay, rel=1e-12), name
        assert t.multiplier == 1.0
    assert plan.forward["logit_scale"] == 0.25


def test_absorbed_readout_is_table_3() -> None:
    plan = planned(PlanConfig("mup", ADAMW, readout="absorbed", clip=1.0))
    readout = plan.tensor("last.weight")
    assert readout.init_std == pytest.approx(8**-0.5 / 4, rel=1e-12)
    assert readout.lr == pytest.approx(0.0025, rel=1e-12)
    assert readout.eps == pytest.approx(1e-8, rel=1e-12)
    assert readout.weight_decay == pytest.approx(0.4, rel=1e-12)
    assert plan.forward["logit_scale"] == 1.0
    assert plan.clip == pytest.approx(2.0)  # the norm of the readout's gradient grows as √m


def test_mup_sgd() -> None:
    plan = planned(PlanConfig("mup", SGD))
    for name, (lr, decay) in MUP_SGD.items():
        t = plan.tensor(name)
        assert (t.lr, t.weight_decay) == pytest.approx((lr, decay), rel=1e-12), name
        assert t.eps is None
    absorbed = planned(PlanConfig("mup", SGD, readout="absorbed")).tensor("last.weight")
    assert absorbed.lr == pytest.approx(0.0025, rel=1e-12)  # TP5 Table 3: 1/m


def test_sp_scales_nothing_but_the_init() -> None:
    plan = planned(PlanConfig("sp", ADAMW, clip=1.0, epsilon="constant"))
    for t in plan.tensors:
        assert t.lr == 0.01
        assert t.eps == 1e-8
    assert plan.tensor("hidden.weight").init_std == pytest.approx(32**-0.5)
    assert plan.tensor("last.weight").init_std == pytest.approx(32**-0.5)
    assert plan.forward["logit_scale"] == 1.0


def test_everything_is_one_at_the_base() -> None:
    for optimizer, readout in itertools.product((ADAMW, SGD), ("multiplier", "absorbed")):
        mup, sp = (
            planned(PlanConfig(p, optimizer, readout=readout, clip=1.0), width=8)
            for p in ("mup", "sp")
        )
        assert mup.forward == sp.forward
        assert mup.clip == sp.clip == 1.0
        for a, b in zip(mup.tensors, sp.tensors, strict=True):
            assert replace(a, source="", why="") == replace(b, source="", why="")


def test_scaling_composes() -> None:
    once = planned(PlanConfig("mup", ADAMW), width=32)
    half, twice = (planned(PlanConfig("mup", ADAMW), width=w) for w in (16, 64))
    for a, b, c in zip(half.tensors, once.tensors, twice.tensors, strict=True):
        assert b.lr / a.lr == pytest.approx(c.lr / b.lr)


def test_choices_of_decay_and_factors() -> None:
    coupled = planned(PlanConfig("mup", ADAMW, weight_decay="coupled"))
    assert coupled.tensor("hidden.weight").weight_decay == 0.1
    every = planned(PlanConfig("mup", ADAMW, decay="all"))
    assert every.tensor("first.bias").weight_decay == pytest.approx(0.1)
    some = planned(PlanConfig("mup", ADAMW, decay=("last.*",), lr_factors={"readout": 3.0}))
    assert some.tensor("hidden.weight").weight_decay == 0.0
    assert some.tensor("last.weight").lr == pytest.approx(0.03)


def test_attention_follows_the_head_size() -> None:
    def made(scale: str, knob: bool) -> Plan:
        return planned(
            PlanConfig("mup", ADAMW), make=lambda w: Heads(w, scale, knob), example=tokens()
        )

    # head size 4 at the base, 16 at the target: √4 / 16
    assert made("1/sqrt", knob=True).forward["attention_scale"] == pytest.approx(0.125)
    assert made("1/d", knob=False).forward["attention_scale"] == pytest.approx(1 / 16)
    with pytest.raises(InputError, match=r"head size .* heads: .*`attention_scale`"):
        made("1/sqrt", knob=False)


def test_functional_tied_readout_is_an_error_that_names_the_line() -> None:
    with pytest.raises(InputError, match=r"wte\.weight .*`logits = logits \* self\.logit_scale"):
        planned(
            PlanConfig("mup", ADAMW), make=lambda w: Language(w, "functional"), example=tokens()
        )


def test_tied_readout_by_a_module_gets_its_multiplier_by_a_hook() -> None:
    make = lambda w: Language(w, "module")  # noqa: E731  # one line says it
    plan = planned(PlanConfig("mup", ADAMW), make=make, example=tokens())
    assert plan.forward["logit_scale"] == 0.25
    assert plan.sites["logit_scale"].modules == ("head",)
    model = make(32)
    before = model(tokens())
    plan.install(model)
    assert torch.equal(model(tokens()), before * 0.25)
    assert torch.equal(copy.deepcopy(model)(tokens()), before * 0.25)
    with pytest.raises(InputError, match="installed before"):
        plan.install(model)


def train(plan: Plan, model: nn.Module, steps: int = 5) -> list[float]:
    plan.initialize(model, seed=3)
    plan.install(model)
    (optimizer,) = plan.optimizers(model)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = model(vectors()).square().mean() + (model(vectors()) - 1).square().mean()
        loss.backward()
        if plan.clip:
            torch.nn.utils.clip_grad_norm_(model.parameters(), plan.clip)
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("optimizer", [ADAMW, SGD], ids=["adamw", "sgd"])
def test_both_forms_of_the_readout_train_alike(optimizer: Optimizer) -> None:
    """abc-symmetry: exact for a power of two, but for rounding in eps and the norm."""
    forms = [
        train(planned(PlanConfig("mup", optimizer, readout=r)), net(32))
        for r in ("multiplier", "absorbed")
    ]
    assert forms[0] == pytest.approx(forms[1], rel=1e-5)
    other = train(planned(PlanConfig("sp", optimizer)), net(32))
    assert other != pytest.approx(forms[0], rel=1e-3)


def test_init_from_the_model_keeps_its_spread() -> None:
    plan = planned(PlanConfig("mup", ADAMW, init=Init(source="model")), width=512)
    model = net(512)
    plan.initialize(model)
    # nn.Linear draws U(±1/√fan_in), std 1/√(3 fan_in): 8 entries at the base, scaled by 1/√m
    rms = model.hidden.weight.square().mean().sqrt().item()
    assert rms == pytest.approx(plan.tensor("hidden.weight").init_std, rel=1e-5)
    assert rms == pytest.approx((3 * 512) ** -0.5, rel=0.25)  # 64 entries at the base: ±9 %
    # under mup the readout keeps the base's spread, not that of nn.Linear at this width
    rms = model.last.weight.square().mean().sqrt().item()
    assert rms == pytest.approx((3 * 8) ** -0.5, rel=0.4)  # 24 entries at the base: ±15 %


def test_zero_patterns_and_streams() -> None:
    plan = planned(PlanConfig("mup", ADAMW, init=Init(zero=("last.weight",))))
    a, b = net(32), net(32)
    plan.initialize(a, seed=1)
    plan.initialize(b, seed=1)
    assert torch.equal(a.hidden.weight, b.hidden.weight)
    assert not a.last.weight.any()
    plan.initialize(b, seed=2)
    assert not torch.equal(a.hidden.weight, b.hidden.weight)


def test_a_decay_that_is_preconditioned_has_no_rule() -> None:
    """Adam adds it to the gradient; `rules.weight_decay: coupled` takes the number as it is."""
    adam = Optimizer("adam", weight_decay=0.1)
    with pytest.raises(InputError, match=r"expected 0, or name: adamw; found 0\.1") as raised:
        planned(PlanConfig("mup", adam))
    assert raised.value.path == ("optimizer", "weight_decay")
    coupled = planned(PlanConfig("mup", adam, weight_decay="coupled"))
    assert coupled.tensor("hidden.weight").weight_decay == 0.1
