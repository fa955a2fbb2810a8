"""Several sweeps on one study: each trial is claimed in the study itself before it is run.

A claim is a running trial of Optuna's. Numbers of trials are given one after another by the
storage, so of several claims of one trial the lowest number holds and the others withdraw. A claim
ends once: the storage refuses to end a trial that has ended, so of a slow process and the one that
took its claim over only one stores a result. No clock is compared with another: a claim is stale
when its counter has not moved while this process looked on.
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
from mutransfer_cli.search.signals import defer_signals
from mutransfer_cli.search.storage.optuna_storage import storage_errors
from mutransfer_cli.search.storage.process_identity import is_dead, this_process
from mutransfer_cli.search.storage.record import Key, Record
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

HEARTBEAT = 10.0  # seconds between signs of life
STALE = 60.0  # seconds without one
POLL_INTERVAL = 1.0  # seconds between two reads while others run what is missing
PROCESS, COUNTER = "mutransfer:process", "mutransfer:beat"


class SharedTrialQueue(TrialQueue):
    """SharedTrialQueue of this process, kept alive by a thread for as long as the context is open.

    flops: of a trial of each size. most: claims and ended trials that there may be in all.
    """

    def __init__(
        self,
        study: Study,
        ranges: Ranges,
        costs: Mapping[Size, float],
        most: int | None = None,
        beat: float = HEARTBEAT,
        stale: float = STALE,
    ) -> None:
        """Open the study's queue.

        Args:
            study: A shared study.
            ranges: Of every hyperparameter.
            costs: FLOPs of a trial of each size.
            most: Claims and ended trials that there may be in all; None: any number.
            beat: Seconds between two signs of life.
            stale: Seconds without one, after which a claim is taken over.
        """
        super().__init__(study, ranges)
        self.storage = study.storage
        self.costs, self.most = costs, most
        self.beat, self.stale = beat, stale
        self.process = {**this_process(), "sweep": uuid4().hex}  # a process may drive several
        self.shuffle = Random(repr(self.process)).random
        self.held: dict[Key, int] = {}  # id of Optuna's trial
        self.unchanged: dict[
            int, tuple[int, float]
        ] = {}  # a foreign claim's counter, and for how long
        self.last_look = time.monotonic()
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
        """Claim as many of the jobs as are free."""
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
        """The widest first, equal ones in a random order of this process."""
        return sorted(jobs, key=lambda job: (-job.size.width, self.shuffle()))

    def store(self, record: Record) -> bool:
        """End the claim with its result; False where another process had taken it over."""
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
            except RuntimeError:  # it has ended already: by an earlier try of ours, or taken over
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
        """Those whose first claim is ours; the others' are withdrawn."""
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
        """End the claims of processes that are gone, or gave no sign of life while we looked."""
        freed = set()
        now = time.monotonic()
        since, self.last_look = min(now - self.last_look, 2 * POLL_INTERVAL + self.beat), now
        running = {t._trial_id: t for t in trials if _is_running(t)}
        self.unchanged = {i: seen for i, seen in self.unchanged.items() if i in running}
        for trial_id, trial in running.items():
            if trial_id in self.held.values():
                continue
            counter = trial.system_attrs[COUNTER]
            before, stood = self.unchanged.get(trial_id, (None, 0.0))
            stood = stood + since if counter == before else 0.0
            self.unchanged[trial_id] = (counter, stood)
            process = trial.system_attrs[PROCESS]  # ours: a write whose answer never came
            if stood > self.stale or process == self.process or is_dead(process):
                log.info("claim of %s taken over: it gave no sign of life", process)
                self._end(trial_id, f"taken over by {self.process['host']}:{self.process['pid']}")
                freed.add(trial_id)
        return freed

    def _end(self, trial_id: int, why: str) -> None:
        """Give a claim up; without an outcome it is no trial."""
        from optuna.trial import TrialState

        with storage_errors(self.study.location):
            try:
                self._call("set_trial_user_attr", trial_id, "claim", why)
                self._call("set_trial_state_values", trial_id, TrialState.FAIL, None)
            except RuntimeError:
                return  # it ended in the meantime

    def _call(self, name: str, *arguments: Any) -> Any:
        """One write, repeated while the server is away."""

        def write() -> Any:
            with self.storage.guard():
                return getattr(self.storage.optuna, name)(*arguments)

        return self.storage.retry(write)

    def _beat(self) -> None:
        """Signs of life; one that the storage refuses is left out."""
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
