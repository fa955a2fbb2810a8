"""The learning rates of a run, as each stack computes them from its emitted file.

Real code where it is installed in the test environment (torch's LambdaLR behind the emitted
functions); else the stack's formula once more, from its source, read in November 2026:
  nanoGPT-mup b2a5e60, completep 6f8bc3b   train.py: get_lr, and the loop around it
  Megatron-LM, megatron-core 0.19.0        core/optimizer_param_scheduler.py; training.py steps it
                                           after each iteration, from 0
  cerebras_pytorch 2.10.0                  optim/scheduler.py: closed forms
  torchtitan 0.3.0                         components/optimizer/lr_scheduler.py
  lm-engine af69190                        optimization/lr_scheduler.py
  nemo-automodel 0.7.0                     components/optim/scheduler.py
Each function returns the rates of all steps as shares of the peak.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping
from math import cos, pi
from typing import Any

import numpy as np
import torch
import yaml

from tests.helpers.emit_readers import executed

Files = Mapping[str, str]


def emitted_functions(files: Files) -> list[float]:
    """torch, lightning, transformers: the file's own scheduler(), on an optimizer of torch."""
    (text,) = (t for n, t in files.items() if n.endswith(".py"))
    functions = executed(text)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=4.0)
    scheduler, rates = functions["scheduler"](optimizer), []
    for _ in range(functions["SCHEDULE"]["steps"]):
        rates.append(optimizer.param_groups[0]["lr"] / 4.0)
        optimizer.step()
        scheduler.step()
    return rates


def optax(files: Files) -> list[float]:
    """optax: the file's own share(), with numpy for JAX's numbers."""
    (text,) = files.values()
    code = text[text.index("\ndef share(") : text.index("\ndef _transform(")]
    values = executed(text[text.index("SCHEDULE = ") : text.index("CLIP = ")])
    scope: dict[str, Any] = {"jnp": np, "SCHEDULE": values["SCHEDULE"]}
    exec(code, scope)
    return [float(scope["share"](step)) for step in range(values["SCHEDULE"]["steps"])]


def stated(values: Mapping[str, Any], steps: int) -> list[float]:
    """json, bsh: shares of the run, which the user's loop has to follow."""
    warmup = round(float(values["warmup"]) * steps)
    final, rates = float(values["final"]), []
    for step in range(steps):
        if values["name"] == "constant":
            after = 1.0
        elif values["name"] == "wsd":
            falling = max(1, round(float(values["decay"]) * steps))
            after = final + (1 - final) * min(1.0, (steps - step) / falling)
        else:
            left = (steps - step) / (steps - warmup)
            left = (1 + cos(pi * (1 - left))) / 2 if values["name"] == "cosine" else left
            after = final + (1 - final) * left
        rates.append((step + 1) / warmup if step < warmup else after)
    return rates


def document(files: Files) -> list[float]:
    values = json.loads(next(iter(files.values())))
    return stated(values["hyperparameters"]["schedule"], values["target"]["steps"])


def header(files: Files) -> list[float]:
    (text,) = files.values()
    line = re.search(r"^# schedule: (.*)$", text, re.M)[1]
    steps = int(re.search(r"^# to width .*, (\d+) steps", text, re.M)[1])
    return stated(dict(item.split(" ") for item in line.split(", ")), steps)


def nanogpt(files: Files) -> list[float]:
    (text,) = files.values()
    c = executed(text)
    warmup, decay, low = c["warmup_iters"], c["lr_decay_iters"], c["min_lr"] / c["learning_rate"]

    def rate(it: int) -> float:
        if not c["decay_lr"]:
            return 1.0
        if it < warmup:
            return it / warmup
        if it > decay:
            return low
        coefficient = 0.5 * (1.0 + cos(pi * (it - warmup) / (decay - warmup)))
        return low + coefficient * (1 - low)

    # the loop ends after the first iteration whose number exceeds max_iters
    return [rate(it) for it in range(c["max_iters"] + 1)]


def param_scheduler(
    style: str, wsd_style: str, warmup: int, decay: int, wsd: int, start: float, low: float
) -> Callable[[int], float]:
    """OptimizerParamScheduler.get_lr of Megatron and Automodel, with a peak of 1."""

    def rate(step: int) -> float:
        if warmup > 0 and step <= warmup:
            return start + (1 - start) * step / warmup
        if style == "constant":
            return 1.0
        if step > decay:
            return low
        ratio, shape = (step - warmup) / (decay - warmup), style
        if style == "WSD":
            ratio, shape = max(0.0, (step - (decay - wsd)) / max(1, wsd)), wsd_style
        left = 1 - ratio if shape == "linear" else 0.5 * (cos(pi * ratio) + 1)
        return low + left * (1 - low)

    return rate


