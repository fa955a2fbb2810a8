"""Format `torch`: a Python file that needs torch alone."""

from __future__ import annotations

from mutransfer_cli.documents.scale import ScaleDocument
from mutransfer_cli.emit.core.header import header_block
from mutransfer_cli.emit.core.protocol import EmitRequest, ResolvedConfig, Stack
from mutransfer_cli.emit.core.resolve import exact_config
from mutransfer_cli.emit.python_code.schedule_code import SCHEDULE_CODE, schedule_values
from mutransfer_cli.emit.python_code.torch_code import TORCH_CODE, torch_keys, torch_values


def render(
    request: EmitRequest, resolved: ResolvedConfig, document: ScaleDocument
) -> dict[str, str]:
    """The file, with how to use it in its header."""
    usage = [
        "",
        "Put this file beside your training script, and add to that:",
        "import mutransfer_plan as plan       # under the name that you give to this file",
        "model = ...                          # your own model at the target's size",
        "plan.initialize(model); plan.install(model)",
        "optimizer = plan.optimizer(model)    # clip the gradient norm at plan.CLIP, if not None",
        "scheduler = plan.scheduler(optimizer)    # scheduler.step() after each optimizer.step()",
        "Fill in: nothing here; model and data are your script's.",
    ]
    values = torch_values(request, request.plan.forward, request.plan.sites)
    text = header_block(document, usage) + "\n" + schedule_values(request) + values
    return {"mutransfer_plan.py": text + TORCH_CODE + SCHEDULE_CODE}


STACK = Stack(exact_config, render, torch_keys)
