"""Groups of tensors that differ in the index of their layer alone."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.documents.tensor_groups import grouped, labels


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
