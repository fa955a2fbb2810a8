"""`mutransfer_cli.plan`: a plan for a user's own callable, without a recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import torch
from torch import nn

from mutransfer_cli.catalog.axes import BASE_DEFAULTS
from mutransfer_cli.data.stdlib import stdlib
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.loss import cross_entropy
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.models.user_code import accepted
from mutransfer_cli.parameterization.planner import derive
from mutransfer_cli.parameterization.settings import Init, Optimizer, Settings
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.tracing.blocks import Blocks, blocks_of
from mutransfer_cli.tracing.family import family_of, shapes_of, skeleton

TOKENS = 64  # an example of text


def _sizes(
    given: Mapping[str, float], base: Mapping[str, int], argument: str, tokens: int
) -> dict[str, int]:
    unknown = set(given) - {"width", "tokens", *BASE_DEFAULTS}
    if unknown or "width" not in given or {"steps", "tokens"} <= set(given):
        raise InputError(
            f"expected width and any of depth, batch, steps or tokens; found {given}",
            path=(argument,),
        )
    sizes = {**BASE_DEFAULTS, **base, **{k: int(v) for k, v in given.items() if k != "tokens"}}
    if "tokens" in given:
        sizes["steps"] = max(1, round(given["tokens"] / (sizes["batch"] * tokens)))
    elif base and "steps" not in given:  # a batch alone keeps the tokens
        sizes["steps"] = max(1, round(base["steps"] * base["batch"] / sizes["batch"]))
    if any(value < 1 for value in sizes.values()):
        raise InputError(f"every size is at least 1; found {dict(given)}", path=(argument,))
    return sizes


def plan(
    build: Callable[..., nn.Module | Subject],
    *,
    base: Mapping[str, float],
    target: Mapping[str, float],
    optimizer: Mapping[str, Any],
    parameterization: str = "mup",
    batch: Any = None,
    loss: Callable[[nn.Module, Any], Any] | None = None,
    **rules: Any,
) -> Plan:
    """The plan of `build(width)`'s model at `target["width"]`, with hyperparameters at `base`.

    build: build(width, ...) -> module or Subject; asked for `depth` and `seed` where it takes them.
    base, target: sizes: width, and depth, batch, and steps or tokens (seq_len counts 64).
    optimizer: as in a recipe: name, lr, betas, eps, weight_decay, momentum.
    batch, loss: what a forward pass needs; by default loss is the cross-entropy of logits on
        `batch = (inputs, targets)`, and batch is text bytes of shape (2, 64).
    rules: further fields of Settings: readout, weight_decay, decay, epsilon, clip, lr_factors,
        roles (pairs of pattern and role), init (an Init; by default the model's own).
    Raises InputError, in one line, for anything that has no sound plan.
    """
    roles = rules.pop("roles", ())
    allowed = {f.name for f in fields(Settings)} - {"optimizer", "parameterization"}
    for name in rules:
        if name not in allowed:
            raise InputError(f"plan: unknown rule {name!r}; known: {', '.join(sorted(allowed))}")
    known = {f.name for f in fields(Optimizer)}
    for name in optimizer:
        if name not in known:
            raise InputError(
                f"unknown key {name!r}; known: {', '.join(sorted(known))}", path=("optimizer",)
            )
    sizes = _sizes(base, {}, "base", TOKENS)
    goal = _sizes(target, sizes, "target", TOKENS)
    if goal["depth"] != sizes["depth"] and not accepted(build, {"depth": 1}):
        raise InputError("build takes no argument `depth`", path=("target", "depth"))

    def made(width: int, depth: int) -> Subject:
        torch.manual_seed(0)
        found = build(width, **accepted(build, {"depth": depth, "seed": 0}))
        return found if isinstance(found, Subject) else Subject(found)

    def traced(width: int) -> tuple[nn.Module, Callable[[], object]]:
        subject = made(width, sizes["depth"])
        subject.model.eval()
        measure = loss or subject.loss or cross_entropy
        example = batch if batch is not None else subject.batch and subject.batch(0)
        if example is None:
            example = stdlib(TOKENS).batch(0, 0, 2)
        return subject.model, lambda: measure(subject.model, example)

    with torch.random.fork_rng(devices=[]):
        small = traced(sizes["width"])
        blocks = Blocks()
        if accepted(build, {"depth": 1}):
            deeper = skeleton(lambda: made(sizes["width"], 2 * sizes["depth"]).model)
            blocks = blocks_of(shapes_of(small[0]).keys(), shapes_of(deeper).keys())
        family = family_of(small, traced(2 * sizes["width"]), roles, blocks)
    settings = Settings(
        parameterization=parameterization,
        optimizer=Optimizer(**optimizer),
        **{"init": Init(source="model"), **rules},
    )
    model = skeleton(lambda: made(goal["width"], goal["depth"]).model)
    return derive(family, settings, shapes_of(model), sizes, goal)
