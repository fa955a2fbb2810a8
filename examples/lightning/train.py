"""Lightning, from the file of `mutransfer scale --format lightning`: a callback and three lines.

mutransfer scale recipe.yaml --width 64 --format lightning -o plan_64.py     # and 128, 256
python train.py --width 128
mutransfer check train:build
"""

from __future__ import annotations

import argparse
import importlib

import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

BATCH, STEPS = 32, 60


def network(width: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(32, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)
    )


def batch(seed: int) -> tuple[Tensor, Tensor]:
    """Vectors (BATCH, 32), and whichever of the first ten entries is the largest."""
    x = torch.randn(BATCH, 32, generator=torch.Generator().manual_seed(seed))
    return x, x[:, :10].argmax(1)


def loss_of(model: nn.Module, data: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(data[0]), data[1])


class Lit(LightningModule):
    def __init__(self, width: int, plan) -> None:
        super().__init__()
        self.plan, self.model = plan, network(width)  # the callback looks for `model`

    def training_step(self, data, index: int) -> Tensor:
        loss = loss_of(self.model, data)
        if index in (0, self.trainer.max_steps - 1):
            print(f"step {index} loss {loss.item():.4f}")
        return loss

    def configure_optimizers(self):
        return self.plan.configure_optimizers(self)  # groups, and a relative schedule


def build(width: int, seed: int):
    """What `mutransfer check train:build` measures: the same steps that the callback takes."""
    from mutransfer_cli import Subject

    plan = importlib.import_module(f"plan_{width}")
    torch.manual_seed(seed)
    model = network(width)
    plan.initialize(model, seed)
    plan.install(model)
    return Subject(model, plan.optimizer(model), loss_of, batch)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--steps", type=int, default=STEPS)
    args = parser.parse_args()
    plan = importlib.import_module(f"plan_{args.width}")
    seed_everything(0)
    trainer = Trainer(
        max_steps=args.steps,
        callbacks=[plan.Mutransfer()],  # initializes, installs the multipliers, checks clipping
        gradient_clip_val=plan.CLIP,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    data = DataLoader([batch(seed) for seed in range(args.steps)], batch_size=None)
    trainer.fit(Lit(args.width, plan), data)


if __name__ == "__main__":
    main()
