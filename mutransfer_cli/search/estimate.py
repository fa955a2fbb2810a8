"""What a sweep would cost, and what tuning the target itself would: nothing is trained."""

from __future__ import annotations

import torch

from mutransfer_cli.models.planned import trainable
from mutransfer_cli.recipe.load import Loaded
from mutransfer_cli.recipe.schema import Recipe
from mutransfer_cli.recipe.size import recipe_target, rungs
from mutransfer_cli.search.ask import trials
from mutransfer_cli.search.document import DryRunDocument, RungCost, TargetCost
from mutransfer_cli.search.local import default_workers
from mutransfer_cli.train.cost import flops, measure
from mutransfer_cli.train.device import resolve


def dry_run(loaded: Loaded, *, device: str = "auto", workers: int | None = None) -> DryRunDocument:
    """FLOPs counted on the meta device, time from a few steps on each rung."""
    recipe, place = loaded.recipe, resolve(device)
    trainable(recipe)
    torch.set_num_threads(1)  # as the workers will
    sizes = rungs(recipe)
    count = workers or default_workers(place)
    each, at_most = trials(recipe.search, sizes)
    costs = [measure(recipe, size, place) for size in sizes]
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
        bytes=max(c.bytes for c in costs) * count,
        seconds=sum(c.seconds for c in costs) * each / count,
        workers=count,
        device=place,
        notes=tuple(n for n in (*(c.flops.note for c in costs), note) if n),
    )


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
