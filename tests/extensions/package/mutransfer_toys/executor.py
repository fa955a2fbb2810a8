"""An executor: one trial after another in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mutransfer_cli.search.executors.group_training import run_trial
from mutransfer_cli.search.executors.protocol import Claim, Executor, ExecutorSetup, claim_all
from mutransfer_cli.search.job import Job
from mutransfer_cli.train.trial_result import Result


class SerialExecutor(Executor):
    def __init__(self, setup: ExecutorSetup) -> None:
        self.setup = setup
        self.device, self.workers = "cpu", 1

    def run(self, jobs: Sequence[Job], claim: Claim = claim_all) -> Iterator[tuple[Job, Result]]:
        for job in jobs:
            for granted in claim([job]):
                yield granted, run_trial(self.setup.proxies, granted, self.device)
