"""Callables that cannot be checked say so in a line."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli import InputError, Subject, check
from tests.helpers.check_subjects import WIDTHS, failed, subject


def test_what_cannot_be_checked_is_said() -> None:
    with pytest.raises(InputError, match="gives no loss and batch"):
        check(lambda width: nn.Linear(width, 2), WIDTHS)
    with pytest.raises(InputError, match="takes no argument `width`"):
        check(lambda size: nn.Linear(size, 2), WIDTHS)
    with pytest.raises(InputError, match="unknown option 'sedes'"):
        check(subject(), WIDTHS, sedes=3)


def test_what_cannot_step_is_no_optimizer() -> None:
    def build(width: int, seed: int) -> Subject:
        made = subject()(width, seed)
        return Subject(made.model, {"lr": 1e-3}, made.loss, made.batch)

    with pytest.raises(InputError, match="param_groups and step"):
        check(build, WIDTHS)


def test_losses_batches_and_lists_of_optimizers_that_are_none() -> None:
    """What a recipe's callable is told, a callable that is checked by itself is told as well."""
    made = subject()(64, 0)
    for change, line in (
        ({"batch": lambda: made.batch(0)}, "its batch.0.: TypeError: .* 1 was given"),
        ({"batch": lambda seed: None}, "returned no examples"),
        ({"loss": lambda model, batch: None}, "its loss is None"),
        ({"optimizer": []}, "list of optimizers is empty"),
    ):
        parts = {"optimizer": made.optimizer, "loss": made.loss, "batch": made.batch, **change}
        with pytest.raises(InputError, match=line) as caught:
            check(lambda width, parts=parts: Subject(made.model, **parts), WIDTHS)  # type: ignore[misc]  # bound early
        assert "\n" not in str(caught.value)


class GraphNet(nn.Module):
    """Two graph convolutions with raw weights, behind a matrix between the nodes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(6, width) / 6**0.5)
        self.second = nn.Parameter(torch.randn(width, width) / width**0.5)
        self.head = nn.Linear(width, 5)
        nn.init.normal_(self.head.weight, std=1 / width)

    def forward(self, x: Tensor, neighbors: Tensor) -> Tensor:
        h = torch.relu(neighbors @ (x @ self.first))
        logits: Tensor = self.head(torch.relu(neighbors @ (h @ self.second)))
        return logits


@pytest.mark.parametrize("is_sparse", [True, False])
@pytest.mark.parametrize("wrong", [False, True])
def test_a_graph_with_a_matrix_between_its_nodes(is_sparse: bool, wrong: bool) -> None:
    """20 nodes, features, adjacency and labels have 20 rows each, and cannot be cut."""

    def build(width: int) -> Subject:
        model, m = GraphNet(width), width / WIDTHS[0]
        scaled = {id(model.head.weight)} if wrong else {id(model.second), id(model.head.weight)}
        groups = [
            {"params": [p], "lr": 1e-3 / (m if id(p) in scaled else 1)} for p in model.parameters()
        ]

        def batch(seed: int) -> tuple[Tensor, Tensor, Tensor]:
            generator = torch.Generator().manual_seed(seed)
            x = torch.randn(20, 6, generator=generator)
            neighbors = 0.5 * (torch.rand(20, 20, generator=generator) < 0.2)
            labels = torch.randint(0, 5, (20,), generator=generator)
            return x, neighbors.to_sparse() if is_sparse else neighbors, labels

        def loss(model: nn.Module, b: tuple[Tensor, Tensor, Tensor]) -> Tensor:
            return nn.functional.cross_entropy(model(b[0], b[1]), b[2])

        return Subject(model, torch.optim.Adam(groups, eps=1e-12), loss, batch)

    assert failed(check(build, WIDTHS)) == ({"second": "lr-too-large"} if wrong else {})


class Members(nn.Module):
    """An ensemble: three networks mapped over their stacked weights."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(3, width, 16) / 4)
        self.hidden = nn.Parameter(torch.randn(3, width, width) / width**0.5)
        self.last = nn.Parameter(torch.randn(3, 8, width) / width)

    def forward(self, x: Tensor) -> Tensor:
        def member(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
            return F.linear(F.relu(F.linear(F.relu(F.linear(x, a)), b)), c)

        return torch.vmap(member)(self.first, self.hidden, self.last).mean(0)


@pytest.mark.parametrize("wrong", [False, True])
def test_weights_inside_vmap(wrong: bool) -> None:
    """Adam: hidden matrices and readouts learn with 1/m, here also in stacks."""

    def build(width: int) -> Subject:
        model = Members(width)
        scaled = {"last"} if wrong else {"hidden", "last"}
        groups = [
            {"params": [p], "lr": 1e-3 * (32 / width if n in scaled else 1.0)}
            for n, p in model.named_parameters()
        ]

        def batch(seed: int) -> tuple[Tensor, Tensor]:
            g = torch.Generator().manual_seed(seed)
            return torch.randn(8, 16, generator=g), torch.randint(0, 8, (8,), generator=g)

        def loss(model: nn.Module, b: tuple[Tensor, Tensor]) -> Tensor:
            return F.cross_entropy(model(b[0]), b[1])

        return Subject(model, torch.optim.Adam(groups, eps=1e-12), loss, batch)

    report = check(build, (32, 64, 128))
    found = {t.name: t.finding for t in report.tensors if t.verdict == "fail"}
    assert found == ({"hidden": "lr-too-large"} if wrong else {})
