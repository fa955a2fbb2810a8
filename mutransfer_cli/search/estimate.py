"""What a sweep would cost, and what tuning the target itself would: nothing is trained."""

from __future__ import annotations

from pathlib import Path

from mutransfer_cli.recipe.load import Loaded
from mutransfer_cli.recipe.schema import Recipe
from mutransfer_cli.recipe.size import recipe_target, rungs
from mutransfer_cli.search import programs
from mutransfer_cli.search.ask import trials
from mutransfer_cli.search.document import DryRunDocument, RungCost, TargetCost
from mutransfer_cli.search.engine import Engine
from mutransfer_cli.search.sweep import ready
from mutransfer_cli.train.cost import Cost, flops, measure
from mutransfer_cli.train.threads import limit_threads


def dry_run(
    loaded: Loaded,
    *,
    device: str = "auto",
    workers: int | None = None,
    run: Path | None = None,
) -> DryRunDocument:
    """FLOPs counted on the meta device, time from a few steps on each rung.

    run: a run directory, for what its trials took where a program of the user's own trains them.
    """
    recipe = loaded.recipe
    place, count = ready(recipe, device, workers, "local", None)
    limit_threads(1)  # as the workers will
    sizes = rungs(recipe)
    each, at_most = trials(recipe.search, sizes)
    together: list[float | None] = [None for _ in sizes]
    if recipe.train is None:
        costs = [measure(recipe, size, place) for size in sizes]
        engine = Engine(recipe, place, count)
        together = [engine.seconds(size, each) for size in sizes]
    else:
        costs = programs.costs(recipe, sizes, run)
    waits = [wall(c, each, count, t) for c, t in zip(costs, together, strict=True)]
    took = [wait for wait in waits if wait is not None]
    weighs = [c.bytes for c in costs if c.bytes is not None]
    total = sum(c.flops.value for c in costs) * each
    target, note = of_target(recipe, total, each * len(sizes))
    return DryRunDocument(
        rungs=tuple(
            RungCost(
                width=s.width, trials=each, flops=c.flops.value, bytes=c.bytes, seconds=c.seconds
            )
            for s, c in zip(sizes, costs, strict=True)
        ),
        trials=each * len(sizes),
        trials_at_most=at_most,
        flops=total,
        target=target,
        bytes=max(weighs) * count if weighs else None,
        seconds=sum(took) if len(took) == len(costs) else None,
        workers=count,
        device=place,
        notes=tuple(n for n in (*(c.flops.note for c in costs), note) if n),
    )


def wall(cost: Cost, trials: int, workers: int, together: float | None) -> float | None:
    """Seconds until all trials of a rung have ended; together: of their steps, as populations."""
    if together is not None:
        return together + cost.looks * trials / workers
    return None if cost.seconds is None else cost.seconds * trials / workers


def of_target(recipe: Recipe, spent: float, count: int) -> tuple[TargetCost | None, str | None]:
    """As many trials of the target's size and steps; and how its FLOPs are estimated, if so."""
    if recipe.target is None:
        return None, None
    size = recipe_target(recipe)
    found = flops(recipe, size)
    cost = TargetCost(
        width=size.width,
        depth=size.depth,
        batch=size.batch,
        steps=size.steps,
        flops=found.value,
        share=spent / (found.value * count),
    )
    return cost, found.note
