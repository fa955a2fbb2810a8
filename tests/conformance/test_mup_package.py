"""The plan against the mup package (microsoft/mup): MLP, convolutional network, transformer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli import Subject, check, plan
from mutransfer_cli.errors import InputError
from mutransfer_cli.plans import base_shapes as bsh
from mutransfer_cli.plans.plan import Plan

mup = pytest.importorskip("mup")
from mup.optim import MuAdam, MuAdamW, MuSGD  # type: ignore[import-untyped,unused-ignore] # noqa: E402 - after the importorskip

BASE, WIDTH, CLASSES = 16, 64, 5
LR, DECAY, STEPS = 0.01, 0.1, 50
Readout = type[nn.Linear]


class Plain(nn.Module):
    def __init__(self, width: int, readout: Readout = nn.Linear) -> None:
        super().__init__()
        self.first = nn.Linear(6, width)
        self.hidden = nn.Linear(width, 2 * width)
        self.readout = readout(2 * width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.readout(torch.relu(self.hidden(torch.relu(self.first(x)))))
        return y


class Conv(nn.Module):
    def __init__(self, width: int, readout: Readout = nn.Linear) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.dense = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.readout = readout(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.stem(x.view(-1, 1, 4, 4)))
        x = torch.relu(self.dense(self.depthwise(x)))
        y: Tensor = self.readout(x.mean((2, 3)))
        return y


class Transformer(nn.Module):
    """Heads of 8, so that 1/√d of a head is the same at every width."""

    def __init__(self, width: int, readout: Readout = nn.Linear) -> None:
        super().__init__()
        self.token = nn.Embedding(CLASSES, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.readout = readout(width, CLASSES)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.token(ids)
        q, k, v = self.qkv(self.norm1(x)).view(*ids.shape, 3, -1, 8).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        x = x + self.down(F.gelu(self.up(self.norm2(x))))
        y: Tensor = self.readout(x)
        return y


MODELS: dict[str, type[nn.Module]] = {"mlp": Plain, "conv": Conv, "transformer": Transformer}
OPTIMIZERS: dict[str, Callable[..., Any]] = {"sgd": MuSGD, "adam": MuAdam, "adamw": MuAdamW}


def theirs(kind: type[nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    model = kind(WIDTH, mup.MuReadout)
    mup.set_base_shapes(model, kind(BASE, mup.MuReadout), delta=kind(2 * BASE, mup.MuReadout))
    return model


def example(name: str) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(0)
    if name == "transformer":
        ids = torch.randint(0, CLASSES, (8, 9), generator=g)
        return ids[:, :-1], ids[:, 1:]
    x = torch.randn(8, 6 if name == "mlp" else 16, generator=g)
    return x, torch.randint(0, CLASSES, (8,), generator=g)


def ours(name: str, optimizer: str, lambda_: float = 0.0, **rules: Any) -> Plan:
    return plan(
        MODELS[name],
        base={"width": BASE},
        target={"width": WIDTH},
        optimizer={"name": optimizer, "lr": LR, "weight_decay": lambda_, "betas": (0.9, 0.999)},
        batch=example(name),
        **rules,
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", MODELS)
def test_rates_and_decays(name: str, optimizer: str) -> None:
    decay = 0.0 if optimizer == "adam" else DECAY  # with the gradient, it has no correct rule
    model = theirs(MODELS[name])
    made = OPTIMIZERS[optimizer](model.parameters(), lr=LR, weight_decay=decay)
    names = {id(p): n for n, p in model.named_parameters()}
    wanted = {
        names[id(p)]: pytest.approx((group["lr"], group["weight_decay"]), rel=1e-12)
        for group in made.param_groups
        for p in group["params"]
    }
    rows = ours(name, optimizer, decay, decay="all").tensors
    found = {t.name: (t.lr, t.weight_decay) for t in rows}
    assert found == wanted


def losses(model: nn.Module, optimizer: Any, name: str) -> list[float]:
    x, y = example(name)
    found = []
    for _ in range(STEPS):
        loss = F.cross_entropy(model(x).flatten(0, -2), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", MODELS)
def test_the_same_training(name: str, optimizer: str) -> None:
    """From the same weights, 50 steps of the package and of the plan give the same losses."""
    kind = MODELS[name]
    options = {"lr": LR} | ({} if optimizer == "sgd" else {"betas": (0.9, 0.999)})
    curves = {}
    for who in ("theirs", "ours", "unscaled"):
        torch.manual_seed(1)
        reference = theirs(kind)
        if who == "theirs":
            made = OPTIMIZERS[optimizer](reference.parameters(), **options)
            curves[who] = losses(reference, made, name)
            continue
        model = kind(WIDTH)
        model.load_state_dict(reference.state_dict())
        made_plan = ours(name, optimizer, epsilon="constant")  # the package never touches it
        if who == "ours":
            made_plan.install(model)
        curves[who] = losses(model, made_plan.optimizers(model)[0], name)
    assert curves["ours"] == pytest.approx(curves["theirs"], rel=1e-6)
    assert curves["theirs"][0] > curves["theirs"][-1]
    assert curves["unscaled"] != pytest.approx(curves["theirs"], rel=1e-2)  # no logit multiplier


@pytest.mark.parametrize("name", MODELS)
def test_init_spread(name: str) -> None:
    """mup.init.normal_ scales the base's spread; the plan says the same number for each matrix."""
    std = 0.05
    model = theirs(MODELS[name])
    from mutransfer_cli.parameterization.plan_config import Init

    found = ours(name, "adamw", init=Init(source="fan_in", std=std, embedding_std=std))
    for tensor, p in zip(found.tensors, model.parameters(), strict=True):
        if tensor.role not in {"hidden", "convolution"} or p.ndim < 2:
            continue
        # in its normal_, std = σ/√(width_mult) for two infinite dimensions (mup/init.py)
        scale = p.infshape.width_mult() ** -0.5 if p.infshape.ninf() == 2 else 1.0
        assert tensor.init_std == pytest.approx(std * scale, rel=1e-12), tensor.name


