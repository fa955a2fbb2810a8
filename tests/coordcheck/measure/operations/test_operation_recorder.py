"""Which torch functions use a parameter, and what else they read and return."""

from __future__ import annotations

import gc
import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from mutransfer_cli.coordcheck.measure.operations.operation import Operation
from mutransfer_cli.coordcheck.measure.recorder import recording


class Raw(nn.Module):
    """Parameters of its own, used in every manner."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.b = nn.Parameter(torch.randn(3, 4)), nn.Parameter(torch.randn(3))
        self.experts = nn.Parameter(torch.randn(2, 3, 3))
        self.gain, self.masked = nn.Parameter(torch.ones(3)), nn.Parameter(torch.randn(3, 3))
        self.head = nn.Linear(3, 2)
        self.register_buffer("mask", torch.eye(3))

    def forward(self, x: Tensor) -> Tensor:
        h = x @ self.w.T / 4 + self.b
        h = h @ self.experts[0] + h @ self.experts[1]
        y: Tensor = self.head((h * self.gain) @ (self.masked * self.mask)) * 3
        return y


def recorded(model: nn.Module, x: Tensor) -> dict[str, list[Operation]]:
    with recording(model) as calls:
        model(x).square().sum().backward()
    return calls.operations


def test_functions_operands_and_factors() -> None:
    torch.manual_seed(0)
    model = Raw()
    found = recorded(model, torch.randn(5, 4))
    names = {name: [op.name for op in ops] for name, ops in found.items()}
    assert names == {
        "w": ["matmul"],
        "b": ["add"],
        "experts": ["matmul", "matmul"],
        "gain": ["mul"],
        "masked": ["matmul"],  # where the masked weight acts
        "head.weight": ["linear"],
        "head.bias": ["linear"],
    }
    assert found["w"][0].inside == 0.25 and found["w"][0].outside == 1.0
    # what the caller of `head` does with its output is outside of it
    assert (found["head.weight"][0].inside, found["head.weight"][0].outside) == (1.0, 3.0)


def test_results_for_other_values_and_gradients() -> None:
    """Changing an expert by d changes its result by x d; the gradient is that of autograd."""
    torch.manual_seed(0)
    model, x = Raw(), torch.randn(5, 4)
    operations = recorded(model, x)
    h = x @ model.w.T / 4 + model.b
    change = torch.randn(2, 3, 3)
    value = model.experts.detach()
    for number, op in enumerate(operations["experts"]):
        difference = op.run(value + change) - op.run(value)
        torch.testing.assert_close(difference, (h @ change[number]).detach())
    op = operations["gain"][0]
    assert op.gradient is not None and op.operand is not None
    torch.testing.assert_close((op.gradient * op.leaves[op.operand]).sum(0), model.gain.grad)


def test_checkpoints() -> None:
    """What is repeated in the backward pass is recorded once, or not at all without gradients."""

    class Checkpointed(nn.Module):
        def __init__(self, reentrant: bool) -> None:
            super().__init__()
            self.first, self.raw = nn.Linear(4, 3), nn.Parameter(torch.randn(3, 3))
            self.reentrant = reentrant

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = checkpoint(
                lambda h: F.relu(h @ self.raw) @ self.raw,
                self.first(x),
                use_reentrant=self.reentrant,
            )
            return y

    operations = recorded(Checkpointed(False), torch.randn(5, 4))
    assert len(operations["raw"]) == 2
    assert all(op.gradient is not None for op in operations["raw"])
    assert "raw" not in recorded(Checkpointed(True), torch.randn(5, 4))


def test_a_recorded_pass_is_freed() -> None:
    """No tensor of a pass outlives its record: hooks in the graph hold nothing that holds it."""
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))

    def alive() -> int:
        gc.collect()
        return sum(type(o) is Tensor for o in gc.get_objects())

    counts = []
    for _ in range(3):
        with recording(model) as calls:
            model(torch.randn(3, 4)).pow(2).mean().backward()
        assert calls.operations["0.weight"][0].gradient is not None
        del calls
        counts.append(alive())
    assert counts[0] == counts[1] == counts[2]


class Modulated(nn.Module):
    """A convolution with a weight that a style multiplies, and a gain on activations."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.gain = nn.Parameter(torch.randn(3, 3, 1, 1)), nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.w * (x.mean((0, 2, 3)) + 1).view(1, 3, 1, 1).expand(1, 3, 1, 1)
        return F.conv2d(x * self.gain[:, None, None], (weight + 0).reshape(3, 3, 1, 1))


