"""What a recipe may say that this version cannot do yet: refused by name, never ignored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.fault import Fault
from mutransfer_cli.recipe.model import is_callable
from mutransfer_cli.recipe.schema import Recipe
from mutransfer_cli.recipe.size import base_size, recipe_target

PARAMETERIZATIONS = ("mup", "sp")
OPTIMIZERS = ("adamw", "adam", "sgd")
SOURCES = ("stdlib", "text", "tokens", "digits", "teacher")
SAMPLERS = ("grid", "sobol", "tpe")
PRUNERS = ("none",)


def _unavailable(found: object, available: Sequence[object]) -> str:
    listed = ", ".join(str(a) for a in available)
    return f"{found} is not available yet in this version; available: {listed}"


def axis_fault(axis: str, value: int, base: int) -> str | None:
    """Why a size along an axis other than the width is refused."""
    if value == base:
        return None
    return (
        f"transfer along {axis} is not available yet in this version; available: width "
        f"(the base has {axis} {base}, found {value})"
    )


def _choices(recipe: Recipe) -> Iterator[Fault]:
    """Keys with a few choices of which some are available."""
    rules, search = recipe.rules, recipe.search
    table: list[tuple[str, object, Sequence[object]]] = [
        ("parameterization", recipe.parameterization, PARAMETERIZATIONS),
        ("optimizer.name", recipe.optimizer.name, OPTIMIZERS),
        ("rules.alignment", rules.alignment, ("full",)),
        ("rules.horizon", rules.horizon, ("steps",)),
        ("rules.beta1", rules.beta1, ("keep",)),
        ("rules.depth_alpha", rules.depth_alpha, (1.0,)),
        ("data.source", recipe.data.source, SOURCES),
        ("search.sampler", search.sampler, SAMPLERS),
        ("search.prune", search.prune, PRUNERS),
    ]
    for path, found, available in table:
        if found not in available:
            yield Fault(tuple(path.split(".")), _unavailable(found, available))
    build = recipe.model.build
    if build not in ("mlp", "gpt") and not is_callable(build):
        available = ("mlp", "gpt", "package.module:callable")
        yield Fault(("model", "build"), _unavailable(build, available))


def _optimizer(recipe: Recipe) -> Iterator[Fault]:
    optimizer = recipe.optimizer
    if optimizer.name == "adam" and optimizer.weight_decay > 0:
        yield Fault(
            ("optimizer", "weight_decay"),
            "adam adds the decay to the gradient, which has no consistent scaling rule: "
            f"expected 0, or name: adamw; found {optimizer.weight_decay:g}",
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
    if build != "gpt" and multipliers.residual not in (None, 1.0):
        yield Fault(("multipliers", "residual"), _unavailable(f"for {build} it", ("gpt",)))
    if build != "mlp":
        return
    if multipliers.attention is not None:
        yield Fault(("multipliers", "attention"), "mlp has no attention; leave it null")
    if multipliers.embedding != 1.0:
        yield Fault(("multipliers", "embedding"), "mlp has no embedding; leave it 1.0")
    if recipe.init.residual != "none":
        yield Fault(("init", "residual"), "mlp has no residual branches; expected none")


def _axes(recipe: Recipe) -> Iterator[Fault]:
    try:
        base, target = base_size(recipe), recipe_target(recipe)
    except InputError:  # tokens that are less than a step: told with the sizes
        return
    for axis in ("depth", "batch", "steps"):
        for index, value in enumerate(getattr(recipe.ladder, axis)):
            message = axis_fault(axis, value, getattr(base, axis))
            if message is not None:
                yield Fault(("ladder", axis, str(index)), message)
    if recipe.target is None:
        return
    for axis in ("depth", "batch", "steps"):
        value = getattr(recipe.target, axis)
        message = None if value is None else axis_fault(axis, value, getattr(base, axis))
        if message is not None:
            yield Fault(("target", axis), message)
    if recipe.target.tokens is not None:
        message = axis_fault("steps", target.steps, base.steps)
        if message is not None:
            yield Fault(("target", "tokens"), message)


def _search(recipe: Recipe) -> Iterator[Fault]:
    search = recipe.search
    if search.sampler in ("sobol", "tpe") and search.budget.trials is None:
        yield Fault(
            ("search", "sampler"),
            f"{search.sampler} needs search.budget.trials: how many settings to draw",
        )


def support_faults(recipe: Recipe) -> Iterator[Fault]:
    """Everything in the recipe that this version would have to ignore."""
    if recipe.train is not None:
        yield Fault(
            ("train",),
            "a training program of your own is not available yet in this version; "
            "available: model.build package.module:callable",
            at_key=True,
        )
    yield from _choices(recipe)
    yield from _optimizer(recipe)
    yield from _model_knobs(recipe)
    yield from _axes(recipe)
    yield from _search(recipe)
