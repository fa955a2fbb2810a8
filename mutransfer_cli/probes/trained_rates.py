"""Learning rates by short runs and by curvature at their ends, and losses of whole runs."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite

import torch

from mutransfer_cli.errors import InputError
from mutransfer_cli.probes.curvature.critical_rate import critical_learning_rate
from mutransfer_cli.probes.curvature.flat import trained_parameters
from mutransfer_cli.probes.curvature.hessian import Hessian
from mutransfer_cli.probes.curvature.stability import has_threshold, stability
from mutransfer_cli.probes.estimates.best_rate import minimum
from mutransfer_cli.probes.subject.proxies import Proxies
from mutransfer_cli.probes.subject.trainee import Trainee
from mutransfer_cli.recipe.size import Size

SHARE = 0.1  # of a run, at its end of which short runs are compared
POINTS = (0.5, 1.0)  # of that share, where curvature is measured
OCTAVES = tuple(range(-6, 7))  # of the short runs, about the recipe's rate
EXAMPLES = 1024  # on which runs are compared, about
TOLERANCE = 0.05  # of an eigenvalue
STABILITY, CRITICAL, SHORT = "stability", "critical", "short runs"


def raw_estimates(
    proxies: Proxies, size: Size, seed: int, short: bool = True
) -> tuple[dict[str, float], dict[float, float]]:
    """The rate that each estimator gives, and the losses of the short runs by rate.

    Args:
        proxies: What is trained.
        size: The rung.
        seed: The seed.
        short: Whether there are short runs.
    """
    rate = proxies.learning_rate
    found: dict[str, float] = {}
    losses: dict[float, float] = {}
    if rate > 0 and short:
        for octave in OCTAVES:
            trial = proxies.train(size, seed, {"lr": rate * 2.0**octave})
            losses[rate * 2.0**octave] = short_loss(trial)
        finite = {r: loss for r, loss in losses.items() if isfinite(loss)}
        if finite:
            found[SHORT] = minimum(finite)
            rate = found[SHORT]
    trainee = proxies.train(size, seed, {"lr": rate} if proxies.learning_rate > 0 else {})
    own = rate if rate > 0 else _rate_of(trainee)
    found.update({n: own * multiple for n, multiple in edge_multiples(trainee).items()})
    return found, {r: loss for r, loss in losses.items() if isfinite(loss)}


def short_loss(trainee: Trainee) -> float:
    """The loss on unseen batches after a tenth of the steps; infinite where it diverges."""
    return _loss_after(trainee, short_steps(trainee.steps))


def whole_losses(proxies: Proxies, size: Size, seeds: Sequence[int], rate: float) -> list[float]:
    """The losses on unseen batches after all steps; infinite where a run diverges.

    Args:
        proxies: What is trained.
        size: The rung.
        seeds: The seeds.
        rate: The learning rate.
    """
    runs = (proxies.train(size, seed, {"lr": rate}) for seed in seeds)
    return [_loss_after(run, run.steps) for run in runs]


def _loss_after(trainee: Trainee, steps: int) -> float:
    """The loss on unseen batches after some steps; infinite where it diverges."""
    for step in range(steps):
        if not isfinite(trainee.step(step)):
            return inf
    loss = _mean_loss(trainee, trainee.unseen(evaluated(trainee.examples)))
    return loss if isfinite(loss) else inf


def short_steps(steps: int) -> int:
    """Number of steps of a short run."""
    return max(2, round(SHARE * steps))


def evaluated(examples: int) -> int:
    """Number of batches of so many examples on which short runs are compared."""
    return max(4, EXAMPLES // examples)


def edge_multiples(trainee: Trainee) -> dict[str, float]:
    """By how much the rate could grow until steps are unstable, or no longer lower the loss.

    The smallest over the points of a short run.

    Args:
        trainee: What is trained.
    """
    steps = short_steps(trainee.steps)
    points = {max(1, round(share * steps)) - 1 for share in POINTS}
    batches = trainee.unseen(1)
    hessian = Hessian(trainee.model, trainee.loss, batches)
    known = has_threshold(trainee.optimizer)
    peak = _rate_of(trainee)  # before the schedule has changed it
    parameters = trained_parameters(trainee.model)
    found: dict[str, list[float]] = {}
    for step in range(steps):
        if step in points and known:
            try:
                ratio = stability(hessian, trainee.optimizer, None, TOLERANCE).ratio
            except InputError:
                ratio = 0.0
            if ratio > 0:
                found.setdefault(STABILITY, []).append(_rate_of(trainee) / peak / ratio)
        before = [p.detach().clone() for p in parameters]
        loss = trainee.step(step)
        if not isfinite(loss):
            break
        if step in points:
            update = [p.detach() - old for p, old in zip(parameters, before, strict=True)]
            for p, old in zip(parameters, before, strict=True):
                p.data.copy_(old)
            multiple = critical_learning_rate(
                lambda: _mean_loss(trainee, batches), parameters, update
            ).value
            for p, old, by in zip(parameters, before, update, strict=True):
                p.data.copy_(old + by)
            if multiple > 0 and isfinite(multiple):
                found.setdefault(CRITICAL, []).append(_rate_of(trainee) / peak * multiple)
    return {name: min(values) for name, values in found.items()}


def _mean_loss(trainee: Trainee, batches: Sequence[object]) -> float:
    with torch.no_grad():
        values = [float(trainee.loss(trainee.model, b)) for b in batches]
    return sum(values) / len(values)


def _rate_of(trainee: Trainee) -> float:
    """The largest learning rate of an optimizer's groups."""
    parts = getattr(trainee.optimizer, "parts", [trainee.optimizer])
    return max(float(group["lr"]) for part in parts for group in part.param_groups)
