"""Format lightning: its Trainer makes the same losses as the plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mutransfer_cli.emit.scale import scale
from mutransfer_cli.models.builder import build
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.size import Size
from tests.helpers.emitted_training import (
    STEPS,
    WIDTHS,
    applied_plan,
    batches,
    loss_of,
    module_of,
    training_recipe,
)

pytest.importorskip("transformers")
pytestmark = pytest.mark.usefixtures("norms_in_double")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("clip", ["null", "0.5"])
def test_lightning_trains_as_the_plan(tmp_path: Path, width: int, clip: str) -> None:
    lightning = pytest.importorskip("lightning.pytorch")
    path = training_recipe(tmp_path, {}, clip=clip)
    found = scale(path, width=width, format="lightning")
    file = module_of(tmp_path, found, "plan.py")
    losses: list[float] = []

    class Trained(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = build(load(path).recipe, Size(width, 2, 4, STEPS)).model

        def training_step(self, batch: Tensor, index: int) -> Tensor:
            loss = loss_of(self.model, batch)
            losses.append(float(loss.detach()))
            return loss

        def configure_optimizers(self) -> Any:
            return file.configure_optimizers(self)

    data = torch.utils.data.DataLoader(batches() * 13, batch_size=None)

    def trainer(clipping: float | None) -> Any:
        return lightning.Trainer(
            max_steps=STEPS, callbacks=[file.Mutransfer()], gradient_clip_val=clipping,
            accelerator="cpu", logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip

    trainer(file.CLIP).fit(Trained(), data)
    plan, ours = applied_plan(path, width)
    optimizer = plan.optimizers(ours)[0]
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, file.share)
    expected = []
    for step in range(STEPS):
        loss = loss_of(ours, batches()[step % 4])
        optimizer.zero_grad()
        loss.backward()
        if plan.clip is not None:
            torch.nn.utils.clip_grad_norm_(ours.parameters(), plan.clip)
        optimizer.step()
        scheduler.step()
        expected.append(loss.item())
    assert losses == pytest.approx(expected, rel=3e-4)
    with pytest.raises(ValueError, match="gradient_clip_val"):
        trainer(7.0).fit(Trained(), data)
