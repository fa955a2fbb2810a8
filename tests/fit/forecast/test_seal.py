"""Seals: what a digest covers, and which forecasts are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.forecast.seal import (
    canonical_digest,
    keep,
    kept_folder,
    read_forecast,
    write_forecast,
)
from tests.helpers.forecasts import forecast


def test_the_digest_is_that_of_canonical_json() -> None:
    # keys sorted, no white space, without the digest: printf '{"a":[1,2.5],"b":"ü"}' | sha256sum
    values = {"b": "ü", "digest": "anything", "a": [1, 2.5]}
    by_coreutils = "4453b0fd66ce6d24961a872aec6287c1734cf61c1ef8115c234c7ecc3a5571ca"
    assert canonical_digest(values) == by_coreutils
    assert canonical_digest({**values, "a": [1, 2.6]}) != canonical_digest(values)


def test_round_trip(tmp_path: Path) -> None:
    made = forecast()
    write_forecast(made, tmp_path / "f.json")
    assert read_forecast(tmp_path / "f.json") == made
    assert made.made == "2026-03-01T12:00:00+00:00"
    assert made.versions is not None and {"mutransfer", "numpy"} <= made.versions.keys()


@pytest.mark.parametrize(
    "edit",
    [
        lambda v: v["loss"].update(high=2.5),
        lambda v: v["optimum"]["lr"].update(value=0.02),
        lambda v: v.update(made="2025-01-01T00:00:00+00:00"),
        lambda v: v["runs"].update(digest="1" * 64),
        lambda v: v["versions"].update(numpy="0"),
        lambda v: v["target"].update(width=512),
        lambda v: v.update(digest="f" * 64),
        lambda v: v.update(remark="a field that was added"),
    ],
)
def test_an_edited_forecast_is_refused(tmp_path: Path, edit: object) -> None:
    path = tmp_path / "f.json"
    write_forecast(forecast(), path)
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values))  # the form of the text does not matter
    read_forecast(path)
    edit(values)  # type: ignore[operator]
    path.write_text(json.dumps(values))
    with pytest.raises(InputError, match="was edited after it was sealed"):
        read_forecast(path)


def test_a_forecast_that_was_sealed_again_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "runs.csv"
    table.write_text("width,lr,loss\n")
    runs = forecast().runs
    assert runs is not None
    own = forecast()
    own = own.model_copy(update={"runs": runs.model_copy(update={"source": str(table)})})
    values = json.loads(own.model_dump_json(by_alias=True))
    own = own.model_copy(update={"digest": canonical_digest(values)})
    path = tmp_path / "f.json"
    write_forecast(own, path)
    read_forecast(path)  # nothing is kept beside the table: nothing to compare with
    assert keep(own, table).parent == kept_folder(table) == tmp_path / "runs.forecasts"
    read_forecast(path)
    values = json.loads(path.read_text())
    values["loss"]["high"] = 2.5
    values["digest"] = canonical_digest(values)
    path.write_text(json.dumps(values))
    with pytest.raises(InputError, match=r"is kept in .*; it was sealed again"):
        read_forecast(path)


@pytest.mark.parametrize("size", [0, -1, -0.5])
def test_a_target_without_a_size_is_refused(tmp_path: Path, size: float) -> None:
    path = tmp_path / "f.json"
    write_forecast(forecast(), path)
    values = json.loads(path.read_text())
    for target in (1024, size):  # the control: a size that a model can have
        values["target"]["width"] = target
        values["digest"] = canonical_digest(values)
        path.write_text(json.dumps(values))
        if target > 0:
            read_forecast(path)
    with pytest.raises(InputError, match=r"target\.width: expected a positive size, found"):
        read_forecast(path)


@pytest.mark.parametrize("made", [None, "x", 1, "2026-03-01", "2026-03-01T12:00:00"])
def test_a_forecast_without_a_date_is_refused(tmp_path: Path, made: object) -> None:
    path = tmp_path / "f.json"
    write_forecast(forecast(), path)
    values = json.loads(path.read_text())
    values["made"] = made
    values["digest"] = canonical_digest(values)
    path.write_text(json.dumps(values))
    with pytest.raises(InputError, match="made"):
        read_forecast(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    path.write_text('{"schema": "mutransfer/fit/v1"}')
    with pytest.raises(InputError, match="not a forecast"):
        read_forecast(path)
    path.write_text(json.dumps({"schema": "", "digest": None, "made": None, "runs": None}))
    with pytest.raises(InputError, match="a prediction without a seal"):
        read_forecast(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_forecast(tmp_path / "none.json")


def test_a_run_keeps_its_forecasts(tmp_path: Path) -> None:
    path = keep(forecast(), tmp_path)
    assert path.parent == tmp_path / "forecasts"
    assert path.stem == (forecast().digest or "")[:12]
