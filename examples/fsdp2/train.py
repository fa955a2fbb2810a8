"""FSDP2 on two processes: the plan is applied to the sharded model.

    mutransfer scale recipe.yaml --width 64 --format json -o plan_64.json     # and 128, 256
    torchrun --standalone --nproc-per-node 2 train.py --width 128
    mutransfer check train:build

A tensor's init depends on nothing but the seed and its name: every process draws the same numbers
and keeps its own shard, so the losses do not depend on the number of processes.
"""

from __future__ import annotations

import argparse
import os

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn import functional as F

from mutransfer_cli import Subject, load_plan

BATCH, STEPS = 32, 60


class Model(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(32, width)
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.head = nn.Linear(width, 10, bias=False)
        for layer in (self.first, *self.blocks):  # a plan leaves the init of biases to the model
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x))
        for block in self.blocks:
            x = x + torch.relu(block(x))
        return self.head(x)


def batch(seed: int) -> tuple[Tensor, Tensor]:
    """Vectors (BATCH, 32), and whichever of the first ten entries is the largest."""
    x = torch.randn(BATCH, 32, generator=torch.Generator().manual_seed(seed))
    return x, x[:, :10].argmax(1)


def loss_of(model: nn.Module, data: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(data[0]), data[1])


def prepared(width: int, seed: int = 0, mesh=None):
    """The model, sharded over a mesh if there is one, and its optimizer."""
    plan = load_plan(f"plan_{width}.json")
    model = Model(width)
    if mesh is not None:
        for block in model.blocks:
            fully_shard(block, mesh=mesh)
        fully_shard(model, mesh=mesh)
    plan.initialize(model, seed)
    plan.install(model)
    (optimizer,) = plan.optimizers(model)
    return model, optimizer


def build(width: int, seed: int) -> Subject:
    """What `mutransfer check train:build` measures, in one process."""
    return Subject(*prepared(width, seed), loss_of, batch)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--steps", type=int, default=STEPS)
    args = parser.parse_args()
    dist.init_process_group("gloo")  # on GPUs: nccl, and a mesh of cuda
    rank, count = dist.get_rank(), int(os.environ["WORLD_SIZE"])
    model, optimizer = prepared(args.width, mesh=init_device_mesh("cpu", (count,)))
    for step in range(args.steps):
        data = tuple(t.chunk(count)[rank] for t in batch(step))  # this process's part of the batch
        loss = loss_of(model, data)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        mean_loss = loss.detach() / count
        dist.all_reduce(mean_loss)
        if rank == 0 and step in (0, args.steps - 1):
            print(f"step {step} loss {mean_loss.item():.4f}")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
