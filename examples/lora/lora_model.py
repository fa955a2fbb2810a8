"""Finetuning with low-rank adapters, as PEFT makes them: W x + (alpha / rank^power) · B (A x).

The base network is pretrained on the digits here, in a second, and frozen; the adapters then learn
the same digits turned by 90 degrees. Put your own pretrained network in place of `pretrained`, and
`get_peft_model(model, LoraConfig(r=rank, lora_alpha=…))` in place of `Adapted`.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

import mutransfer_cli as mt

PRETRAINING_STEPS = 150


@lru_cache(maxsize=1)
def digits() -> tuple[Tensor, Tensor]:
    """Images (count, 8, 8) of mean 0 and standard deviation 1, and their classes."""
    data = load_digits()
    x = torch.tensor(data.images, dtype=torch.float32, device="cpu")
    y = torch.tensor(data.target, dtype=torch.long, device="cpu")
    return (x - x.mean()) / x.std(), y


def batch(seed: int, turns: int = 1, examples: int = 64) -> tuple[Tensor, Tensor]:
    """Digits turned by so many quarter turns."""
    x, y = digits()
    rows = torch.randint(len(x), (examples,), generator=torch.Generator().manual_seed(seed))
    return torch.rot90(x[rows], turns, (1, 2)).flatten(1), y[rows]


class Network(nn.Module):
    """A multilayer perceptron."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.input = nn.Linear(64, width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.readout = nn.Linear(width, 10)
        nn.init.normal_(self.readout.weight, std=1 / width)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.input(x))
        for layer in self.layers:
            h = torch.relu(layer(h))
        logits: Tensor = self.readout(h)
        return logits


class Adapted(nn.Module):
    """A frozen linear layer with an adapter; the names are those of PEFT."""

    def __init__(self, base: nn.Linear, rank: int, alpha: float, power: float, zero: str) -> None:
        super().__init__()
        self.base_layer = base
        self.lora_A = nn.Linear(base.in_features, rank, bias=False)
        self.lora_B = nn.Linear(rank, base.out_features, bias=False)
        self.scaling = alpha / rank**power
        for name, part, fan_in in (("A", self.lora_A, base.in_features), ("B", self.lora_B, rank)):
            nn.init.normal_(part.weight, std=0.0 if name == zero else fan_in**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.base_layer(x) + self.lora_B(self.lora_A(x)) * self.scaling
        return y


@lru_cache(maxsize=64)
def pretrained(width: int, depth: int, seed: int) -> dict[str, Tensor]:
    """The weights of a network that has learnt upright digits."""
    with torch.device("cpu"), torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        network = Network(width, depth)
        optimizer = torch.optim.Adam(
            [{"params": p, "lr": 0.5 / width if p.shape == (width, width) else 0.01}
             for p in network.parameters()]
        )  # fmt: skip
        for step in range(PRETRAINING_STEPS):
            x, y = batch(seed * 10_000 + step, turns=0)
            optimizer.zero_grad()
            F.cross_entropy(network(x), y).backward()
            optimizer.step()
    return network.state_dict()


def build(
    width: int,
    rank: int,
    depth: int = 2,
    alpha: float = 8.0,
    power: float = 1.0,
    zero: str = "B",
    seed: int = 0,
) -> mt.Subject:
    """The frozen network with adapters on its square matrices.

    Args:
        width: Width of the network.
        rank: Rank of the adapters.
        depth: Number of square matrices.
        alpha: The factor on the adapters' results, at rank 1.
        power: How it falls with the rank: 1 as PEFT does, 1/2 for rsLoRA, 0 for a constant factor.
        zero: The matrix that starts at zero, A or B.
        seed: Seed of the pretraining.
    """
    network = Network(width, depth)
    if network.input.weight.device.type != "meta":  # a plan for a large width has no values
        network.load_state_dict(pretrained(width, depth, seed))
    network.requires_grad_(False)
    for i, layer in enumerate(network.layers):
        assert isinstance(layer, nn.Linear)
        network.layers[i] = Adapted(layer, rank, alpha, power, zero)
    return mt.Subject(network, batch=batch)
