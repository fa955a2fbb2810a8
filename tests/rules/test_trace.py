"""Roles and fans are read off from use, whatever the tensor's layout."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mutransfer_cli.errors import InputError
from tests.rules.zoo import Conv1D, Heads, Language, Net, Raw, tokens, traced, vectors


def test_plain_layers() -> None:
    family = traced(lambda w: Net(w, nn.Linear(w, w)), vectors())
    roles = {t.name: t.role for t in family.tensors}
    assert roles == {
        "first.weight": "input",
        "first.bias": "vector",
        "hidden.weight": "hidden",
        "hidden.bias": "vector",
        "last.weight": "readout",
        "last.bias": "scalar",
    }


# (in, out) dimensions of the weight, by the definition of each layer
@pytest.mark.parametrize(
    ("how", "into", "out"),
    [
        ("transpose", (1,), (0,)),
        ("einsum", (1,), (0,)),
        ("left", (1,), (0,)),
        ("scaled", (1,), (0,)),
        ("slices", (1,), (0,)),
    ],
)
def test_raw_parameters(how: str, into: tuple[int, ...], out: tuple[int, ...]) -> None:
    tensor = traced(lambda w: Net(w, Raw(w, how)), vectors()).tensor("hidden.w")
    assert (tensor.role, tensor.in_dims, tensor.out_dims) == ("hidden", into, out)


def test_transposed_layer_of_gpt2() -> None:
    family = traced(lambda w: Net(w, Conv1D(w, w)), vectors())
    tensor = family.tensor("hidden.weight")
    assert (tensor.role, tensor.in_dims, tensor.out_dims) == ("hidden", (0,), (1,))
    assert family.tensor("hidden.bias").role == "vector"


def test_rectangular_fans() -> None:
    both = traced(
        lambda w: Net(w, nn.Sequential(nn.Linear(w, 4 * w), nn.Linear(4 * w, w))), vectors()
    )
    assert both.tensor("hidden.0.weight").fans((32, 8)) == (8, 32)
    assert both.tensor("hidden.1.weight").fans((8, 32)) == (32, 8)


def test_convolution_counts_its_kernel() -> None:
    def make(width: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(3, width, 3), nn.Conv2d(width, width, 3), nn.Flatten(), nn.Linear(width, 2)
        )

    family = traced(make, torch.randn(2, 3, 5, 5))
    assert [t.role for t in family.tensors if t.name.endswith("weight")] == [
        "input",
        "convolution",
        "readout",
    ]
    assert family.tensor("1.weight").fans((8, 8, 3, 3)) == (72, 8)


def test_torch_multihead_attention() -> None:
    class Attend(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.a = nn.MultiheadAttention(width, 2, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.a(x[None], x[None], x[None], need_weights=False)[0][0]
            return y

    family = traced(lambda w: Net(w, Attend(w)), vectors())
    assert family.tensor("hidden.a.in_proj_weight").role == "hidden"
    assert family.tensor("hidden.a.out_proj.weight").role == "hidden"


def test_tied_readout_has_both_uses() -> None:
    for tied in ("module", "functional"):
        family = traced(lambda w, tied=tied: Language(w, tied), tokens())
        assert family.tensor("wte.weight").role == "tied"


def test_shared_layer_is_not_tied() -> None:
    class Twice(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.layer = nn.Linear(width, width)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.layer(torch.relu(self.layer(x)))
            return y

    assert traced(lambda w: Net(w, Twice(w)), vectors()).tensor("hidden.layer.weight").role == (
        "hidden"
    )


def test_unused_parameter_is_an_error_that_names_it() -> None:
    class Idle(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.spare = nn.Parameter(torch.zeros(width))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    with pytest.raises(InputError, match=r"hidden\.spare: not used .*roles: \[\{match: 'hidden"):
        traced(lambda w: Net(w, Idle(w)), vectors())
    family = traced(lambda w: Net(w, Idle(w)), vectors(), roles=[("*.spare", "fixed")])
    assert family.tensor("hidden.spare").role == "fixed"


def test_attention_scale_and_growing_heads_are_seen() -> None:
    family = traced(lambda w: Heads(w, "1/d"), tokens())
    assert family.attention[0].head_size == 4  # width 8, 2 heads
    assert family.attention[0].scale == 0.25
    assert (family.head_growth, family.scale_growth) == (2.0, 0.5)
