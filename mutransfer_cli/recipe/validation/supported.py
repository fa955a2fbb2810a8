"""What a recipe may say that this version cannot do yet: refused by name, never ignored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mutransfer_cli.recipe.faults import Fault
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.validation.train_command import train_faults

SOURCES = ("stdlib", "text", "tokens", "digits", "teacher", "tensors")
SAMPLERS = ("grid", "sobol", "tpe", "gp", "adaptive", "independent")


def _unavailable(found: object, available: Sequence[object]) -> str:
    listed = ", ".join(str(a) for a in available)
    return f"{found} is not available yet in this version; available: {listed}"


def _choices(recipe: Recipe) -> Iterator[Fault]:
    """Keys with a few choices of which some are available."""
    search = recipe.search
    table: list[tuple[str, object, Sequence[object]]] = [
        ("data.source", recipe.data.source, SOURCES),
        ("search.sampler", search.sampler, SAMPLERS),
    ]
    for path, found, available in table:
        if found not in available:
            yield Fault(tuple(path.split(".")), _unavailable(found, available))


def _optimizer(recipe: Recipe) -> Iterator[Fault]:
    optimizer = recipe.optimizer
    forced = recipe.rules.weight_decay == "coupled"  # torch's number as it is, right or not
    if optimizer.name == "adam" and optimizer.weight_decay > 0 and not forced:
        yield Fault(
            ("optimizer", "weight_decay"),
            "adam adds the decay to the gradient, which has no consistent scaling rule: "
            f"expected 0, or name: adamw, or rules.weight_decay: coupled to take the number as it "
            f"is at every size; found {optimizer.weight_decay:g}",
        )
    if optimizer.name in ("adam", "adamw") and optimizer.momentum > 0:
        yield Fault(
            ("optimizer", "momentum"),
            f"{optimizer.name} has no momentum (betas.0 does that): expected 0, "
            f"found {optimizer.momentum:g}",
        )


def _model_knobs(recipe: Recipe) -> Iterator[Fault]:
    """Keys without meaning for the model at hand."""
    build, multipliers = recipe.model.build, recipe.multipliers
    if build == "mlp" and multipliers.residual not in (None, 1.0):
        yield Fault(("multipliers", "residual"), "mlp has no residual branches; leave it null")
    if build != "mlp":
        return
    if multipliers.attention is not None:
        yield Fault(("multipliers", "attention"), "mlp has no attention; leave it null")
    if multipliers.embedding != 1.0:
        yield Fault(("multipliers", "embedding"), "mlp has no embedding; leave it 1.0")
    if recipe.init.residual != "none":
        yield Fault(("init", "residual"), "mlp has no residual branches; expected none")


def _rules(recipe: Recipe) -> Iterator[Fault]:
    """Choices that exclude each other."""
    rules, name = recipe.rules, recipe.parameterization
    if rules.depth_alpha != 1.0 and name != "completep":
        yield Fault(("rules", "depth_alpha"), f"belongs to completep; {name} has no depth rule")
    if rules.alignment is not None and name in ("umup", "completep"):
        yield Fault(("rules", "alignment"), f"{name} has one table; expected null")


def _search(recipe: Recipe) -> Iterator[Fault]:
    search = recipe.search
    if search.sampler in ("sobol", "tpe", "gp") and search.budget.trials is None:
        yield Fault(
            ("search", "sampler"),
            f"{search.sampler} needs search.budget.trials: how many settings to draw",
        )
    lr = search.space.get("lr")
    if search.prune != "none" and search.sampler == "grid" and lr is None:
        yield Fault(
            ("search", "prune"),
            "on a grid only trials far from the best learning rate are pruned: put lr into "
            "search.space, or leave it none",
        )
    if search.sampler in ("adaptive", "independent") and (lr is None or lr.choice is not None):
        yield Fault(("search", "sampler"), f"{search.sampler} needs a range of lr in search.space")
    elif search.sampler == "adaptive" and len(search.space) > 1:
        yield Fault(
            ("search", "sampler"),
            "adaptive searches lr alone; with other hyperparameters take independent, tpe or gp",
        )
    elif search.sampler == "adaptive" and lr is not None and lr.value(lr.bounds[0]) <= 0:
        yield Fault(("search", "space", "lr"), "adaptive needs rates above 0; take log2: [-12, -3]")


def support_faults(recipe: Recipe) -> Iterator[Fault]:
    """Everything in the recipe that this version would have to ignore."""
    yield from _choices(recipe)
    yield from _optimizer(recipe)
    yield from _model_knobs(recipe)
    yield from _rules(recipe)
    yield from _search(recipe)
    yield from train_faults(recipe)
