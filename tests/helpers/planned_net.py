"""A small network with its plan, and a training loop as in a user's own script."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mutransfer_cli import plan
from mutransfer_cli.parameterization.plan_config import Init
from mutransfer_cli.plans.plan import Plan

BASE, WIDTH, INPUTS, CLASSES = 16, 64, 5, 3
STEPS = 6


class Net(nn.Module):
    """An MLP with one hidden matrix."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(INPUTS, width)
        self.hidden = nn.Linear(width, width)
        self.readout = nn.Linear(width, CLASSES, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.readout(torch.relu(self.hidden(torch.relu(self.first(x)))))
        return y


def inputs() -> Tensor:
    """A batch of inputs."""
    return torch.randn(7, INPUTS, generator=torch.Generator().manual_seed(3))


def net_plan(readout: str = "multiplier") -> Plan:
    """The plan of a `Net` at `WIDTH`."""
    return plan(
        Net,
        base={"width": BASE},
        target={"width": WIDTH},
        optimizer={"name": "adamw", "lr": 0.01},
        readout=readout,
        init=Init(source="fan_in"),
        batch=(inputs(), torch.zeros(7, dtype=torch.long)),
    )


def initialized_net(seed: int = 0) -> Net:
    """A `Net` at `WIDTH` that starts as planned, without its multipliers."""
    model = Net(WIDTH)
    net_plan().initialize(model, seed)
    return model


def training_batch(step: int) -> tuple[Tensor, Tensor]:
    """Inputs and classes of one step."""
    g = torch.Generator().manual_seed(step)
    return torch.randn(8, INPUTS, generator=g), torch.randint(0, CLASSES, (8,), generator=g)


def batch_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """The loss of a batch."""
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def prepared(plan: Plan, wrap: Callable[[nn.Module], nn.Module] = lambda m: m) -> Any:
    """A `Net` as planned, perhaps wrapped, and its optimizer."""
    torch.manual_seed(0)
    model = wrap(Net(WIDTH))
    plan.initialize(model, 0)
    plan.install(model)
    (optimizer,) = plan.optimizers(model)
    return model, optimizer


def train(model: nn.Module, optimizer: Optimizer, schedule: Any = None) -> list[float]:
    """Train for `STEPS` steps; the losses."""
    losses = []
    for step in range(STEPS):
        loss = batch_loss(model, training_batch(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if schedule is not None:
            schedule.step()
        losses.append(loss.item())
    return losses


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
    return port
