"""The plan against the mup package (microsoft/mup) on the same model."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli import plan

mup = pytest.importorskip("mup")
from mup.optim import MuAdamW, MuSGD  # type: ignore[import-untyped,unused-ignore] # noqa: E402

BASE, WIDTH, INPUTS, CLASSES = 16, 64, 6, 3
LR, DECAY = 0.01, 0.1


class Plain(nn.Module):
    def __init__(self, width: int, readout: type[nn.Linear] = nn.Linear) -> None:
        super().__init__()
        self.first = nn.Linear(INPUTS, width)
        self.hidden = nn.Linear(width, width)
        self.readout = readout(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.readout(torch.relu(self.hidden(torch.relu(self.first(x)))))
        return y


def theirs() -> nn.Module:
    model = Plain(WIDTH, mup.MuReadout)
    base, delta = (Plain(w, mup.MuReadout) for w in (BASE, 2 * BASE))
    mup.set_base_shapes(model, base, delta=delta)
    return model


def example() -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(0)
    return torch.randn(8, INPUTS, generator=g), torch.randint(0, CLASSES, (8,), generator=g)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_rates_and_decays(name: str) -> None:
    model = theirs()
    kind = MuAdamW if name == "adamw" else MuSGD
    # decoupled_wd=False is the package's ηλ = const in width
    optimizer = kind(model.parameters(), lr=LR, weight_decay=DECAY)
    wanted: dict[str, tuple[float, float]] = {}
    names = {id(p): n for n, p in model.named_parameters()}
    for group in optimizer.param_groups:
        for p in group["params"]:
            wanted[names[id(p)]] = (group["lr"], group["weight_decay"])
    ours = plan(
        Plain,
        base={"width": BASE},
        target={"width": WIDTH},
        optimizer={"name": name, "lr": LR, "weight_decay": DECAY},
        decay="all",
        batch=example(),
    )
    found = {t.name: (t.lr, t.weight_decay) for t in ours.tensors}
    assert found == {n: pytest.approx(v) for n, v in wanted.items()}


def test_the_same_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the same weights, ten steps of MuAdamW and of the plan give the same losses."""
    reference = theirs()
    model = Plain(WIDTH)
    model.load_state_dict(reference.state_dict())
    ours = plan(
        Plain,
        base={"width": BASE},
        target={"width": WIDTH},
        optimizer={"name": "adamw", "lr": LR, "eps": 1e-8, "betas": (0.9, 0.999)},
        epsilon="constant",  # the package never touches epsilon
        batch=example(),
    )
    ours.install(model)
    # the package's readout bias is outside its multiplier, as ours is
    optimizers = [
        MuAdamW(reference.parameters(), lr=LR, weight_decay=0.0, betas=(0.9, 0.999)),
        ours.optimizers(model)[0],
    ]
    losses: list[list[float]] = [[], []]
    x, y = example()
    for _ in range(10):
        for i, net in enumerate((reference, model)):
            loss = nn.functional.cross_entropy(net(x), y)
            optimizers[i].zero_grad()
            loss.backward()
            optimizers[i].step()
            losses[i].append(loss.item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert losses[0][0] > losses[0][-1]


def test_init_spread() -> None:
    """The package multiplies a readout's own init by √m; a hidden matrix keeps 1/√fan_in."""
    torch.manual_seed(0)
    reference = theirs()
    ours = plan(Plain, base={"width": BASE}, target={"width": WIDTH}, optimizer={}, batch=example())
    model = Plain(WIDTH)
    ours.initialize(model)
    for name in ("hidden.weight", "readout.weight"):
        a = dict(reference.named_parameters())[name].square().mean().sqrt().item()
        b = dict(model.named_parameters())[name].square().mean().sqrt().item()
        assert a == pytest.approx(b, rel=0.15), name  # 48 entries at the base: ±10 %
