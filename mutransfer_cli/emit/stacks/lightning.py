"""Format `lightning`: a callback that prepares the model, and configure_optimizers.

Lightning has no config for it: `configure_optimizers` is code. The numbers are final.
"""

from __future__ import annotations

from mutransfer_cli.documents.scale import ScaleDocument
from mutransfer_cli.emit.core.header import header_block
from mutransfer_cli.emit.core.protocol import EmitRequest, ResolvedConfig, Stack
from mutransfer_cli.emit.core.resolve import exact_config
from mutransfer_cli.emit.python_code.schedule_code import SCHEDULE_CODE, schedule_values
from mutransfer_cli.emit.python_code.torch_code import TORCH_CODE, torch_keys, torch_values

LIGHTNING_CODE = '''

try:
    from lightning.pytorch import Callback
except ImportError:  # the older package
    from pytorch_lightning import Callback


def _inner(module, attribute):
    return module if attribute is None else module.get_submodule(attribute)


def configure_optimizers(module, attribute="model", schedule=True):
    """What a LightningModule's configure_optimizers returns: optimizer and schedule."""
    optimizer_ = optimizer(_inner(module, attribute))
    if not schedule:
        return optimizer_
    return {
        "optimizer": optimizer_,
        "lr_scheduler": {"scheduler": scheduler(optimizer_), "interval": "step"},
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
    plan = request.plan
    usage = [
        "",
        "Put this file beside your training script, and add to that:",
        "import mutransfer_lightning as plan    # under the name that you give to this file",
        "In your LightningModule, whose network is self.model:",
        "    def configure_optimizers(self):",
        "        return plan.configure_optimizers(self)",
        f"Trainer(callbacks=[plan.Mutransfer()], gradient_clip_val={plan.clip}, "
        f"max_steps={plan.target['steps']})",
        "Fill in: nothing here; network and data are your script's.",
    ]
    text = (
        header_block(document, usage)
        + "\n"
        + schedule_values(request)
        + torch_values(request, plan.forward, plan.sites)
        + TORCH_CODE
        + SCHEDULE_CODE
        + LIGHTNING_CODE
    )
    return {"mutransfer_lightning.py": text}


STACK = Stack(exact_config, render, torch_keys)
