from __future__ import annotations

from mutransfer_cli.search.loggers.trial_log import TrialLog
from mutransfer_cli.search.record import Record

RECORD = Record(
    {"lr": 0.25}, 32, 2, 16, 40, 1, "finished", 1.5, seconds=2.0, flops=3e9,
    curve=((0, 2.0), (39, 1.5)),
)  # fmt: skip


def test_what_is_logged() -> None:
    log = TrialLog.of(RECORD)
    assert log.name == "width-32-seed-1-lr-0.25"
    assert log.hyperparameters.items() >= {"lr": 0.25, "width": 32, "depth": 2, "seed": 1}.items()
    assert log.metrics == {"seconds": 2.0, "flops": 3e9, "loss": 1.5}
    assert (log.curve, log.outcome, log.reason) == (RECORD.curve, "finished", None)


def test_a_trial_without_a_loss_says_why() -> None:
    lost = Record({"lr": 0.25}, 32, 2, 16, 40, 1, "diverged", None, why="loss is NaN")
    log = TrialLog.of(lost)
    assert "loss" not in log.metrics and log.reason == "loss is NaN"
    assert log.id == TrialLog.of(RECORD).id  # the same trial


def test_other_trials_have_other_ids() -> None:
    others = [
        Record({"lr": 0.5}, 32, 2, 16, 40, 1, "finished", 1.5),
        Record({"lr": 0.25}, 64, 2, 16, 40, 1, "finished", 1.5),
        Record({"lr": 0.25}, 32, 2, 16, 40, 2, "finished", 1.5),
        Record({"eps": 0.25}, 32, 2, 16, 40, 1, "finished", 1.5),
    ]
    assert len({TrialLog.of(record).id for record in (RECORD, *others)}) == 5


def test_a_name_of_many_hyperparameters_is_a_file_name() -> None:
    params = {f"a_hyperparameter_{i}": 0.125 for i in range(30)}
    assert len(TrialLog.of(Record(params, 8, 1, 1, 1, 0, "finished", 1.0)).name) == 100