def test_the_package_reads_our_base_shapes(tmp_path: Path) -> None:
    path = tmp_path / "base.bsh"
    bsh.write_base_shapes(bsh.base_shapes(ours("transformer", "adamw")), path)
    model = MODELS["transformer"](WIDTH, mup.MuReadout)
    mup.set_base_shapes(model, str(path))
    wanted = {n: p.infshape.ninf() for n, p in theirs(Transformer).named_parameters()}
    assert {n: p.infshape.ninf() for n, p in model.named_parameters()} == wanted
    widths = {n: p.infshape.width_mult() for n, p in model.named_parameters()}
    assert widths["out.weight"] == 4.0 and widths["token.weight"] == 4.0


def test_its_base_shapes_are_read(tmp_path: Path) -> None:
    path = tmp_path / "theirs.bsh"
    base, delta = Transformer(BASE), Transformer(2 * BASE)
    mup.make_base_shapes(base, delta, savefile=str(path))
    found = bsh.read_base_shapes(path)
    mine = bsh.base_shapes(ours("transformer", "adamw"))
    assert bsh.base_shape_differences(mine, found) == []
    wrong = found | {"up.weight": (None, 16)}
    assert bsh.base_shape_differences(mine, wrong) == [
        "up.weight: [64, 16] in the recipe, [None, 16] in the file"
    ]
    path.write_text("token.weight: wide\n")
    with pytest.raises(InputError, match=r"token.weight: expected a list of sizes"):
        bsh.read_base_shapes(path)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_carries_infshape_is_planned(name: str) -> None:
    """Its MuReadout has the logit multiplier already: the plan adds none."""

    def build(width: int) -> nn.Module:
        kind = MODELS[name]
        model = kind(width, mup.MuReadout)
        mup.set_base_shapes(model, kind(BASE, mup.MuReadout), delta=kind(2 * BASE, mup.MuReadout))
        return model

    found = plan(
        build, base={"width": BASE}, target={"width": WIDTH}, optimizer={}, batch=example(name)
    )
    assert found.forward["logit_scale"] == pytest.approx(1.0)
    assert {t.name: t.lr for t in found.tensors} == {
        t.name: t.lr for t in plan(
            MODELS[name], base={"width": BASE}, target={"width": WIDTH}, optimizer={},
            batch=example(name),
        ).tensors
    }  # fmt: skip


@pytest.mark.parametrize(("broken", "verdict"), [(False, "pass"), (True, "fail")])
def test_a_model_of_the_package_is_checked_as_it_is(broken: bool, verdict: str) -> None:
    """MuReadout and MuAdam pass; MuReadout trained by torch's own Adam does not."""

    def build(width: int, seed: int) -> Subject:
        torch.manual_seed(seed)
        model = Plain(width, mup.MuReadout)
        mup.set_base_shapes(model, Plain(BASE, mup.MuReadout), delta=Plain(32, mup.MuReadout))
        kind = torch.optim.Adam if broken else MuAdam
        return Subject(
            model,
            optimizer=kind(model.parameters(), lr=LR),
            loss=lambda m, b: F.cross_entropy(m(b[0]), b[1]),
            batch=lambda s: example("mlp"),
        )

    report = check(build, (64, 128, 256), seeds=3)
    assert report.verdict == verdict
    if broken:
        assert {t.name for t in report.tensors if t.verdict == "fail"} == {"hidden.weight"}
