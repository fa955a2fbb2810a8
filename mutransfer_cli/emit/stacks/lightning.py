"""Format `lightning`: a callback that prepares the model, and configure_optimizers.

Lightning has no config for it: `configure_optimizers` is code. The numbers are final.
"""

from __future__ import annotations

from mutransfer_cli.documents.scale import ScaleDocument
from mutransfer_cli.emit.core.header import header_block
from mutransfer_cli.emit.core.protocol import EmitRequest, ResolvedConfig, Stack
from mutransfer_cli.emit.core.resolve import exact_config
from mutransfer_cli.emit.core.torch_code import TORCH_CODE, torch_keys, torch_values
from mutransfer_cli.quoting import python

LIGHTNING_CODE = '''

try:
    from lightning.pytorch import Callback
except ImportError:  # the older package
    from pytorch_lightning import Callback


def _inner(module, attribute):
    return module if attribute is None else module.get_submodule(attribute)


def share(step):
    """The learning rate at a step, as a share of the peak: the proxies' schedule."""
    from math import cos, pi

    steps, rising, falling = SCHEDULE["steps"], SCHEDULE["rising"], SCHEDULE["falling"]
    step = min(step, steps)
    if step < rising:
        return (step + 1) / rising
    left = min(1.0, (steps - step) / falling) if falling else 1.0
    if SCHEDULE["name"] == "cosine":
        left = (1 - cos(pi * left)) / 2
    return SCHEDULE["final"] + (1 - SCHEDULE["final"]) * left


def configure_optimizers(module, attribute="model", schedule=True):
    """What a LightningModule's configure_optimizers returns: optimizer and relative schedule."""
    optimizer_ = optimizer(_inner(module, attribute))
    if not schedule:
        return optimizer_
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer_, share)
    return {
        "optimizer": optimizer_,
        "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
    }


class Mutransfer(Callback):
    """Initializes the model and installs its multipliers before the optimizers are made.

    attribute: name of the LightningModule's attribute with the model; None: the module itself.
    """

    def __init__(self, attribute="model", seed=0):
        self.attribute, self.seed = attribute, seed

    def setup(self, trainer, pl_module, stage):
        model = _inner(pl_module, self.attribute)
        if getattr(model, "_mutransfer_scales", False):
            return  # a second fit continues with the same model
        if stage == "fit":
            initialize(model, self.seed)
        install(model)

    def on_fit_start(self, trainer, pl_module):
        found = trainer.gradient_clip_val or None
        if found != CLIP:
            raise ValueError(f"Trainer(gradient_clip_val={found}): the plan has {CLIP}")
'''


def render(
    request: EmitRequest, resolved: ResolvedConfig, document: ScaleDocument
) -> dict[str, str]:
    """The file, with how to use it in its header."""
    s, plan = request.schedule, request.plan
    schedule = {
        "name": s.name,
        "steps": plan.target["steps"],
        "rising": s.warmup,
        "falling": s.decay,
        "final": s.final,
    }
    usage = [
        "",
        "import this file as plan, and in your LightningModule, whose network is self.model:",
        "    def configure_optimizers(self):",
        "        return plan.configure_optimizers(self)",
        f"Trainer(callbacks=[plan.Mutransfer()], gradient_clip_val={plan.clip}, "
        f"max_steps={plan.target['steps']})",
    ]
    text = (
        header_block(document, usage)
        + f"\nSCHEDULE = {python(schedule, 200)}\n"
        + torch_values(request, plan.forward, plan.sites)
        + TORCH_CODE
        + LIGHTNING_CODE
    )
    return {"mutransfer_lightning.py": text}


STACK = Stack(exact_config, render, torch_keys)
