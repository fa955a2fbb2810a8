from __future__ import annotations

import struct
from pathlib import Path

import pytest

pytest.importorskip("wandb", reason="the package wandb is not installed")

import wandb
from wandb.proto import wandb_internal_pb2

from mutransfer_cli.errors import InputError
from mutransfer_cli.search.loggers.trial_log import TrialLog
from mutransfer_cli.search.loggers.wandb import WandbLogger

TRIAL = TrialLog(
    "0123456789ab", "width-8", {"lr": 0.5, "width": 8}, ((0, 2.0), (3, 1.0)), "finished",
    {"loss": 0.75}, None,
)  # fmt: skip


BLOCK, FILE_HEADER, RECORD_HEADER = 32768, 7, 7  # bytes
WHOLE, LAST = 1, 4  # kinds of a part of a record


def messages(file: Path) -> list[wandb_internal_pb2.Record]:
    """What an offline run's file holds: records in the format of LevelDB's log."""
    data, at, parts, pending = file.read_bytes(), FILE_HEADER, [], b""
    while at + RECORD_HEADER <= len(data):
        if BLOCK - at % BLOCK < RECORD_HEADER:
            at += BLOCK - at % BLOCK
            continue
        length, kind = struct.unpack("<HB", data[at + 4 : at + RECORD_HEADER])
        at += RECORD_HEADER
        pending += data[at : at + length]
        at += length
        if kind in (WHOLE, LAST):
            message = wandb_internal_pb2.Record()
            message.ParseFromString(pending)
            parts.append(message)
            pending = b""
    return parts


def test_a_trial_as_an_offline_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    logger = WandbLogger(tmp_path, "study")
    logger.log(TRIAL)
    logger.close()
    (file,) = (tmp_path / "wandb").glob("offline-run-*-study-0123456789ab/*.wandb")
    parts = messages(file)
    run = next(m.run for m in parts if m.HasField("run"))
    assert (run.project, run.display_name) == ("study", "width-8")
    config = {item.key: item.value_json for item in run.config.update}
    assert (config["lr"], config["width"]) == ("0.5", "8")
    history = [
        {item.key or item.nested_key[0]: item.value_json for item in m.history.item}
        for m in parts
        if m.HasField("history")
    ]
    assert [(h["_step"], h["train/loss"]) for h in history] == [("0", "2"), ("3", "1")]
    summary = {
        item.key or item.nested_key[0]: item.value_json
        for m in parts
        if m.HasField("summary")
        for item in m.summary.update
    }
    assert (summary["state"], summary["loss"]) == ('"finished"', "0.75")
    assert [m.exit.exit_code for m in parts if m.HasField("exit")] == [0]


def test_without_a_login_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise wandb.errors.UsageError("No API key configured.")

    monkeypatch.setattr(wandb, "login", refuse)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.chdir(tmp_path)
    wandb.teardown()
    with pytest.raises(InputError, match=r"--log wandb: No API key.*WANDB_MODE=offline"):
        WandbLogger(tmp_path, "study")
    wandb.teardown()
