"""Trains a group in a worker's process, with checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.freeze import frozen_yaml
from mutransfer_cli.search.grouping.members import Group, label_of, trial_of
from mutransfer_cli.search.job import Job
from mutransfer_cli.train.checkpoint.checkpointer import (
    SAVE_INTERVAL,
    Checkpointer,
    GroupCheckpointer,
)
from mutransfer_cli.train.population.oom_split import train_group
from mutransfer_cli.train.single_trial import train_trial
from mutransfer_cli.train.trial_result import Result


def train_jobs(
    proxies: ProxyFactory, group: Group, device: str, checkpoints: Path | None = None
) -> Iterator[tuple[int, Result]]:
    """Train a group; yields the index in the group and the result of each trial as it ends.

    Args:
        proxies: Builds the models.
        group: Jobs of one rung.
        device: Where they train.
        checkpoints: The folder of the checkpoints; None: interrupted trials start again.
    """
    checkpointer = group_checkpointer(proxies, group, device, checkpoints)
    is_single = len(group) == 1 and not group[0].batched
    if is_single and (checkpointer is None or not checkpointer.stored()):
        yield 0, run_trial(proxies, group[0], device, checkpoints)
        return
    trials = [trial_of(proxies, job) for job in group]
    step_mode = group[0].step_mode
    if checkpointer is None:
        yield from train_group(trials, device, step_mode=step_mode, batched=not is_single)
        return
    with checkpointer:
        yield from train_group(trials, device, checkpointer, step_mode)
    checkpointer.remove()


def run_trial(
    proxies: ProxyFactory,
    job: Job,
    device: str,
    checkpoints: Path | None = None,
    interval: float = SAVE_INTERVAL,
) -> Result:
    """Train one trial by itself.

    Args:
        proxies: Builds the model.
        job: The trial.
        device: Where it trains.
        checkpoints: The folder of the checkpoints; None: it has none.
        interval: Seconds between two checkpoints.
    """
    trial = trial_of(proxies, job)
    if checkpoints is None:
        return train_trial(trial, device)
    identity = f"{frozen_yaml(trial.factory.recipe)}{job.key}"
    with Checkpointer(checkpoints, identity, device, interval) as checkpointer:
        result = train_trial(trial, device, checkpointer)
    checkpointer.remove()
    return result


def group_checkpointer(
    proxies: ProxyFactory, group: Group, device: str, checkpoints: Path | None
) -> GroupCheckpointer | None:
    """The checkpointer of a population, some of whose trials may have ended since it was saved.

    Args:
        proxies: Builds the models.
        group: Jobs of the population that have not ended.
        device: Where they train.
        checkpoints: The folder of the checkpoints; None: there are none.
    """
    if checkpoints is None:
        return None
    labels = [label_of(job) for job in group]
    return GroupCheckpointer(checkpoints, frozen_yaml(proxies.recipe), labels, device)


def interrupted_groups(
    proxies: ProxyFactory, jobs: Sequence[Job], device: str, checkpoints: Path | None
) -> tuple[list[Group], list[Job]]:
    """Find populations that were interrupted, and the jobs that belong to none.

    Args:
        proxies: Builds the models.
        jobs: Jobs to be trained; of an interrupted population only these resume.
        device: Where they train.
        checkpoints: The folder of the checkpoints; None: there are none.

    Returns:
        Groups with a checkpoint, and the other jobs.
    """
    checkpointer = group_checkpointer(proxies, (), device, checkpoints)
    others = {label_of(job): job for job in jobs}
    groups: list[Group] = []
    for _, labels in checkpointer.stored() if checkpointer is not None else ():
        group = tuple(others.pop(label) for label in labels if label in others)
        if group:
            groups.append(group)
    return groups, list(others.values())
