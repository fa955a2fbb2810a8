"""Turns jobs into trials of a population, and finds which may share one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.key_paths import key_path
from mutransfer_cli.search.job import Job
from mutransfer_cli.train.trial import Trial

FIXED = {"multipliers.attention", "z_loss"}

Group: TypeAlias = tuple[Job, ...]  # jobs that train as one computation


def trial_of(proxies: ProxyFactory, job: Job) -> Trial:
    """The trial that trains a job."""
    return Trial.of(proxies, job.size, job.seed, job.params, job.pruner, label_of(job))


def label_of(job: Job) -> str:
    """A text that identifies a job among those of its recipe."""
    return str(job.key)


def fixed_values(proxies: ProxyFactory, params: Mapping[str, float]) -> tuple[float, ...]:
    """Values that must be equal within a population: those that are not tensors there.

    torch's attention takes its scale as a number; some parameterizations build all their
    multipliers into the model as numbers. A population has one loss.
    """
    paths = {key_path(name): value for name, value in params.items()}
    if PARAMETERIZATIONS[proxies.recipe.parameterization].unit_scaled:
        multipliers = {path for path in paths if path.startswith("multipliers.")}
        return tuple(v for path, v in paths.items() if path in multipliers | FIXED)
    return tuple(v for path, v in paths.items() if path in FIXED)
