"""What a recipe says that would have no effect: refused by name, never ignored."""

from __future__ import annotations

from collections.abc import Iterator

from mutransfer_cli.catalog.models import MODELS
from mutransfer_cli.catalog.optimizers import OPTIMIZERS
from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.catalog.pruners import PRUNERS
from mutransfer_cli.catalog.samplers import SAMPLERS
from mutransfer_cli.catalog.sources import SOURCES
from mutransfer_cli.recipe.faults import Fault
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.validation.train_command import train_faults


def support_faults(recipe: Recipe) -> Iterator[Fault]:
    """Everything in the recipe that would have to be ignored."""
    yield from _source(recipe)
    yield from _optimizer(recipe)
    yield from _model_knobs(recipe)
    yield from _rules(recipe)
    yield from _search(recipe)
    yield from train_faults(recipe)


def _source(recipe: Recipe) -> Iterator[Fault]:
    source = recipe.data.source
    if source not in SOURCES:
        yield Fault(
            ("data", "source"),
            f"{source} is not available yet in this version; available: {', '.join(SOURCES.names)}",
        )


def _optimizer(recipe: Recipe) -> Iterator[Fault]:
    """Hyperparameters that the optimizer has no use or no rule for."""
    optimizer = recipe.optimizer
    row = OPTIMIZERS[optimizer.name]
    as_it_is = recipe.rules.weight_decay == "coupled"  # torch's number, right or not
    if row.decoupled is not None and optimizer.weight_decay > 0 and not as_it_is:
        yield Fault(
            ("optimizer", "weight_decay"),
            f"{row.name} adds the decay to the gradient, which has no consistent scaling rule: "
            f"expected 0, or name: {row.decoupled}, or rules.weight_decay: coupled to take the "
            f"number as it is at every size; found {optimizer.weight_decay:g}",
        )
    if row.beta1_is_momentum and optimizer.momentum > 0:
        yield Fault(
            ("optimizer", "momentum"),
            f"{row.name} has no momentum (betas.0 does that): expected 0, "
            f"found {optimizer.momentum:g}",
        )


def _model_knobs(recipe: Recipe) -> Iterator[Fault]:
    """Keys without meaning for a built-in model."""
    build, multipliers = recipe.model.build, recipe.multipliers
    row = MODELS.get(build)
    if row is None:
        return
    if not row.residual_branches:
        if multipliers.residual not in (None, 1.0):
            yield Fault(
                ("multipliers", "residual"), f"{build} has no residual branches; leave it null"
            )
        if recipe.init.residual != "none":
            yield Fault(("init", "residual"), f"{build} has no residual branches; expected none")
    if not row.attention and multipliers.attention is not None:
        yield Fault(("multipliers", "attention"), f"{build} has no attention; leave it null")
    if not row.embedding and multipliers.embedding != 1.0:
        yield Fault(("multipliers", "embedding"), f"{build} has no embedding; leave it 1.0")


def _rules(recipe: Recipe) -> Iterator[Fault]:
    """Choices that the parameterization does not leave open."""
    rules, row = recipe.rules, PARAMETERIZATIONS[recipe.parameterization]
    if rules.depth_alpha != 1.0 and not row.depth_exponent:
        owners = " and ".join(p.name for p in PARAMETERIZATIONS if p.depth_exponent)
        yield Fault(
            ("rules", "depth_alpha"), f"belongs to {owners}; {row.name} has no such exponent"
        )
    if rules.depth != "parameterization" and row.depth_rules:
        yield Fault(
            ("rules", "depth"),
            f"{row.name} has a rule of its own for the depth; expected parameterization",
        )
    single = row.standard and rules.alignment is None
    if rules.embedding != "mup" and (row.unit_scaled or single):
        why = "has a rule of its own" if row.unit_scaled else "has one learning rate for all"
        yield Fault(("rules", "embedding"), f"{row.name} {why}; expected mup")
    if rules.alignment is not None and not row.alignment:
        yield Fault(("rules", "alignment"), f"{row.name} has one table; expected null")


def _search(recipe: Recipe) -> Iterator[Fault]:
    """What the sampler needs, and what it cannot search."""
    search = recipe.search
    row, key = SAMPLERS[search.sampler], ("search", "sampler")
    if row.needs_trials and search.budget.trials is None:
        yield Fault(
            key,
            f"{row.name} needs search.budget.trials: how many trials to run, shared among rungs "
            "and seeds",
        )
    lr = search.space.get("lr")
    if PRUNERS[search.prune].prunes and row.prunes_by_lr and lr is None:
        yield Fault(
            ("search", "prune"),
            f"with sampler: {row.name}, pruning ends only trials far from the best learning rate: "
            "put lr into search.space, or leave it none",
        )
    if row.needs_lr_range and (lr is None or lr.choice is not None):
        yield Fault(key, f"{row.name} needs a range of lr in search.space")
    if search.start == "probe":
        starting = " | ".join(s.name for s in SAMPLERS if s.starts_at_rate)
        if not row.starts_at_rate:
            yield Fault(("search", "start"), f"probe needs the sampler {starting}")
        elif lr is None or lr.scale not in ("log2", "log10"):
            yield Fault(("search", "start"), "probe needs lr in search.space, as log2 or log10")
        elif recipe.program is not None:
            yield Fault(("search", "start"), "probe cannot train your own program; leave it recipe")
    choices = [name for name, space in search.space.items() if space.choice is not None]
    if row.needs_ranges and choices:
        others = " | ".join(s.name for s in SAMPLERS if not s.needs_ranges)
        yield Fault(
            ("search", "space", choices[0]),
            f"{row.name} searches ranges, such as log2: [-12, -3]; for a choice take {others}",
        )
