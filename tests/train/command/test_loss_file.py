"""The loss in the files that trainers write."""

from __future__ import annotations

import json
from math import isnan
from pathlib import Path

import pytest

from mutransfer_cli.train.command.loss_file import NoLoss, loss_in

TRAINER = json.dumps(  # trainer_state.json of transformers
    {
        "best_metric": None,
        "log_history": [
            {"loss": 9.0, "step": 10},
            {"eval_loss": 3.5, "step": 10},
            {"loss": 8.0, "step": 20},
            {"eval_loss": 3.25, "step": 20},
            {"train_runtime": 1.0, "train_loss": 8.5, "step": 20},
        ],
    }
)
LINES = '{"step": 1, "loss": 4.0}\n{"step": 2, "val": {"loss": 2.5}}\n\n{"step": 3, "loss": 3.0}\n'
CSV = "step,train_loss,val_loss\n0,5.0,\n1,,4.5\n2,4.0,\n3,,3.75\n4,3.5,\n"  # Lightning's CSVLogger

GOOD = [
    (TRAINER, "log_history.eval_loss", 3.25),
    (TRAINER, "log_history.loss", 8.0),
    (TRAINER, "log_history.-2.eval_loss", 3.25),
    (TRAINER, "log_history[1].eval_loss", 3.5),
    (TRAINER, "log_history.-1.train_loss", 8.5),
    ('[{"eval_loss": 2.0}, {"eval_loss": 1.0}]', "eval_loss", 1.0),
    ('{"losses": [3, 2.5]}', "losses", 2.5),
    ('{"losses": [3, 2.5]}', "losses.0", 3.0),
    ('{"eval": {"a.b": 2.0}}', "eval.a.b", 2.0),
    ('{"eval/loss": 2.0}', "eval/loss", 2.0),
    (LINES, "loss", 3.0),
    (LINES, "val.loss", 2.5),
    ('{"loss": 1.0}\r\n{"loss": null}\r\n', "loss", 1.0),
    (CSV, "val_loss", 3.75),
    (CSV, "train_loss", 3.5),
    (CSV.replace(",", "\t"), "val_loss", 3.75),
    ("step;val loss\n1;2,5\n", "val loss", 2.5),
    ("\ufeffstep, loss\n1, 2.5\n", "loss", 2.5),
]


@pytest.mark.parametrize(("text", "key", "expected"), GOOD)
def test_the_last_one_counts(tmp_path: Path, text: str, key: str, expected: float) -> None:
    path = tmp_path / "log"
    path.write_text(text)
    assert loss_in(path, key) == expected


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"loss": 1.0}\n{"loss": NaN}\n', "loss"),
        ("step,loss\n1,2.0\n2,nan\n", "loss"),
        ('[{"loss": 1.0}, {"loss": "NaN"}]', "loss"),
    ],
)
def test_a_last_loss_that_is_not_finite_is_not_passed_over(
    tmp_path: Path, text: str, key: str
) -> None:
    path = tmp_path / "log"
    path.write_text(text)
    assert isnan(loss_in(path, key))


BAD = [
    (TRAINER, "eval_loss", "has no eval_loss .*try key: log_history.eval_loss"),
    (TRAINER, "log_history.9.eval_loss", "has no log_history.9.eval_loss"),
    (LINES, "eval_loss", r"has no eval_loss \(found: step, loss, val\)"),
    (CSV, "loss", r"has no loss \(found: step, train_loss, val_loss\)"),
    ("step,loss\n1,\n", "loss", "has no loss"),
    ("step,loss\n1,high\n", "loss", 'is "high", expected a number'),
    ('{"loss": 1.0}\n{"loss": 2.', "loss", "is not JSON: line 2"),
    ("", "loss", "is empty"),
    ("plain text", "loss", "is not JSON"),
    ("[" * 100_000, "loss", "is not JSON"),
    ('{"loss": "1.5"}', "loss", "expected a number"),
    ('{"loss": []}', "loss", "has no loss"),
]


@pytest.mark.parametrize(("text", "key", "message"), BAD)
def test_what_has_none_says_why(tmp_path: Path, text: str, key: str, message: str) -> None:
    path = tmp_path / "log"
    path.write_text(text)
    with pytest.raises(NoLoss, match=message) as caught:
        loss_in(path, key)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NoLoss, match="is not JSON"):
        loss_in(path, "loss")
