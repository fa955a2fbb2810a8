"""Format bsh: the user's model with a MuReadout, base shapes and MuAdamW of the mup package."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from tests.stacks.adapters.torch_file import plan_multipliers
from tests.stacks.built import BuiltStack, Emitted, same_names
from tests.stacks.cases import STEPS
from tests.stacks.training import loop, planned_shares


def put_readout(model: nn.Module, output_mult: float) -> None:
    """Replace the last layer by mup's, which divides by the width multiplier itself."""
    import mup

    name = "lm_head" if hasattr(model, "lm_head") else "readout"
    old = getattr(model, name)
    embedding = model.get_input_embeddings() if name == "lm_head" else model.token
    if old.weight is embedding.weight:
        new = mup.MuSharedReadout(embedding.weight, bias=False, output_mult=output_mult)
    else:
        vocabulary, width = old.weight.shape
        new = mup.MuReadout(width, vocabulary, bias=False, output_mult=output_mult)
    setattr(model, name, new)


def adam_of(text: str, model: nn.Module) -> torch.optim.Optimizer:
    """What the head's own lines make."""
    import mup

    lines = re.findall(r"^# ((?:matrices|vectors|groups|optimizer) = .*)$", text, re.M)
    assert len(lines) == 4
    names: dict[str, Any] = {"model": model, "mup": mup}
    exec("\n".join(lines), names)
    optimizer: torch.optim.Optimizer = names["optimizer"]
    return optimizer


def build(emitted: Emitted) -> BuiltStack:
    """The steps that the file's header names, with the numbers that it gives."""
    import mup

    text, model = emitted.main_file().read_text(), emitted.user_model()
    line = re.search(r"^# Multipliers of the forward pass: (.*);", text, re.M)
    assert line is not None
    forward = {k: float(v) for k, v in re.findall(r"(\w+_scale) = ([-.e\d]+)", line[1])}
    others = {k: v for k, v in emitted.plan.sites.items() if k != "logit_scale"}
    replace(emitted.plan, forward=forward, sites=others).install(model)
    put_readout(model, forward["logit_scale"] * emitted.plan.multipliers["width"])
    mup.set_base_shapes(model, str(emitted.main_file()), rescale_params=False, do_assert=False)
    stds = dict(re.findall(r"^#   (\S+): (\S+)$", text, re.M))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in stds:
                parameter.normal_(0.0, float(stds[name]))
    optimizer = adam_of(text, model)
    shares = planned_shares(emitted)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: shares[min(s, STEPS - 1)])
    return BuiltStack(
        model=model, pieces=same_names(model), optimizers=[optimizer],
        train=loop(schedulers=[scheduler]), multipliers=plan_multipliers(emitted),
        attention_scale=forward["attention_scale"], tied_logits=forward["logit_scale"],
        clip=emitted.plan.clip,
    )  # fmt: skip