def test_a_modulated_weight_is_judged_by_its_module() -> None:
    """Entry by entry its effect says nothing of the sum; a gain's does."""
    torch.manual_seed(0)
    found = recorded(Modulated(), torch.randn(2, 3, 4, 4, requires_grad=True))
    assert {name: [op.name for op in ops] for name, ops in found.items()} == {"gain": ["mul"]}


class ComplexState(nn.Module):
    """Complex weights that are kept as pairs of real numbers, as state-space layers keep theirs."""

    def __init__(self) -> None:
        super().__init__()
        self.c = nn.Parameter(torch.randn(3, 4, 2))

    def forward(self, x: Tensor) -> Tensor:
        c = torch.view_as_complex(self.c)
        states = torch.complex(x, 2 * x)
        y: Tensor = (states @ c.T).real + (states @ c[:2].conj().mT).imag.sum()
        return y


def test_pairs_that_are_read_as_complex_numbers() -> None:
    """With C = a + ib, a change of C changes x (1 + 2i) C^T and x (1 + 2i) conj(C)^T by as much."""
    torch.manual_seed(0)
    model, x = ComplexState(), torch.randn(5, 4)
    operations = recorded(model, x)["c"]
    assert [op.name for op in operations] == ["matmul", "matmul"]
    value, change = model.c.detach(), torch.randn(3, 4, 2)
    d = torch.complex(change[..., 0], change[..., 1])
    for op, weight in zip(operations, (d, d[:2].conj()), strict=True):
        difference = op.run(value + change) - op.run(value)
        torch.testing.assert_close(difference, (x + 2j * x) @ weight.mT)


class Computed(nn.Module):
    """A weight that is computed from two matrices and a gain."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.randn(3, 4)), nn.Parameter(torch.randn(3, 4))
        self.gain, self.how = nn.Parameter(torch.randn(3)), how
        self.register_buffer("points", torch.randn(4, 4))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.a * self.gain.exp()[:, None] + self.b
        if self.how == "random":
            weight = F.dropout(weight, 0.5)
        elif self.how == "in place":
            weight *= 2
        elif self.how == "layer on constants":
            weight = F.linear(self.points, weight).T
        return x @ weight.T


def test_computed_weights_act_where_an_activation_meets_them() -> None:
    """With W = a e^gain + b, a change of a, b or gain changes x W^T by that of W."""
    torch.manual_seed(0)
    model, x = Computed("plain"), torch.randn(5, 4)
    operations = recorded(model, x)
    assert {n: [op.name for op in ops] for n, ops in operations.items()} == {
        n: ["matmul"] for n in ("a", "b", "gain")
    }
    change, gain = torch.randn(3, 4), model.gain.detach()
    expected = {"a": change * gain.exp()[:, None], "b": change}
    for name, of_weight in expected.items():
        (op,) = operations[name]
        value = getattr(model, name).detach()
        difference = op.run(value + change) - op.run(value)
        torch.testing.assert_close(difference, x @ of_weight.T)
    (op,) = operations["gain"]
    torch.testing.assert_close(
        op.run(gain + 1) - op.run(gain), x @ (model.a * gain.exp()[:, None] * (math.e - 1)).T
    )


@pytest.mark.parametrize("how", ["random", "in place", "layer on constants"])
def test_what_cannot_be_computed_again_is_judged_by_its_module(how: str) -> None:
    """Other masks, values that were overwritten; a layer on constants has inputs of its own."""
    torch.manual_seed(0)
    assert recorded(Computed(how), torch.randn(5, 4)) == {}
