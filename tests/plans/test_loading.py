"""Plans through files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli import plan
from mutransfer_cli.errors import InputError
from mutransfer_cli.plans.loading import load_plan
from tests.helpers.planned_net import Net, inputs, net_plan

NUMBERS = ("lr", "init_std", "weight_decay", "eps", "multiplier")


def test_save_and_load(tmp_path: Path) -> None:
    made = net_plan()
    made.save(tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == made


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
        *((field, True) for field in NUMBERS),
        *((field, "0.1") for field in NUMBERS),
        *((field, n) for field in ("fan_in", "fan_out") for n in (-1, 0, 10**400, True, "64", 1.5)),
        ("role", "foreign"),
        ("role", ""),
        ("name", ""),
        ("shape", 64),
    ],
)
def test_impossible_values_of_a_tensor(tmp_path: Path, field: str, value: Any) -> None:
    file = tmp_path / "plan.json"
    net_plan().save(file)
    document = json.loads(file.read_text())
    tensor = next(t for t in document["tensors"] if t["name"] == "hidden.weight")
    tensor[field] = value
    file.write_text(json.dumps(document))
    where = r"tensors\.\d" if field == "name" else r"hidden\.weight"
    with pytest.raises(InputError, match=rf"plan\.json: {where}: {field}: .*found") as error:
        load_plan(file)
    assert "\n" not in str(error.value) and "uple" not in str(error.value)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"shape": []}, r"shape is \[\] and base_shape \[16, 16\]: expected as many dimensions"),
        ({"shape": [64]}, r"shape is \[64\] and base_shape \[16, 16\]: expected as many"),
        ({"base_shape": []}, r"shape is \[64, 64\] and base_shape \[\]: expected as many"),
        ({"shape": [], "base_shape": [], "growing": []}, "shape is empty, .* beside fan_in 64"),
        ({"growing": [2]}, r"growing is \[2\]: expected indices of shape \[64, 64\]"),
        ({"growing": [0, 0]}, r"growing is \[0, 0\]: expected .*, each once"),
        ({"init": "normal", "init_std": None}, "init is normal and init_std null: expected"),
        ({"init": "rescale", "init_std": None}, "init is rescale and init_std null: expected"),
    ],
)
def test_values_of_a_tensor_that_contradict_each_other(
    tmp_path: Path, values: dict[str, Any], said: str
) -> None:
    file = tmp_path / "plan.json"
    net_plan().save(file)
    document = json.loads(file.read_text())
    next(t for t in document["tensors"] if t["name"] == "hidden.weight").update(values)
    file.write_text(json.dumps(document))
    with pytest.raises(InputError, match=rf"plan\.json: hidden\.weight: {said}"):
        load_plan(file)


def test_a_tensor_that_is_listed_twice(tmp_path: Path) -> None:
    """Which of the two entries holds could not be told."""
    file = tmp_path / "plan.json"
    net_plan().save(file)
    document = json.loads(file.read_text())
    document["tensors"].append({**document["tensors"][0], "lr": 0.5})
    file.write_text(json.dumps(document))
    with pytest.raises(
        InputError, match=r"tensors: 'first\.weight' is listed twice: expected each"
    ):
        load_plan(file)


def test_a_single_number_has_no_dimensions(tmp_path: Path) -> None:
    """The control: an empty shape is right for a learned temperature."""

    class Scaled(Net):
        def __init__(self, width: int) -> None:
            super().__init__(width)
            self.temperature = nn.Parameter(torch.tensor(1.0))

        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * self.temperature

    made = plan(
        Scaled,
        base={"width": 16},
        target={"width": 64},
        optimizer={"name": "adamw", "lr": 0.01},
        batch=(inputs(), torch.zeros(7, dtype=torch.long)),
    )
    made.save(tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == made
    assert made.tensor("temperature").shape == ()


def test_a_model_without_parameters() -> None:
    with pytest.raises(InputError, match="model: it has no parameters"):
        plan(
            lambda width: nn.Flatten(),
            base={"width": 16},
            target={"width": 64},
            optimizer={"name": "adamw", "lr": 0.01},
            batch=(inputs(), torch.zeros(7, dtype=torch.long)),
        )


@pytest.mark.parametrize(
    ("keys", "value", "where"),
    [
        (("base", "width"), 0, "base: width"),
        (("base", "width"), "64", "base: width"),
        (("base", "width"), True, "base: width"),
        (("target", "depth"), 64.0, "target: depth"),
        (("tensors",), [], "tensors"),
        (("nesterov",), "no", "nesterov"),
        (("betas",), ["0.9", 0.999], "betas: 0"),
        (("clip",), True, "clip"),
        (("forward", "logit_scale"), True, "forward: logit_scale"),
        (("optimizer",), "", "optimizer"),
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


# Names that nothing here knows, sites without a location or a value, and sizes that the numbers do
# not follow: the plan of net_plan() is for 4 times the base's width.
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer": "adamwx"}, r"optimizer: .*'adamwx'"),
        ({"adjust_lr": "foreign"}, r"adjust_lr: .*'foreign'"),
        ({"parameterization": "mupp"}, r"parameterization: .*'mupp'"),
        (
            {"sites": {"logit_scale": {"how": "input"}}},
            r"sites: logit_scale: how is input and modules is empty",
        ),
        (
            {"sites": {"logit_scale": {"how": "output", "modules": []}}},
            r"sites: logit_scale: how is output and modules is empty",
        ),
        (
            {"sites": {"logit_scale": {"how": "attribute", "modules": ["readout"]}}},
            r"sites: logit_scale: how is attribute and attribute is missing",
        ),
        (
            {"sites": {"other_scale": {"how": "input", "modules": ["readout"]}}},
            r"sites: other_scale: expected a value for it in forward",
        ),
    ],
)
def test_names_and_sites_that_mean_nothing(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    file = tmp_path / "plan.json"
    net_plan().save(file)
    document = json.loads(file.read_text())
    file.write_text(json.dumps({**document, **changes}))
    with pytest.raises(InputError, match=rf"plan\.json: {message}") as error:
        load_plan(file)
    assert "\n" not in str(error.value)


def test_an_unknown_optimizer_of_one_tensor(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    net_plan().save(file)
    document = json.loads(file.read_text())
    document["tensors"][0]["optimizer"] = "muonn"
    file.write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"plan\.json: optimizer: .*'muonn'.*muon"):
        load_plan(file)


@pytest.mark.parametrize(("size", "name"), [("width", "width"), ("batch", "batch")])
@pytest.mark.parametrize("which", ["base", "target"])
def test_sizes_that_were_edited_beside_old_numbers(
    tmp_path: Path, which: str, size: str, name: str
) -> None:
    file = tmp_path / "plan.json"
    net_plan().save(file)
    document = json.loads(file.read_text())
    document[which][size] *= 2
    file.write_text(json.dumps(document))
    with pytest.raises(InputError, match=rf"plan\.json: multipliers: {name}: found .* but base"):
        load_plan(file)
    # a rate that was edited is final: it is taken as it is
    document[which][size] //= 2
    document["tensors"][0]["lr"] = 0.123
    file.write_text(json.dumps(document))
    assert load_plan(file).tensors[0].lr == 0.123
