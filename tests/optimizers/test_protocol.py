"""The optimizers of the catalog: their implementations, groups and the tensors that they train."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mutransfer_cli.catalog.optimizers import OPTIMIZERS, OptimizerEntry
from mutransfer_cli.errors import InputError
from mutransfer_cli.optimizers.geometry import (
    FIXED_NORM,
    FIXED_NORM_SPECTRAL,
    GRADIENT,
    RELATIVE,
    SIGN,
    SPECTRAL,
)
from mutransfer_cli.optimizers.protocol import (
    GroupHyperparameters,
    OptimizerSpec,
    optimizer_of,
    optimizer_spec,
)
from tests.helpers import registries

NAMES = OPTIMIZERS.names
HYPERPARAMETERS = GroupHyperparameters(betas=(0.8, 0.9), eps=1e-7, momentum=0.7, nesterov=True)


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_has_the_name_of_its_row(name: str) -> None:
    assert optimizer_spec(name).name == name


@pytest.mark.parametrize("name", NAMES)
def test_the_class_takes_the_groups(name: str) -> None:
    """A step of the class with the options of a group, for all optimizers that have a class."""
    spec = optimizer_spec(name)
    found = spec.torch_class()
    if found is None:
        assert name == "muon"  # torch has it since 2.9
        return
    p = nn.Parameter(torch.ones(4, 3))
    options = spec.group_options(HYPERPARAMETERS)
    optimizer = found([{"params": [p], "lr": 0.1, "weight_decay": 0.0, **options}])  # type: ignore[call-arg]  # Optimizer has none of its own
    for _ in range(1 + OPTIMIZERS[name].initial_steps):
        p.grad = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
        optimizer.step()
    assert not torch.equal(p, torch.ones(4, 3))
    group = optimizer.param_groups[0]
    assert {key: group[key] for key in options} == options


@pytest.mark.parametrize("name", NAMES)
def test_the_row_names_the_options_of_the_groups(name: str) -> None:
    """Those of the tensors that it leaves to another optimizer too, with a rate of their own."""
    row = OPTIMIZERS[name]
    assert row.takes is not None
    specs = [optimizer_spec(name), *([optimizer_spec(row.leaves_to)] if row.leaves_to else [])]
    options = {key for spec in specs for key in spec.group_options(HYPERPARAMETERS)}
    options -= {"decoupled_weight_decay", "weight_decouple"}  # switches, which are always on
    for own, key in (("alpha", "betas"), ("matrix_eps", "eps")):  # RMSprop's beta2, Shampoo's
        if own in options:
            options = options - {own} | {key}
    own_rate = {"adamw_lr"} if row.leaves_to else set()
    assert set(row.takes) == {"lr", "weight_decay"} | own_rate | (options - {"nesterov"})


@pytest.mark.parametrize(
    ("name", "geometry", "epsilon"),
    [
        # Adam's and SOAP's epsilon is added to the root of the second moment of an entry, that of
        # Muon to a Frobenius norm; Shampoo's to a sum of outer products, whose root has that size
        ("adamw", SIGN, 0.5),
        ("adam", SIGN, 0.5),
        ("soap", SPECTRAL, 0.5),
        ("muon", SPECTRAL, 3.0),
        ("shampoo", SPECTRAL, 3.0),
        ("nadamw", SIGN, 0.5),
        ("rmsprop", SIGN, 0.5),
        ("adamax", SIGN, 0.5),
        ("adagrad", SIGN, 0.5),
        ("radam", SIGN, 0.5),
        ("adopt", SIGN, 0.5),
        ("schedulefree-adamw", SIGN, 0.5),
        ("sophia", SIGN, 0.5),
        ("lion", SIGN, None),
        ("sgd", GRADIENT, None),
        ("adafactor", RELATIVE, None),
        ("adamh", FIXED_NORM, 0.5),
        ("muonh", FIXED_NORM_SPECTRAL, 3.0),
    ],
)
def test_geometry_and_epsilon(name: str, geometry: object, epsilon: float | None) -> None:
    spec = optimizer_spec(name)
    assert spec.geometry == geometry
    assert spec.planned_eps(1.0, entry_size=0.5, norm_size=3.0) == epsilon


def test_muon_trains_hidden_matrices_and_leaves_the_rest_to_adamw() -> None:
    muon, adamw = optimizer_spec("muon"), optimizer_spec("adamw")
    assert optimizer_of(muon, "hidden", (4, 4)) is muon
    for role, shape in (("hidden", (2, 4, 4)), ("input", (4, 3)), ("vector", (4,))):
        assert optimizer_of(muon, role, shape) is adamw
    assert optimizer_of(adamw, "hidden", (4, 4)) is adamw


def test_an_unknown_optimizer_is_named_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"adamw .*found 'adamx'.*did you mean 'adam") as raised:
        optimizer_spec("adamx")
    assert raised.value.path == ("optimizer", "name")


def test_an_implementation_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    row = OptimizerEntry(name="wrong", summary="", implementation="torch.optim:SGD")
    registries.add(monkeypatch, OPTIMIZERS, row)
    with pytest.raises(InputError, match="wrong: its implementation is not an OptimizerSpec"):
        optimizer_spec("wrong")


def test_the_simplest_spec_takes_a_rate_and_a_decay() -> None:
    spec = OptimizerSpec(name="toy", geometry=SIGN)
    assert spec.group_options(HYPERPARAMETERS) == {}
    assert spec.torch_class() is None
    assert spec.trains("vector", (3,)) and spec.lr_shape_factor((9, 1)) == 1.0
