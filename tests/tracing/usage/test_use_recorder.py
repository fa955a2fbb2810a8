"""Roles of the modules of torch.nn and of a ResNet by hand: what is summed over, what grows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli.errors import InputError
from tests.helpers.modules import MODULES, Around, Odd, Raw
from tests.helpers.resnet import BasicBlock, Bottleneck, ResNet
from tests.helpers.traced_models import Net, traced, vectors

VECTOR = ("vector", 1, None)  # a gain or bias: an input weight of fan-in 1
NORM = {"weight": VECTOR, "bias": VECTOR}
# At width 8: role, fan-in, fan-out (None: as many as it has entries). A convolution sums over its
# input channels and its kernel; a transposed one has its input channels first; recurrent weights
# stack their gates (3 of a GRU, 4 of an LSTM) along the output.
EXPECTED: dict[str, dict[str, tuple[str, int, int | None]]] = {
    "Bilinear": {"weight": ("hidden", 64, 8), "bias": VECTOR},
    "PReLU": {"weight": VECTOR},
    "one slope": {"weight": ("scalar", 1, 1)},
    "LayerNorm": NORM,
    "RMSNorm": {"weight": VECTOR},
    "BatchNorm1d": NORM,
    "GroupNorm": NORM,
    "InstanceNorm1d": NORM,
    "Conv1d": {"weight": ("convolution", 24, 16), "bias": VECTOR},
    "Conv2d": {"weight": ("convolution", 8, 8), "bias": VECTOR},
    "Conv3d": {"weight": ("convolution", 8, 8), "bias": VECTOR},
    "depthwise": {"weight": ("convolution", 3, 8), "bias": VECTOR},
    "in 4 groups": {"weight": ("convolution", 6, 8), "bias": VECTOR},
    "ConvTranspose1d": {"weight": ("convolution", 24, 16), "bias": VECTOR},
    "ConvTranspose2d": {"weight": ("convolution", 8, 8), "bias": VECTOR},
    "ConvTranspose3d": {"weight": ("convolution", 8, 8), "bias": VECTOR},
    "attention": {
        "in_proj_weight": ("hidden", 8, 24), "in_proj_bias": VECTOR,
        "out_proj.weight": ("hidden", 8, 8), "out_proj.bias": VECTOR,
    },
    "cross-attention": {  # keys and values come from inputs that do not grow
        "q_proj_weight": ("hidden", 8, 8), "k_proj_weight": ("input", 5, 8),
        "v_proj_weight": ("input", 7, 8), "out_proj.weight": ("hidden", 8, 8),
    },
    "encoder": {
        "self_attn.in_proj_weight": ("hidden", 8, 24), "self_attn.in_proj_bias": VECTOR,
        "self_attn.out_proj.weight": ("hidden", 8, 8), "self_attn.out_proj.bias": VECTOR,
        "linear1.weight": ("hidden", 8, 16), "linear1.bias": VECTOR,
        "linear2.weight": ("hidden", 16, 8), "linear2.bias": VECTOR,
        "norm1.weight": VECTOR, "norm1.bias": VECTOR, "norm2.weight": VECTOR, "norm2.bias": VECTOR,
    },
    "RNN": {
        "weight_ih_l0": ("hidden", 8, 8), "weight_hh_l0": ("hidden", 8, 8),
        "bias_ih_l0": VECTOR, "bias_hh_l0": VECTOR,
    },
    "GRU": {
        "weight_ih_l0": ("hidden", 8, 24), "weight_hh_l0": ("hidden", 8, 24),
        "bias_ih_l0": VECTOR, "bias_hh_l0": VECTOR,
    },
    "LSTM": {
        "weight_ih_l0": ("hidden", 8, 32), "weight_hh_l0": ("hidden", 8, 32),
        "bias_ih_l0": VECTOR, "bias_hh_l0": VECTOR,
    },
    "LSTM, projected": {  # 16 cells, 8 of them handed on
        "weight_ih_l0": ("hidden", 8, 64), "weight_hh_l0": ("hidden", 8, 64),
        "bias_ih_l0": VECTOR, "bias_hh_l0": VECTOR, "weight_hr_l0": ("hidden", 16, 8),
    },
    "GRUCell": {
        "weight_ih": ("hidden", 8, 24), "weight_hh": ("hidden", 8, 24),
        "bias_ih": VECTOR, "bias_hh": VECTOR,
    },
    "LSTMCell": {
        "weight_ih": ("hidden", 8, 32), "weight_hh": ("hidden", 8, 32),
        "bias_ih": VECTOR, "bias_hh": VECTOR,
    },
}  # fmt: skip
EXPECTED["decoder"] = EXPECTED["encoder"] | {
    name.replace("self_attn", "multihead_attn").replace("norm1", "norm3"): line
    for name, line in EXPECTED["encoder"].items()
    if name.startswith(("self_attn", "norm1"))
}
EXPECTED |= {
    "Linear": {"weight": ("hidden", 8, 32), "bias": VECTOR},
    "Embedding": {"weight": ("input", 1, 8)},  # a one-hot input: one term
    "EmbeddingBag": {"weight": ("input", 1, 8)},
    "BatchNorm2d": NORM,
    "2d in 4 groups": {"weight": ("convolution", 2, 8), "bias": VECTOR},
    "3d depthwise": {"weight": ("convolution", 27, 8), "bias": VECTOR},
    "groups of 4": {"weight": ("convolution", 12, 8), "bias": VECTOR},
    # an output of a transposed convolution sums over the 8/groups inputs of its own group
    "transposed, 4 groups": {"weight": ("convolution", 6, 8), "bias": VECTOR},
    "transposed, groups of 4": {"weight": ("convolution", 12, 8), "bias": VECTOR},
    "transposed, depthwise": {"weight": ("convolution", 3, 8), "bias": VECTOR},
    "transposed, 2 for each": {"weight": ("convolution", 3, 16), "bias": VECTOR},
    "other keys": {
        "q_proj_weight": ("hidden", 8, 8), "k_proj_weight": ("hidden", 16, 8),
        "v_proj_weight": ("hidden", 8, 8), "out_proj.weight": ("hidden", 8, 8),
    },
    "attention, eval": EXPECTED["attention"],
    "encoder, eval": EXPECTED["encoder"],
    "decoder, eval": EXPECTED["decoder"],
    "RNNCell": {
        "weight_ih": ("hidden", 8, 8), "weight_hh": ("hidden", 8, 8),
        "bias_ih": VECTOR, "bias_hh": VECTOR,
    },
    "GRU, 5 inputs": EXPECTED["GRU"] | {"weight_ih_l0": ("input", 5, 24)},
    "LSTM, 1 input": EXPECTED["LSTM"] | {"weight_ih_l0": ("input", 1, 32)},
    "LSTM, projected, 5 inputs": (
        EXPECTED["LSTM, projected"] | {"weight_ih_l0": ("input", 5, 64)}
    ),
    "GRU, both ways": (
        EXPECTED["GRU"] | {f"{name}_reverse": line for name, line in EXPECTED["GRU"].items()}
    ),
    "learned state": {
        "start": ("vector", 1, 8),  # like a bias, the weight of a constant input
        "rnn.weight_ih_l0": ("hidden", 8, 8), "rnn.weight_hh_l0": ("hidden", 8, 8),
    },
    "learned queries": {
        "plain": ("vector", 1, 24), "sent": ("vector", 1, 24), "send.weight": ("hidden", 8, 8),
        "attend.in_proj_weight": ("hidden", 8, 24), "attend.out_proj.weight": ("hidden", 8, 8),
    },
}  # fmt: skip
# Which dimensions grow, by role, and where it is another way
GROWS = {
    "input": (0,), "hidden": (0, 1), "convolution": (0, 1), "readout": (1,), "vector": (0,),
    "scalar": (),
}  # fmt: skip
ONE_BY_ONE = ["depthwise", "3d depthwise", "groups of 4", "transposed, groups of 4"]
ONE_BY_ONE += ["transposed, depthwise", "transposed, 2 for each"]
GROWS_HERE: dict[str, dict[str, tuple[int, ...]]] = {
    **{name: {"m.weight": (0,)} for name in ONE_BY_ONE},  # the number of groups grows
    "Bilinear": {"m.weight": (0, 1, 2)},
    "Embedding": {"m.weight": (1,)},
    "EmbeddingBag": {"m.weight": (1,)},
    "learned state": {"m.start": (2,)},
    "learned queries": {"m.plain": (1,), "m.sent": (1,)},
}


@pytest.mark.filterwarnings("ignore:LSTM with projections")  # torch: slower, and no error
@pytest.mark.parametrize("name", MODULES)
def test_modules_of_torch(name: str) -> None:
    make, use = MODULES[name]
    example = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(0))
    family = traced(lambda w: Around(w, make(w), use), example)
    found = {}
    for t in family.tensors:
        assert t.growing == GROWS_HERE.get(name, {}).get(t.name, GROWS[t.role]), t.name
        fan_in, fan_out = t.fans(t.base_shape)
        whole = None if t.role == "vector" and fan_out == t.base_shape[0] else fan_out
        found[t.name] = (t.role, fan_in, whole)
    around = {"first.weight": ("input", 6, 8), "first.bias": VECTOR}
    around |= {"last.weight": ("readout", 8, 3), "last.bias": ("scalar", 1, 3)}
    assert found == around | {f"m.{n}": line for n, line in EXPECTED[name].items()}


RAW: dict[str, tuple[Callable[[int], nn.Module], list[tuple[str, int, int]]]] = {
    "bmm": (lambda w: Raw(lambda h, a: h.bmm(a.expand(2, -1, -1)), a=(w, w)), [("hidden", 8, 8)]),
    "addmm": (
        lambda w: Raw(lambda h, a, b: torch.addmm(b, h[0], a)[None], a=(w, w), b=(w,)),
        [("hidden", 8, 8), ("vector", 1, 8)],
    ),
    "experts": (
        lambda w: Raw(lambda h, a: torch.einsum("bti,bio->bto", h, a), a=(2, w, w)),
        [("expert", 8, 8)],
    ),
    "heads": (  # kept: 2 heads of width/2; summed over by the next: the same
        lambda w: Raw(
            lambda h, a, b: torch.einsum("bthd,hdo->bto", torch.einsum("bti,ihd->bthd", h, a), b),
            a=(w, 2, w // 2), b=(2, w // 2, w),
        ),
        [("hidden", 8, 8), ("hidden", 8, 8)],
    ),
    "chunks": (
        lambda w: Raw(lambda h, a: F.linear(h, a.chunk(3)[1].clone()), a=(3 * w, w)),
        [("hidden", 8, 24)],
    ),
    "fused": (
        lambda w: Raw(lambda h, a, b: F.linear(h, torch.cat([a, b]))[..., :w], a=(w, w), b=(w, w)),
        [("hidden", 8, 8), ("hidden", 8, 8)],
    ),
    "stacked": (  # as (in, out)
        lambda w: Raw(lambda h, a, b: h @ torch.stack([a, b]), a=(w, w), b=(w, w)),
        [("hidden", 8, 8), ("hidden", 8, 8)],
    ),
    "masked, row scales": (
        lambda w: Raw(lambda h, a, g: F.linear(h, a * g * torch.eye(w)), a=(w, w), g=(w, 1)),
        [("hidden", 8, 8), ("vector", 1, 8)],
    ),
    "gain and bias": (
        lambda w: Raw(lambda h, a, b: h * a.exp() + b, a=(w,), b=(w,)),
        [("vector", 1, 8), ("vector", 1, 8)],
    ),
    "sum of positions": (
        lambda w: Raw(lambda h, a, b: h + (a + b), a=(4, w), b=(1, w)),
        [("vector", 1, 32), ("vector", 1, 8)],
    ),
    "summed to one number": (
        lambda w: Raw(lambda h, a: h + torch.einsum("bti,i->bt", h, a)[..., None], a=(w,)),
        [("readout", 8, 1)],
    ),
    "one gain": (lambda w: Raw(lambda h, a: h * a, a=(1,)), [("scalar", 1, 1)]),
    "tied": (
        lambda w: Raw(lambda h, a: h + F.embedding(F.linear(h, a).argmax(-1), a), a=(11, w)),
        [("tied", 1, 8)],  # its own numbers are those of an embedding
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RAW)
def test_raw_parameters(name: str) -> None:
    make, lines = RAW[name]
    found = traced(lambda w: Around(w, make(w), None), torch.randn(2, 4, 6)).tensors
    mine = [(t.role, *t.fans(t.base_shape)) for t in found if t.name.startswith("m.")]
    assert mine == lines


RESNETS: dict[str, tuple[Any, list[str], tuple[int, int]]] = {
    # 3×3 over 64 channels at width 8; over an inner width of 8·8/4 = 16
    "basic": (BasicBlock, ["conv1", "conv2", "downsample.0"], (64 * 9, 64)),
    "bottleneck": (Bottleneck, ["conv1", "conv2", "conv3", "downsample.0"], (16 * 9, 16)),
}


@pytest.mark.parametrize("name", RESNETS)
def test_resnet(name: str) -> None:
    block, parts, fans = RESNETS[name]
    image = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    family = traced(lambda w: ResNet(w, block), image)
    roles: dict[str, set[str]] = {}
    for t in family.tensors:
        normed = "bn" in t.name or "downsample.1" in t.name
        kind = "bn" if normed else t.name
        roles.setdefault(kind, set()).add(t.role)
    convolutions = {f"layer{s}.0.{n}.weight" for s in (1, 2) for n in parts}
    assert roles == {
        "bn": {"vector"},
        "conv1.weight": {"input"},
        "fc.weight": {"readout"},
        "fc.bias": {"scalar"},
        **{name: {"convolution"} for name in convolutions},
    }
    second = family.tensor("layer2.0.conv2.weight")
    assert second.fans(second.base_shape) == fans


@pytest.mark.parametrize(("sort", "name"), [(True, "odd"), (False, "spare")])
def test_what_no_use_tells_is_named_and_settled(sort: bool, name: str) -> None:
    x = torch.randn(2, 6)
    with pytest.raises(InputError, match=rf"parameter {name}: .*roles: \[{{match: '{name}', role:"):
        traced(lambda w: Odd(w, sort), x)
    settled = traced(lambda w: Odd(w, sort), x, roles=[(name, "fixed"), ("*", "hidden")])
    assert settled.tensor(name).role == "fixed"  # the first match wins
    assert settled.tensor("w.weight").role == "hidden"


AMBIGUOUS: dict[str, tuple[Callable[..., Tensor], str]] = {
    "used as hidden and as vector": (lambda h, a: (h * a[0]) @ a, "w,w"),
    # a product of two parameters that is no weight: either may be the activation
    "used by matmul": (lambda h, a, b: h + (a @ b)[0], "w,w"),
    "used by linear": (
        lambda h, a: F.linear(h, a.view(h.shape[-1], -1)),
        "w*w",
    ),  # both fans in one dimension
}


@pytest.mark.parametrize("why", AMBIGUOUS)
def test_an_ambiguous_use_is_named_and_settled(why: str) -> None:
    use, kind = AMBIGUOUS[why]

    def make(w: int) -> nn.Module:
        shape = (w * w,) if kind == "w*w" else (w, w)
        return Around(
            w, Raw(use, **dict.fromkeys("ab"[: use.__code__.co_argcount - 1], shape)), None
        )

    x = torch.randn(2, 4, 6)
    with pytest.raises(
        InputError, match=rf"parameter m\.a: {why}.*roles: \[\{{match: 'm\.a', role:"
    ):
        traced(make, x)
    family = traced(make, x, roles=[("m.a", "fixed"), ("m.*", "hidden"), ("*", "vector")])
    roles = {t.name: t.role for t in family.tensors}  # the first match wins
    assert (roles["m.a"], roles.get("m.b", "hidden")) == ("fixed", "hidden")
    assert roles["last.weight"] == "vector"
    hidden = [("m.*", "hidden"), ("m.a", "fixed")]
    if kind == "w*w":  # neither of its fans is a dimension: no rate could be derived
        with pytest.raises(InputError, match=r"m\.a: role hidden is for matrices"):
            traced(make, x, roles=hidden)
        return
    swapped = traced(make, x, roles=hidden).tensor("m.a")
    assert swapped.role == "hidden"
    # a product of parameters is read as torch's (out, in): it sums over the width 8
    assert swapped.fans(swapped.base_shape)[0] == 8


class Spectral(nn.Module):
    """A complex matrix (in, out, modes) stored as pairs of real numbers."""

    def __init__(self, width: int, view: str) -> None:
        super().__init__()
        self.view = view
        pairs = (width, width, 3, 2) if view != "dtype" else (width, width, 6)
        self.w = nn.Parameter(torch.randn(pairs))

    def forward(self, x: Tensor) -> Tensor:
        if self.view == "view_as_complex":
            w = torch.view_as_complex(self.w)
        elif self.view == "dtype":
            w = self.w.view(torch.complex64)
        else:
            w = torch.complex(self.w[..., 0], self.w[..., 1])
        modes = torch.stack([x, x, x], -1).to(w.dtype)
        return torch.einsum("bim,iom->bom", modes, w).real.sum(-1)


@pytest.mark.parametrize("view", ["view_as_complex", "dtype", "complex"])
def test_weights_seen_through_another_dtype(view: str) -> None:
    tensor = traced(lambda w: Net(w, Spectral(w, view)), vectors()).tensor("hidden.w")
    # by the einsum: sums over dimension 0, keeps dimension 1, a stack of modes: a matrix
    assert (tensor.in_dims, tensor.out_dims) == ((0,), (1,))
    assert tensor.role in {"hidden", "expert"}  # the same row of the table


def test_heads_that_are_flattened_are_summed_over() -> None:
    """(heads, head size, out) seen as (heads · head size, out): both fans of the heads count."""

    class Output(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.randn(width // 4, 4, width))

        def forward(self, x: Tensor) -> Tensor:
            return x @ self.w.flatten(0, 1)

    torch.manual_seed(0)
    tensor = traced(lambda w: Net(w, Output(w)), vectors()).tensor("hidden.w")
    assert (tensor.role, tensor.fans(tensor.base_shape)) == ("hidden", (8, 8))
