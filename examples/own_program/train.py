"""A training program of your own: only `prepared` knows of mutransfer.

mutransfer sweep recipe.yaml                                            # starts this program
python train.py --plan target.json --width 1024 --seed 0 --steps 400    # and so can you
mutransfer check train:build
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli import Plan, Subject, load_plan

BATCH = 32


class Model(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(32, width), nn.Linear(width, width)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.second(torch.relu(self.first(x)))))


def prepared(plan: Plan, width: int, seed: int):
    torch.manual_seed(seed)
    model = Model(width)
    plan.initialize(model, seed)  # the init of every tensor
    plan.install(model)  # multipliers of the forward pass
    (optimizer,) = plan.optimizers(model)  # torch's own, with lr, weight_decay and eps by group
    return model, optimizer


def batch(seed: int) -> tuple[Tensor, Tensor]:
    """Vectors (BATCH, 32), and whichever of the first ten entries is the largest."""
    x = torch.randn(BATCH, 32, generator=torch.Generator().manual_seed(seed))
    return x, x[:, :10].argmax(1)


def loss_of(model: nn.Module, data: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(data[0]), data[1])


def build(width: int, seed: int) -> Subject:
    """What `mutransfer check train:build` measures; plan_WIDTH.json as `scale` writes it."""
    return Subject(*prepared(load_plan(f"plan_{width}.json"), width, seed), loss_of, batch)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--plan", required=True)
    parser.add_argument("--width", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path("."))
    args = parser.parse_args()
    model, optimizer = prepared(load_plan(args.plan), args.width, args.seed)
    for step in range(args.steps):
        loss = loss_of(model, batch(args.seed * 1_000_000 + step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        losses = [loss_of(model, batch(-1 - k)).item() for k in range(8)]
    metrics = {"val_loss": sum(losses) / len(losses), "train_loss": loss.item()}
    (args.out / "metrics.json").write_text(json.dumps(metrics))
    print(f"val loss {metrics['val_loss']:.4f}")


if __name__ == "__main__":
    main()
