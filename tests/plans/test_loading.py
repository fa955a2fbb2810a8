"""Plans through files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.plans.loading import load_plan
from tests.helpers.planned_net import net_plan


def test_save_and_load(tmp_path: Path) -> None:
    plan = net_plan()
    plan.save(tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == plan


def test_another_document_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"schema": "other"}')
    with pytest.raises(InputError, match=r"bad\.json: schema is 'other'"):
        load_plan(tmp_path / "bad.json")


# Each value is impossible: torch's optimizers refuse it, or train without a word on nonsense.
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lr", -1.0),
        ("lr", float("nan")),
        ("init_std", -1.0),
        ("weight_decay", float("inf")),
        ("eps", float("nan")),
        ("multiplier", float("nan")),
    ],
)
def test_impossible_numbers_of_a_tensor(tmp_path: Path, field: str, value: float) -> None:
    file = tmp_path / "plan.json"
    net_plan().save(file)
    document = json.loads(file.read_text())
    tensor = next(t for t in document["tensors"] if t["name"] == "hidden.weight")
    tensor[field] = value
    file.write_text(json.dumps(document))
    with pytest.raises(InputError, match=rf"plan\.json: hidden\.weight: {field}: .*found") as error:
        load_plan(file)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("keys", "value", "where"),
    [
        (("base", "width"), 0, "base: width"),
        (("target", "steps"), -3, "target: steps"),
        (("betas",), [0.9, 1.5], "betas: 1"),
        (("momentum",), float("nan"), "momentum"),
        (("clip",), 0.0, "clip"),
        (("forward", "logit_scale"), float("inf"), "forward: logit_scale"),
        (("multipliers", "width"), 0.0, "multipliers: width"),
    ],
)
def test_impossible_numbers_of_a_plan(
    tmp_path: Path, keys: tuple[str, ...], value: Any, where: str
) -> None:
    file = tmp_path / "plan.json"
    net_plan().save(file)
    document = json.loads(file.read_text())
    part = document
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    file.write_text(json.dumps(document))
    with pytest.raises(InputError, match=rf"plan\.json: {where}: "):
        load_plan(file)
