"""Divides a sweep with pruning into waves: only trials of earlier waves can prune a trial.

On each line along the learning rate a grid first trains a few rates spread over the line, then,
without pruning, those around the best that the fit's parabola may use; the rest may be pruned.
Other samplers propose trials in rounds, and each round is a wave. Waves are replayed from the
first, so that an interrupted or shared sweep prunes the same trials.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from math import ceil

from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.pruning.decision import Pruning
from mutransfer_cli.search.pruning.protocol import FEWEST_REFERENCES
from mutransfer_cli.search.pruning.rate_line import (
    Line,
    finished_at,
    is_protected,
    line_of,
    mean_losses_by_rate,
    rate,
    rates_of,
    spread_rates,
)
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.samplers.protocol import Sampler
from mutransfer_cli.train.pruner import Pruner

log = logging.getLogger(__name__)


class Waves:
    """The waves of a sweep; each call of `open` continues from the wave that was open before.

    Attributes:
        proposed: All trials that the sampler proposes, given the waves that have ended.
    """

    def __init__(self, sampler: Sampler, pruning: Pruning, splits_lines: bool) -> None:
        """Start with the first wave.

        Args:
            sampler: Proposes the trials.
            pruning: Makes the pruners of the trials.
            splits_lines: Whether the sampler proposes complete lines, to be split into waves.
        """
        self.sampler, self.pruning, self.splits_lines = sampler, pruning, splits_lines
        self.seen: list[Record] = []  # of the waves that have ended
        self.proposed: list[Job] = []

    def open(self, records: Sequence[Record]) -> list[Job]:
        """Trials of the open wave that have not ended, with their pruners; empty at the end."""
        by_key = {record.key: record for record in records}
        while True:
            self.proposed = self.sampler.propose(self.seen)
            wave = self.next_wave()
            remaining = missing(wave, records)
            if remaining or not wave:
                jobs = [replace(job, pruner=self.pruner(job)) for job in remaining]
                prunable = sum(job.pruner is not None for job in jobs)
                if jobs:
                    log.info("wave of %d trials, of which %d may be pruned", len(jobs), prunable)
                return jobs
            self.seen += [by_key[job.key] for job in wave]

    def next_wave(self) -> list[Job]:
        """The proposed trials to run next."""
        if not self.splits_lines:
            return missing(self.proposed, self.seen)
        lines: dict[Line, list[Job]] = defaultdict(list)
        for job in self.proposed:
            lines[line_of(job)].append(job)
        known: dict[Line, list[Record]] = defaultdict(list)
        for record in self.seen:
            known[line_of(record)].append(record)
        return [job for line, jobs in lines.items() for job in next_on_line(jobs, known[line])]

    def pruner(self, job: Job) -> Pruner | None:
        """The pruner of a trial of the open wave; None if it runs to its end."""
        rung = [r for r in self.seen if r.size == job.size]
        line = [r for r in rung if line_of(r) == line_of(job)]
        rates = rates_of([j for j in self.proposed if line_of(j) == line_of(job)], line)
        references = finished_at(line, job.seed)
        if len(rates) > 1:
            losses = mean_losses_by_rate(line)
            if is_protected(rate(job), rates, losses) or len(references) < FEWEST_REFERENCES:
                return None
            near = [r for r in references if is_protected(rate(r), rates, losses)]
        else:  # no line along lr: the better half of the rung's trials stands for the optimum
            references = sorted(finished_at(rung, job.seed), key=lambda r: r.loss or 0.0)
            near = references[: ceil(len(references) / 2)]
        curves = [r.curve for r in references]
        return self.pruning.pruner(job.size, curves, [r.curve for r in near])


def next_on_line(jobs: Sequence[Job], known: Sequence[Record]) -> list[Job]:
    """The next trials on one line: first spread over it, then around the best, then the rest."""
    remaining = missing(jobs, known)
    rates = rates_of(jobs, known)
    first = spread_rates(rates)
    if len({rate(r) for r in known}) < len(first):
        return [job for job in remaining if rate(job) in first] or remaining
    losses = mean_losses_by_rate(known)
    return [job for job in remaining if is_protected(rate(job), rates, losses)] or remaining
