"""Roles and fans are read off from use, whatever the tensor's layout."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.tracing.torch_functions import einsum_parts
from mutransfer_cli.tracing.tracer import trace
from tests.helpers.traced_models import Conv1D, Heads, Language, Net, Raw, tokens, traced, vectors


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
        ("inner", (1,), (0,)),
        ("tensordot", (1,), (0,)),
        ("tensordot, last by first", (1,), (0,)),
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


class VmappedMask(nn.Module):
    """Masks its input by a function under vmap, as transformers 4 makes attention masks."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        positions = torch.arange(x.shape[-1])
        keep = torch.vmap(lambda p: (p + p.new_ones(())) * 2 >= 0)(positions)
        return self.linear(torch.where(keep, x, 0.0)) + x


def test_masks_made_under_vmap() -> None:
    """Tensors inside vmap have no storage that a tracer may look at."""
    family = traced(lambda w: Net(w, VmappedMask(w)), vectors())
    assert family.tensor("hidden.linear.weight").role == "hidden"
    assert family.ends == {"hidden.linear.weight", "hidden.linear.bias"}


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


@pytest.mark.parametrize("how", ["scores", "query", "both", "einsum", "in place", "sum"])
def test_attention_written_by_hand_is_seen(how: str) -> None:
    """4 heads of size 2 and 4 at widths 8 and 16; q·k times 2/d, wherever the factor stands."""

    class Written(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.first = nn.Linear(6, width)
            self.q, self.k = (nn.Linear(width, width) for _ in range(2))
            self.last = nn.Linear(width, 3)

        def forward(self, x: Tensor) -> Tensor:
            h = self.first(x)
            q, k, v = (t.unflatten(-1, (4, -1)).transpose(1, 2) for t in (self.q(h), self.k(h), h))
            s = 2 / q.shape[-1]
            mask = torch.ones(5, 5, dtype=torch.bool).triu(1)
            if how == "scores":
                w = (q @ k.mT / (1 / s)).masked_fill(mask, -1e9).softmax(-1)
            elif how == "query":
                w = torch.softmax(torch.matmul(q * s, k.transpose(-1, -2)).float(), -1)
            elif how == "both":
                w = nn.functional.softmax((q * s**0.5) @ (k * s**0.5).mT + mask * -1e9, dim=-1)
            elif how == "einsum":
                w = (torch.einsum("bhid,bhjd->bhij", q, k) * s).softmax(-1)
            elif how == "sum":
                w = ((s * q)[..., :, None, :] * k[..., None, :, :]).sum(dim=-1).softmax(-1)
            else:
                w = torch.bmm(q.flatten(0, 1), k.flatten(0, 1).mT).mul_(s).softmax(-1)
                w = w.view(2, 4, 5, 5)
            out: Tensor = self.last((w @ v).transpose(1, 2).flatten(2))
            return out

    family = traced(Written, torch.randn(2, 5, 6))
    (seen,) = family.attention
    assert (seen.head_size, seen.scale) == (2, pytest.approx(1.0))
    assert family.head_growth == 2.0
    assert family.scale_growth == pytest.approx(0.5)


def test_sums_of_three_activations_are_no_scores() -> None:
    """Causal linear attention as Performer computes it: the normalizer has fewer dimensions."""

    class Linear(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(6, width), nn.Linear(width, 3)

        def forward(self, x: Tensor) -> Tensor:
            h = self.first(x).exp()
            sums = torch.einsum("...nd,...ne->...nde", h, h).cumsum(-3)
            norm = 1 / torch.einsum("...nd,...nd->...n", h, h.cumsum(-2))
            out: Tensor = self.last(torch.einsum("...nde,...nd,...n->...ne", sums, h, norm))
            return out

    assert traced(Linear, torch.randn(2, 5, 6)).attention == ()


@pytest.mark.parametrize(
    ("labels", "parts"),
    [("...bd", ([3], [2])), ("b...d", ([3], [0])), ("bd...", ([1], [0]))],
)
def test_dimensions_of_an_ellipsis(labels: str, parts: tuple[list[int], list[int]]) -> None:
    """An ellipsis stands for the dimensions that no label names, wherever it is."""
    equation = f"{labels},de->{labels.replace('d', 'e')}"
    _, found = einsum_parts((equation, torch.ones(2, 3, 4, 5), torch.ones(5, 6)))
    assert found[0] == parts


def test_a_softmax_of_a_layer_is_no_attention() -> None:
    """A router's softmax is over a product with a parameter."""

    class Routed(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.first, self.gate = nn.Linear(6, width), nn.Linear(width, 4)

        def forward(self, x: Tensor) -> Tensor:
            return (self.gate(self.first(x)) * 0.5).softmax(-1)

    assert traced(Routed, torch.randn(2, 6)).attention == ()


def test_a_repeated_class_token_is_a_learned_input() -> None:
    """As ViTs have it: one vector, copied for every example of the batch, put before the rest."""

    class Classified(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.token = nn.Parameter(torch.randn(1, 1, width))
            self.first, self.last = nn.Linear(6, width), nn.Linear(width, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = torch.cat([self.token.repeat(len(x), 1, 1), self.first(x)], 1)
            y: Tensor = self.last(torch.tanh(x)[:, 0])
            return y

    family = traced(Classified, torch.randn(2, 5, 6))
    assert family.tensor("token").role in {"vector", "input"}  # the same exponents


def test_a_sum_over_another_dimension_is_no_attention() -> None:
    class Gated(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.first, self.gate = nn.Linear(6, width), nn.Linear(6, width)
            self.last = nn.Linear(width, 3)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.last((self.first(x) * self.gate(x)).sum(0).softmax(-1))
            return out

    assert traced(Gated, vectors()).attention == ()


def test_lazy_layers_need_their_shapes() -> None:
    model = nn.LazyLinear(4)
    with pytest.raises(InputError, match="parameter weight of a lazy layer has no shape yet"):
        trace(model, lambda: model(torch.ones(2, 3)))
    model(torch.ones(2, 3))
    assert trace(model, lambda: model(torch.ones(2, 3))).uses["weight"]
