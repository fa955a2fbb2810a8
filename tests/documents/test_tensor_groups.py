"""Groups of tensors that differ in the index of their layer alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from mutransfer_cli.documents.plan import TensorDocument
from mutransfer_cli.documents.tensor_groups import grouped, labels, shown_inits


@dataclass(frozen=True)
class Tensor:
    name: str
    lr: float = 1.0


LAYERS = [Tensor(f"h.{i}.up.weight") for i in range(12)]


def test_layers_are_one_group() -> None:
    groups = grouped([Tensor("head.weight"), *LAYERS], lambda t: t.lr)
    assert [(name, len(members)) for name, members in groups] == [
        ("head.weight", 1),
        ("h.*.up.weight ×12", 12),
    ]


def test_a_layer_with_another_number_is_not_hidden() -> None:
    groups = grouped([*LAYERS[:-1], Tensor(LAYERS[-1].name, 2.0)], lambda t: t.lr)
    assert [name for name, _ in groups] == ["h.*.up.weight ×11", "h.11.up.weight"]


def test_every_tensor() -> None:
    assert len(grouped(LAYERS, lambda t: t.lr, every=True)) == 12


def test_labels() -> None:
    assert labels([*LAYERS[:2], Tensor("h.0.down.weight")]) == [
        "h.*.up.weight ×2",
        "h.0.down.weight",
    ]


def plan_row(layer: int, std: float | None, init: str = "rescale") -> TensorDocument:
    shape = (64, 64)  # 4,096 entries: a standard error of 1.1 %, layers within 6.6 % are alike
    return TensorDocument(
        name=f"h.{layer}.up.weight",
        role="hidden",
        shape=shape,
        base_shape=shape,
        growing=(0, 1),
        fan_in=64,
        fan_out=64,
        init=init,  # type: ignore[arg-type]  # a string of the test
        init_std=std,
        multiplier=1,
        lr=1,
        weight_decay=0,
        eps=None,
        source="",
    )


def test_layers_that_differ_by_their_draw_show_one_init() -> None:
    shown = shown_inits([plan_row(0, 0.100), plan_row(1, 0.104), plan_row(2, 0.102)])
    mean = math.sqrt((0.100**2 + 0.104**2 + 0.102**2) / 3)
    assert list(shown.values()) == [pytest.approx(mean)] * 3


def test_layers_that_differ_by_more_do_not() -> None:
    """GPT-2's habit for the last layers; and inits by a rule, which no draw blurs."""
    shown = shown_inits(
        [plan_row(0, 0.10), plan_row(1, 0.10 / math.sqrt(2)), plan_row(2, None, init="keep")]
    )
    assert list(shown.values()) == [pytest.approx(0.10), pytest.approx(0.10 / math.sqrt(2)), None]
    exact = shown_inits([plan_row(0, 0.100, "normal"), plan_row(1, 0.104, "normal")])
    assert list(exact.values()) == [0.100, 0.104]
