"""A plain training loop that starts from the file of `mutransfer scale --format torch`.

    mutransfer scale recipe.yaml --width 64 --format torch -o plan_64.py     # and 128, 256
    python train.py --width 128
    mutransfer check train:build                                     # is it implemented correctly?

The emitted file needs torch alone: training does not import mutransfer (the check's Subject does).
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LENGTH, BATCH, STEPS = 32, 8, 60
TEXT = torch.frombuffer(bytearray(Path(argparse.__file__).read_bytes()), dtype=torch.uint8).long()


class Model(nn.Module):
    """Bytes (batch, length) -> logits: a residual network over a running mean of the past."""

    def __init__(self, width: int, depth: int = 2) -> None:
        super().__init__()
        self.embed = nn.Embedding(256, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(2 * width), nn.Linear(2 * width, 2 * width), nn.GELU(),
                          nn.Linear(2 * width, width))
            for _ in range(depth)
        )  # fmt: skip
        self.head = nn.Linear(width, 256, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        counts = torch.arange(1, x.shape[1] + 1, device=x.device)[:, None]
        for block in self.blocks:
            x = x + block(torch.cat([x, x.cumsum(1) / counts], -1))
        return self.head(x)


def batch(seed: int) -> tuple[Tensor, Tensor]:
    """Inputs and next bytes, both (BATCH, LENGTH)."""
    generator = torch.Generator().manual_seed(seed)
    starts = torch.randint(len(TEXT) - LENGTH - 1, (BATCH,), generator=generator)
    rows = torch.stack([TEXT[s : s + LENGTH + 1] for s in starts])
    return rows[:, :-1], rows[:, 1:]


def loss_of(model: nn.Module, data: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(data[0]).flatten(0, 1), data[1].flatten())


def prepared(width: int, seed: int = 0):
    """The model and its optimizer, prepared by the emitted file, and the clipping threshold."""
    plan = importlib.import_module(f"plan_{width}")
    torch.manual_seed(seed)
    model = Model(width)
    plan.initialize(model, seed)  # the init of every tensor
    plan.install(model)  # multipliers of the forward pass
    return model, plan.optimizer(model), plan.CLIP  # a learning rate, decay and epsilon by group


def build(width: int, seed: int):
    """What `mutransfer check train:build` measures: exactly this model with this optimizer."""
    from mutransfer_cli import Subject

    model, optimizer, _ = prepared(width, seed)
    return Subject(model, optimizer, loss_of, batch)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--steps", type=int, default=STEPS)
    args = parser.parse_args()
    model, optimizer, clip = prepared(args.width)
    # A schedule must be relative: it multiplies the rate of every group by the same factor.
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / args.steps)
    for step in range(args.steps):
        loss = loss_of(model, batch(step))
        optimizer.zero_grad()
        loss.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        schedule.step()
        if step in (0, args.steps - 1):
            print(f"step {step} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
