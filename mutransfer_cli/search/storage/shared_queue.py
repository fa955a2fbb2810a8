"""Lets several sweeps share a study: each trial is claimed in the study before it is run.

A claim is a running Optuna trial. The storage numbers trials consecutively, so of several claims
of one trial the lowest number wins and the others are withdrawn. A claim ends only once: the
storage refuses to end a trial that has ended, so that of a slow process and the one that took over
its claim only one stores a result. Clocks of different machines are never compared: a claim is
stale when this process has not seen its counter change for a while.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.record import Key, Record
from mutransfer_cli.search.signals import defer_signals
from mutransfer_cli.search.storage.optuna_storage import storage_errors
from mutransfer_cli.search.storage.process_identity import is_dead, this_process
from mutransfer_cli.search.storage.study import Study
from mutransfer_cli.search.storage.trial_attributes import (
    Ranges,
    distributions,
    key_of_trial,
    request_attributes,
    result_attributes,
    state_of,
)
from mutransfer_cli.search.storage.trial_queue import TrialQueue

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

log = logging.getLogger(__name__)

HEARTBEAT_INTERVAL = 10.0  # seconds between two heartbeats
STALE_AFTER = 60.0  # seconds without a heartbeat
POLL_INTERVAL = 1.0  # seconds between two reads while others run the remaining trials
PROCESS, COUNTER = "mutransfer:process", "mutransfer:beat"


class SharedTrialQueue(TrialQueue):
    """Claims of this process in a shared study; a thread sends heartbeats inside the context."""

    def __init__(
        self,
        study: Study,
        ranges: Ranges,
        costs: Mapping[Size, float],
        most: int | None = None,
        beat: float = HEARTBEAT_INTERVAL,
        stale: float = STALE_AFTER,
    ) -> None:
        """Open the study's queue.

        Args:
            study: A shared study.
            ranges: Range of every hyperparameter.
            costs: FLOPs of a trial of each size.
            most: Limit of claims and ended trials in the study; None: no limit.
            beat: Seconds between two heartbeats.
            stale: Seconds without a heartbeat after which a claim is taken over.
        """
        super().__init__(study, ranges)
        self.storage = study.storage
        self.costs, self.most = costs, most
        self.beat, self.stale = beat, stale
        self.process = {**this_process(), "sweep": uuid4().hex}  # a process may run several sweeps
        self.shuffle = Random(repr(self.process)).random
        self.held: dict[Key, int] = {}  # ids of Optuna's trials
        # by the id of another process's claim: its counter, and seconds since that changed
        self.unchanged: dict[int, tuple[int, float]] = {}
        self.last_check = time.monotonic()
        self.closing = threading.Event()
        self.heartbeat = threading.Thread(target=self._beat, daemon=True)
        with storage_errors(study.location):
            self.study_id = self._call("get_study_id_from_name", study.study.study_name)

    def __enter__(self) -> SharedTrialQueue:
        self.heartbeat.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.heartbeat.join()
        for key in list(self.held):
            self._end(self.held.pop(key), "given back")

    def claim(self, jobs: Sequence[Job]) -> list[Job]:
        """Claim those of the jobs that are free."""
        trials = self.study.trials()
        freed = self._take_over(trials)
        claimed = {key_of_trial(t) for t in trials if _is_running(t) and t._trial_id not in freed}
        ended = {record.key for record in self.study.records_of(trials)}
        room = len(jobs) if self.most is None else self.most - len(claimed) - len(ended)
        free = [job for job in jobs if job.key not in claimed and job.key not in ended]
        chosen = free[: max(0, room)]
        for job in chosen:
            with defer_signals():
                self.held[job.key] = self._create(job)
        return self._confirmed(chosen) if chosen else []

    def order(self, jobs: Sequence[Job]) -> list[Job]:
        """The widest first; jobs of one width are in an order that differs between processes."""
        return sorted(jobs, key=lambda job: (-job.size.width, self.shuffle()))

    def store(self, record: Record) -> bool:
        """End the claim with its result; False if another process had taken it over."""
        trial_id = self.held[record.key]
        values = [record.loss] if record.outcome == "finished" and record.loss is not None else None
        state = state_of(record.outcome)
        with storage_errors(self.study.location), defer_signals():
            try:
                for name, value in result_attributes(record).items():
                    self._call("set_trial_user_attr", trial_id, name, value)
                for step, loss in record.reports:
                    self._call("set_trial_intermediate_value", trial_id, step, loss)
                self._call("set_trial_state_values", trial_id, state, values)
            except RuntimeError:  # ended already, by an earlier try of ours or a take-over
                trial = self.storage.retry(lambda: self.storage.optuna.get_trial(trial_id))
                return trial.state == state and trial.user_attrs.get("outcome") == record.outcome
            finally:
                del self.held[record.key]
        return True

    def wait(self) -> None:
        """Wait a moment before the study is read again."""
        time.sleep(POLL_INTERVAL)

    def _create(self, job: Job) -> int:
        import optuna
        from optuna.trial import TrialState

        request = Record(
            job.params,
            job.size.width,
            job.size.depth,
            job.size.batch,
            job.size.steps,
            job.seed,
            outcome="",
            loss=None,
            flops=self.costs[job.size],
        )
        owner = f"{self.process['host']}:{self.process['pid']}"
        template = optuna.trial.create_trial(
            state=TrialState.RUNNING,
            params=job.params,
            distributions=distributions(job.params, self.ranges),
            user_attrs={
                **request_attributes(request),
                "owner": owner,
            },
            system_attrs={PROCESS: self.process, COUNTER: 0},
        )
        with storage_errors(self.study.location):
            return int(self._call("create_new_trial", self.study_id, template))

    def _confirmed(self, jobs: Sequence[Job]) -> list[Job]:
        """The jobs whose first claim is ours; withdraws our claims of the others."""
        trials = self.study.trials()
        ended = {record.key for record in self.study.records_of(trials)}
        first: dict[Key, FrozenTrial] = {}
        for trial in sorted(trials, key=lambda t: t.number):
            if _is_running(trial):
                first.setdefault(key_of_trial(trial), trial)
        mine = []
        for job in jobs:
            holder = first.get(job.key)
            ours = holder is not None and holder._trial_id == self.held[job.key]
            if ours and job.key not in ended:
                mine.append(job)
            else:
                log.debug("claim withdrawn: another process had claimed %s", job.key)
                self._end(self.held.pop(job.key), "withdrawn: another process had claimed it")
        return mine

    def _take_over(self, trials: Sequence[FrozenTrial]) -> set[int]:
        """End the claims of processes that have ended or stopped sending heartbeats."""
        freed = set()
        now = time.monotonic()
        elapsed, self.last_check = min(now - self.last_check, 2 * POLL_INTERVAL + self.beat), now
        running = {t._trial_id: t for t in trials if _is_running(t)}
        self.unchanged = {i: entry for i, entry in self.unchanged.items() if i in running}
        for trial_id, trial in running.items():
            if trial_id in self.held.values():
                continue
            counter = trial.system_attrs[COUNTER]
            before, silent = self.unchanged.get(trial_id, (None, 0.0))
            silent = silent + elapsed if counter == before else 0.0
            self.unchanged[trial_id] = (counter, silent)
            process = trial.system_attrs[PROCESS]  # ours: from a write whose reply was lost
            if silent > self.stale or process == self.process or is_dead(process):
                log.info("claim of %s taken over: no heartbeat", process)
                self._end(trial_id, f"taken over by {self.process['host']}:{self.process['pid']}")
                freed.add(trial_id)
        return freed

    def _end(self, trial_id: int, why: str) -> None:
        """Give up a claim; without an outcome it does not count as a trial."""
        from optuna.trial import TrialState

        with storage_errors(self.study.location):
            try:
                self._call("set_trial_user_attr", trial_id, "claim", why)
                self._call("set_trial_state_values", trial_id, TrialState.FAIL, None)
            except RuntimeError:
                return  # it ended in the meantime

    def _call(self, name: str, *arguments: Any) -> Any:
        """Write to the storage, again and again while the server is unreachable."""

        def write() -> Any:
            with self.storage.guard():
                return getattr(self.storage.optuna, name)(*arguments)

        return self.storage.retry(write)

    def _beat(self) -> None:
        """Send heartbeats for all claims; one that the storage refuses is skipped."""
        import optuna
        from sqlalchemy.exc import SQLAlchemyError

        counters: dict[int, int] = defaultdict(int)
        while not self.closing.wait(self.beat):
            for trial_id in list(self.held.values()):
                counters[trial_id] += 1
                try:
                    with self.storage.guard():
                        self.storage.optuna.set_trial_system_attr(
                            trial_id, COUNTER, counters[trial_id]
                        )
                except (RuntimeError, OSError, SQLAlchemyError):
                    continue
                except optuna.exceptions.StorageInternalError:
                    continue


def _is_running(trial: FrozenTrial) -> bool:
    return not trial.state.is_finished() and PROCESS in trial.system_attrs
