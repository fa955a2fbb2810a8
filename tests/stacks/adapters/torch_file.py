"""Formats json and torch: the user's own model, initialized and trained by the file."""

from __future__ import annotations

import torch

from mutransfer_cli import load_plan
from tests.helpers.emitted_training import imported
from tests.stacks.built import BuiltStack, Emitted, same_names
from tests.stacks.readings import forward_multiplier
from tests.stacks.training import loop, planned_shares


def plan_multipliers(emitted: Emitted) -> dict[str, float]:
    """The plan's multipliers, for formats that install them as they are; the losses show it."""
    return {t.name: forward_multiplier(emitted, t.name, t.role) for t in emitted.plan.tensors}


def build_torch(emitted: Emitted) -> BuiltStack:
    """The emitted Python file, on the user's model, as its header says."""
    file, model = imported(emitted.main_file()), emitted.user_model()
    file.initialize(model)
    file.install(model)
    return own_model(emitted, model, file.optimizers(model), file.FORWARD, file.CLIP)


def build_json(emitted: Emitted) -> BuiltStack:
    """The plan by `load_plan`, on the user's model."""
    plan, model = load_plan(emitted.main_file()), emitted.user_model()
    plan.initialize(model, 1)
    plan.install(model)
    return own_model(emitted, model, plan.optimizers(model), plan.forward, plan.clip)


def own_model(emitted, model, optimizers, forward, clip) -> BuiltStack:
    """A stack that is the user's model in a plain loop, with the plan's schedule."""
    shares = planned_shares(emitted)
    schedulers = [
        torch.optim.lr_scheduler.LambdaLR(o, lambda step: shares[min(step, len(shares) - 1)])
        for o in optimizers
    ]
    return BuiltStack(
        model=model,
        pieces=same_names(model),
        optimizers=optimizers,
        train=loop(schedulers=schedulers),
        multipliers=plan_multipliers(emitted),
        attention_scale=forward.get("attention_scale"),
        tied_logits=forward.get("logit_scale"),
        clip=clip,
    )
