"""The Python code of the proxies' schedule, so that the target's rates are the planned ones."""

from __future__ import annotations

from mutransfer_cli.emit.core.protocol import EmitRequest
from mutransfer_cli.quoting import python

SCHEDULE_CODE = '''

def share(step):
    """The learning rate at a step, counted from 0, as a share of the peak."""
    from math import cos, pi

    steps, rising, falling = SCHEDULE["steps"], SCHEDULE["rising"], SCHEDULE["falling"]
    step = min(step, steps)
    if step < rising:
        return (step + 1) / rising
    left = min(1.0, (steps - step) / falling) if falling else 1.0
    if SCHEDULE["name"] == "cosine":
        left = (1 - cos(pi * left)) / 2
    return SCHEDULE["final"] + (1 - SCHEDULE["final"]) * left


def scheduler(optimizer):
    """The schedule of one optimizer; call its step() after each step of the optimizer."""
    return torch.optim.lr_scheduler.LambdaLR(optimizer, share)
'''


def schedule_values(request: EmitRequest) -> str:
    """The values that SCHEDULE_CODE reads, as a literal."""
    schedule = request.schedule
    values = {
        "name": schedule.name,
        "steps": request.plan.target["steps"],
        "rising": schedule.warmup,
        "falling": schedule.decay,
        "final": schedule.final,
    }
    return f"SCHEDULE = {python(values, 200)}  # in steps; final: a share of the peak\n"
