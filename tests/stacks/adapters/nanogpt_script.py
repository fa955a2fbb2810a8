"""Formats nanogpt-mup and nanogpt-completep: the checkout's train.py up to its training loop.

MUTRANSFER_STACK_NANOGPT_MUP names a checkout of EleutherAI/nanoGPT-mup (master b2a5e60), and
MUTRANSFER_STACK_NANOGPT_COMPLETEP one of its branch completep (6f8bc3b), or of other commits. Its
own configurator reads the emitted file, its model.py builds model and groups, its get_lr makes the
rates. The loop around them is restated: iterations 0 to max_iters, each with get_lr and lr_scale,
as train.py has it.
"""

from __future__ import annotations

import os
import pickle
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tests.helpers.emit_readers import kind
from tests.stacks.built import BuiltStack, Curve, Emitted, GroupNumbers, Piece
from tests.stacks.cases import VOCABULARY

LOOP = "# training loop"  # the comment above it in train.py
MODULES = {
    r"^token$": "transformer.wte",
    r"^position$": "transformer.wpe",
    r"^norm$": "transformer.ln_f",
    r"^blocks\.(\d+)\.norm1$": r"transformer.h.\1.ln_1",
    r"^blocks\.(\d+)\.norm2$": r"transformer.h.\1.ln_2",
    r"^blocks\.(\d+)\.attention\.qkv$": r"transformer.h.\1.attn.c_attn",
    r"^blocks\.(\d+)\.attention\.out$": r"transformer.h.\1.attn.c_proj",
    r"^blocks\.(\d+)\.mlp\.up$": r"transformer.h.\1.mlp.c_fc",
    r"^blocks\.(\d+)\.mlp\.down$": r"transformer.h.\1.mlp.c_proj",
}


def checkout(emitted: Emitted) -> Path:
    """The folder with the train.py of the branch that the file is for."""
    completep = "depth_alpha_enabled = " in emitted.main_file().read_text()
    branch = "COMPLETEP" if completep else "MUP"
    folder = Path(os.environ[f"MUTRANSFER_STACK_NANOGPT_{branch}"]).resolve()
    if not (folder / "train.py").is_file():
        raise FileNotFoundError(f"{folder} has no train.py")
    return folder


def script_globals(emitted: Emitted) -> dict[str, Any]:
    """What train.py has defined before its loop, started with the emitted file."""
    folder, before, argv = checkout(emitted), Path.cwd(), sys.argv
    work = Path(tempfile.mkdtemp())
    (work / "data" / "tokens").mkdir(parents=True)
    with (work / "data" / "tokens" / "meta.pkl").open("wb") as stream:
        pickle.dump({"vocab_size": VOCABULARY}, stream)
    shutil.copy(folder / "configurator.py", work)
    text = (folder / "train.py").read_text()
    if LOOP not in text:
        raise ValueError(f"train.py has no comment {LOOP!r}")
    sys.argv = ["train.py", str(emitted.main_file()), "--dataset=tokens", "--device=cpu",
                "--compile=False", "--dtype=float32"]  # fmt: skip
    sys.path.insert(0, str(folder))
    sys.modules.pop("model", None)
    os.chdir(work)
    try:
        found: dict[str, Any] = {"__name__": "__main__", "__file__": str(folder / "train.py")}
        exec(compile(text[: text.index(LOOP)], "train.py", "exec"), found)
    finally:
        os.chdir(before)
        sys.argv = argv
        sys.path.remove(str(folder))
    return found


def train(stack: BuiltStack, batches: Sequence[Tensor]) -> Curve:
    """The loop of train.py: a rate for each iteration, then the step."""
    script, (optimizer,) = stack.extra["script"], stack.optimizers
    losses, shares = [], []
    stack.model.train()
    for iteration in range(script["max_iters"] + 1):
        rate = script["learning_rate"]
        if script["decay_lr"]:
            rate = script["get_lr"](iteration)
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("lr_scale", 1.0)
        tokens = batches[iteration]
        _, loss = stack.model(tokens[:, :-1], tokens[:, 1:].contiguous())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if script["grad_clip"] != 0.0:
            torch.nn.utils.clip_grad_norm_(stack.model.parameters(), script["grad_clip"])
        optimizer.step()
        losses.append(loss.item())
        shares.append(rate / script["learning_rate"])
    return Curve(losses, shares)


def parameter_of(name: str) -> str | None:
    """nanoGPT's parameter for a tensor of the plan; None where it has none."""
    module, _, last = name.rpartition(".")
    for pattern, theirs in MODULES.items():
        if re.match(pattern, module):
            return f"{re.sub(pattern, theirs, module)}.{last}"
    return None


def build(emitted: Emitted) -> BuiltStack:
    """The model, groups and schedule of train.py."""
    script = script_globals(emitted)
    model, optimizer = script["model"].double(), script["optimizer"]
    config, block = model.config, model.transformer.h[0]
    names = {id(p): n for n, p in model.named_parameters()}
    numbers = {
        names[id(p)]: GroupNumbers(
            script["learning_rate"] * g.get("lr_scale", 1.0), g["weight_decay"], g["eps"]
        )
        for g in optimizer.param_groups
        for p in g["params"]
    }
    tensors = [(t.name, parameter_of(t.name)) for t in emitted.plan.tensors]
    pieces = [Piece(name, theirs) for name, theirs in tensors if theirs in numbers]
    residual = float(getattr(block, "residual_scaling", 1.0))

    def multiplier(name: str) -> float:
        if re.search(r"attention\.out|mlp\.down", name):
            return residual
        return float(config.mup_input_alpha) if kind(name) == "embedding" else 1.0

    size = config.n_embd // config.n_head
    by_size = config.mup_enabled and not config.mup_disable_attention_scaling
    return BuiltStack(
        model=model, pieces=pieces, train=train, optimizers=[optimizer], numbers=numbers,
        multipliers={p.name: multiplier(p.name) for p in pieces},
        attention_scale=1 / size if by_size else size**-0.5,
        tied_logits=config.mup_output_alpha / config.mup_width_multiplier,
        clip=script["grad_clip"] or None, extra={"script": script},
    )  # fmt: skip
