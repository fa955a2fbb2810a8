"""Format lightning: a LightningModule with the user's model, trained by Lightning's Trainer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tests.helpers.emitted_training import imported
from tests.stacks.adapters.torch_file import plan_multipliers
from tests.stacks.built import BuiltStack, Curve, Emitted, same_names
from tests.stacks.cases import STEPS
from tests.stacks.training import plain_loss


def train(stack: BuiltStack, batches: Sequence[Tensor]) -> Curve:
    """Lightning's own loop."""
    import lightning.pytorch as pl

    file, losses, rates = stack.extra["file"], [], []

    class Trained(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = stack.model

        def training_step(self, batch: Tensor, index: int) -> Tensor:
            loss = plain_loss(self.model, batch)
            optimizer = self.optimizers()
            first = optimizer[0] if isinstance(optimizer, list) else optimizer
            losses.append(float(loss.detach()))
            rates.append(float(first.param_groups[0]["lr"]))
            return loss

        def configure_optimizers(self) -> Any:
            return file.configure_optimizers(self)

    callback = file.Mutransfer()
    callback.setup = lambda *_, **__: (
        None
    )  # the stack's model was prepared before its weights were set
    trainer = pl.Trainer(
        max_steps=STEPS, callbacks=[callback], gradient_clip_val=stack.clip, accelerator="cpu",
        logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(Trained(), torch.utils.data.DataLoader(list(batches), batch_size=None))
    peak = float(stack.optimizers[0].param_groups[0]["initial_lr"])
    return Curve(losses, [rate / peak for rate in rates])


def build(emitted: Emitted) -> BuiltStack:
    """The emitted callback and `configure_optimizers`, on a module with the user's model."""
    from torch import nn

    file, module = imported(emitted.main_file()), nn.Module()
    module.model = emitted.user_model()
    file.Mutransfer().setup(None, module, "fit")
    made = file.configure_optimizers(module)
    optimizers = [made["optimizer"]] if isinstance(made, dict) else list(made[0])
    return BuiltStack(
        model=module.model, pieces=same_names(module.model), optimizers=optimizers, train=train,
        multipliers=plan_multipliers(emitted), attention_scale=file.FORWARD["attention_scale"],
        tied_logits=file.FORWARD["logit_scale"], clip=file.CLIP, extra={"file": file},
    )  # fmt: skip