def megatron(files: Files) -> list[float]:
    (text,) = files.values()
    words = [line.split("#")[0].split() for line in text.splitlines()]
    args = {w[0]: w[-1] for w in words if w and w[0].startswith("--")}
    rate = param_scheduler(
        args["--lr-decay-style"], args.get("--lr-wsd-decay-style", ""),
        int(args["--lr-warmup-iters"]), int(args["--lr-decay-iters"]),
        int(args.get("--lr-wsd-decay-iters", 0)), float(args.get("--lr-warmup-init", 0.0)),
        float(args["--min-lr"]) / float(args["--lr"]),
    )  # fmt: skip
    return [rate(step) for step in range(int(args["--train-iters"]))]


def automodel(files: Files) -> list[float]:
    values = yaml.safe_load(files["automodel.yaml"])
    s, lr = values["lr_scheduler"], values["optimizer"]["lr"]
    steps = values["step_scheduler"]["max_steps"]
    rate = param_scheduler(
        s["lr_decay_style"], s.get("lr_wsd_decay_style", ""), s["lr_warmup_steps"],
        s.get("lr_decay_steps", steps), s.get("wsd_decay_steps", 0),
        s.get("init_lr", 0.1 * lr) / lr, s["min_lr"] / lr,
    )  # fmt: skip
    return [rate(step) for step in range(steps)]


def cerebras(files: Files) -> list[float]:
    (text,) = files.values()
    init = yaml.safe_load(text)["trainer"]["init"]
    phases = [next(iter(p.items())) for p in init["schedulers"][0]["SequentialLR"]["schedulers"]]
    peak = max(v for _, p in phases for k, v in p.items() if "learning_rate" in k)
    starts = [sum(p["total_iters"] for _, p in phases[:i]) for i in range(len(phases))]

    def rate(step: int) -> float:
        i = max(i for i, start in enumerate(starts) if step >= start)
        (name, p), at = phases[i], step - starts[i]
        if name == "ConstantLR":
            return float(p["learning_rate"])
        first, last, n = p["initial_learning_rate"], p["end_learning_rate"], p["total_iters"]
        left = 1 - at / n if name == "LinearLR" else 0.5 * (1 + cos(pi * at / n))
        return float(last + (first - last) * left) if at < n else float(last)

    return [rate(step) / peak for step in range(init["loop"]["max_steps"])]


def torchtitan(files: Files) -> list[float]:
    (text,) = files.values()
    literals = dict(re.findall(r"^(LR_SCHEDULER|TRAINING) = (.*)$", text, re.M))
    s, steps = (
        ast.literal_eval(literals["LR_SCHEDULER"]),
        int(re.search(r"['\"]steps['\"]: (\d+)", text)[1]),
    )
    warmup, falling = s["warmup_steps"], round(steps * s["decay_ratio"])
    stable = steps + 1 - warmup - falling

    def rate(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        if step < warmup + stable:
            return 1.0
        progress = (step + 1 - warmup - stable) / falling
        left = 1 - progress if s["decay_type"] == "linear" else 0.5 * (1 + cos(pi * progress))
        return s["min_lr_factor"] + (1 - s["min_lr_factor"]) * left

    return [rate(step) for step in range(steps)]


def lm_engine(files: Files) -> list[float]:
    (text,) = files.values()
    values = yaml.safe_load(text)
    s = values["lr_scheduler_args"]
    warmup, low = s["num_warmup_steps"], s["lr_decay_factor"]
    flat = warmup + s["num_constant_steps"]

    def rate(step: int) -> float:
        if warmup > 0 and step <= warmup:
            return step / warmup
        if s["lr_decay_style"] == "constant" or step <= flat:
            return 1.0
        progress = (step - flat) / s["num_decay_steps"]
        left = 1 - progress if s["lr_decay_style"] == "linear" else (1 + cos(pi * progress)) / 2
        return low + (1 - low) * left

    return [rate(step) for step in range(values["training_parameters"]["num_training_steps"])]


RATES: dict[str, Callable[[Files], list[float]]] = {
    "json": document,
    "torch": emitted_functions,
    "lightning": emitted_functions,
    "optax": optax,
    "hf": emitted_functions,
    "hf-granite": emitted_functions,
    "nanogpt-mup": nanogpt,
    "nanogpt-completep": nanogpt,
    "megatron": megatron,
    "cerebras": cerebras,
    "torchtitan": torchtitan,
    "lm-engine": lm_engine,
    "automodel": automodel,
    "bsh": header,
}
