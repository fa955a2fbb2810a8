"""`mutransfer_cli.plan`: a plan for a user's own callable, without a recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import torch
from torch import nn

from mutransfer_cli.data.stdlib import stdlib
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.build import accepted
from mutransfer_cli.models.loss import cross_entropy
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.rules.derive import derive
from mutransfer_cli.rules.plan import Plan
from mutransfer_cli.rules.settings import Init, Optimizer, Settings
from mutransfer_cli.rules.shapes import family_of, shapes_of, skeleton

DEFAULTS = {"depth": 2, "batch": 16, "steps": 200}
LATER = ("depth", "batch", "steps")


def _sizes(given: Mapping[str, int], base: Mapping[str, int], where: str) -> dict[str, int]:
    unknown = set(given) - {"width", *DEFAULTS}
    if unknown or "width" not in given:
        raise InputError(f"{where}: expected width and any of depth, batch, steps; found {given}")
    sizes = {**DEFAULTS, **base, **given}
    for axis in LATER:
        if axis in base and sizes[axis] != base[axis]:
            raise InputError(f"{where}.{axis}: only the width may differ from the base yet")
    return sizes


def plan(
    build: Callable[..., nn.Module | Subject],
    *,
    base: Mapping[str, int],
    target: Mapping[str, int],
    optimizer: Mapping[str, Any],
    parameterization: str = "mup",
    batch: Any = None,
    loss: Callable[[nn.Module, Any], Any] | None = None,
    **rules: Any,
) -> Plan:
    """The plan of `build(width)`'s model at `target["width"]`, with hyperparameters at `base`.

    build: build(width, ...) -> module or Subject; asked for `depth` and `seed` where it takes them.
    base, target: sizes: width, and depth, batch, steps (equal at both for now).
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
            raise InputError(f"optimizer: unknown key {name!r}; known: {', '.join(sorted(known))}")
    sizes = _sizes(base, {}, "base")
    goal = _sizes(target, sizes, "target")

    def made(width: int) -> Subject:
        torch.manual_seed(0)
        found = build(width, **accepted(build, {"depth": sizes["depth"], "seed": 0}))
        return found if isinstance(found, Subject) else Subject(found)

    def traced(width: int) -> tuple[nn.Module, Callable[[], object]]:
        subject = made(width)
        subject.model.eval()
        measure = loss or subject.loss or cross_entropy
        example = batch if batch is not None else subject.batch and subject.batch(0)
        if example is None:
            example = stdlib(64).batch(0, 0, 2)
        return subject.model, lambda: measure(subject.model, example)

    with torch.random.fork_rng(devices=[]):
        family = family_of(traced(sizes["width"]), traced(2 * sizes["width"]), roles)
    settings = Settings(
        parameterization=parameterization,
        optimizer=Optimizer(**optimizer),
        **{"init": Init(source="model"), **rules},
    )
    model = skeleton(lambda: made(goal["width"]).model)
    return derive(family, settings, shapes_of(model), sizes, goal)
