"""Roles of the modules of torch.nn and of a ResNet by hand: what is summed over, what grows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli.errors import InputError
from tests.rules.zoo import traced

Make = Callable[[int], nn.Module]
Use = Callable[[nn.Module, Tensor], Any]


class Around(nn.Module):
    """A module between 6 inputs and 3 outputs; it sees and gives (batch, length, width)."""

    def __init__(self, width: int, module: nn.Module, use: Use | None) -> None:
        super().__init__()
        self.first = nn.Linear(6, width)
        self.m = module
        self.last = nn.Linear(width, 3)
        self.use = use

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.first(x))
        found = self.use(self.m, h) if self.use else self.m(h)
        y: Tensor = self.last(found[0] if isinstance(found, tuple) else found)
        return y


def channels(more: int) -> Use:
    """Channels second, and so many further dimensions of size 1."""

    def use(module: nn.Module, h: Tensor) -> Tensor:
        found: Tensor = module(h.transpose(1, 2)[(..., *[None] * more)])
        return found[(..., *[0] * more)].transpose(1, 2)

    return use


def attend(*others: int) -> Use:
    """Attention of the stream to itself, or to keys and values of given sizes."""

    def use(module: nn.Module, h: Tensor) -> Any:
        given = [torch.ones(*h.shape[:2], n) for n in others] or [h, h]
        return module(h, *given, need_weights=False)

    return use


def crossed(width: int) -> nn.Module:
    return nn.MultiheadAttention(width, 2, kdim=5, vdim=7, batch_first=True, bias=False)


def twice(module: nn.Module, h: Tensor) -> Any:
    return module(h, h)


def narrowed(module: nn.Module, h: Tensor) -> Tensor:
    found: Tensor = channels(0)(module, h)
    return found[..., : h.shape[-1]]


def flat(module: nn.Module, h: Tensor) -> Any:
    return module(h[:, 0])


MODULES: dict[str, tuple[Make, Use | None]] = {
    "Bilinear": (lambda w: nn.Bilinear(w, w, w), twice),
    "PReLU": (lambda w: nn.PReLU(w), flat),
    "one slope": (lambda w: nn.PReLU(), None),
    "LayerNorm": (lambda w: nn.LayerNorm(w), None),
    "RMSNorm": (lambda w: nn.RMSNorm(w), None),
    "BatchNorm1d": (lambda w: nn.BatchNorm1d(w), flat),
    "GroupNorm": (lambda w: nn.GroupNorm(2, w), flat),
    "InstanceNorm1d": (lambda w: nn.InstanceNorm1d(w, affine=True), channels(0)),
    "Conv1d": (lambda w: nn.Conv1d(w, 2 * w, 3, padding=1), narrowed),
    "Conv2d": (lambda w: nn.Conv2d(w, w, 1), channels(1)),
    "Conv3d": (lambda w: nn.Conv3d(w, w, 1), channels(2)),
    "depthwise": (lambda w: nn.Conv1d(w, w, 3, padding=1, groups=w), channels(0)),
    "in 4 groups": (lambda w: nn.Conv1d(w, w, 3, padding=1, groups=4), channels(0)),
    "ConvTranspose1d": (lambda w: nn.ConvTranspose1d(w, 2 * w, 3, padding=1), narrowed),
    "ConvTranspose2d": (lambda w: nn.ConvTranspose2d(w, w, 1), channels(1)),
    "ConvTranspose3d": (lambda w: nn.ConvTranspose3d(w, w, 1), channels(2)),
    "attention": (lambda w: nn.MultiheadAttention(w, 2, batch_first=True), attend()),
    "cross-attention": (crossed, attend(5, 7)),
    "encoder": (lambda w: nn.TransformerEncoderLayer(w, 2, 2 * w, batch_first=True), None),
    "decoder": (lambda w: nn.TransformerDecoderLayer(w, 2, 2 * w, batch_first=True), twice),
    "RNN": (lambda w: nn.RNN(w, w, batch_first=True), None),
    "GRU": (lambda w: nn.GRU(w, w, batch_first=True), None),
    "LSTM": (lambda w: nn.LSTM(w, w, batch_first=True), None),
    "LSTM, projected": (lambda w: nn.LSTM(w, 2 * w, batch_first=True, proj_size=w), None),
    "GRUCell": (lambda w: nn.GRUCell(w, w), flat),
    "LSTMCell": (lambda w: nn.LSTMCell(w, w), flat),
}  # fmt: skip

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


@pytest.mark.filterwarnings("ignore:LSTM with projections")  # torch: slower, and no error
@pytest.mark.parametrize("name", MODULES)
def test_modules_of_torch(name: str) -> None:
    make, use = MODULES[name]
    example = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(0))
    family = traced(lambda w: Around(w, make(w), use), example)
    found = {}
    for t in family.tensors:
        fan_in, fan_out = t.fans(t.base_shape)
        whole = None if t.role == "vector" and fan_out == t.base_shape[0] else fan_out
        found[t.name] = (t.role, fan_in, whole)
    around = {"first.weight": ("input", 6, 8), "first.bias": VECTOR}
    around |= {"last.weight": ("readout", 8, 3), "last.bias": ("scalar", 1, 3)}
    assert found == around | {f"m.{n}": line for n, line in EXPECTED[name].items()}


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolutions; the shortcut is a convolution where the shape changes."""

    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        inner = out // 4
        self.conv1, self.bn1 = nn.Conv2d(into, inner, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = nn.Conv2d(inner, out, 1, bias=False), nn.BatchNorm2d(out)
        self.downsample = (
            nn.Sequential(nn.Conv2d(into, out, 1, stride, bias=False), nn.BatchNorm2d(out))
            if stride != 1 or into != out
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.bn1(self.conv1(x)))
        h = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(h)))))
        return F.relu(h + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """As in He et al. (arXiv 1512.03385): stem, pooling, two stages, mean, classes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = nn.Sequential(Bottleneck(width, 4 * width, 1))
        self.layer2 = nn.Sequential(Bottleneck(4 * width, 8 * width, 2))
        self.fc = nn.Linear(8 * width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        y: Tensor = self.fc(self.layer2(self.layer1(x)).mean((2, 3)))
        return y


def test_resnet() -> None:
    image = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    family = traced(ResNet, image)
    roles: dict[str, set[str]] = {}
    for t in family.tensors:
        normed = "bn" in t.name or "downsample.1" in t.name
        kind = "bn" if normed else t.name
        roles.setdefault(kind, set()).add(t.role)
    convolutions = {
        f"layer{s}.0.{n}.weight"
        for s in (1, 2)
        for n in ("conv1", "conv2", "conv3", "downsample.0")
    }
    assert roles == {
        "bn": {"vector"},
        "conv1.weight": {"input"},
        "fc.weight": {"readout"},
        "fc.bias": {"scalar"},
        **{name: {"convolution"} for name in convolutions},
    }
    # 3×3 over an inner width of 8·8/4 = 16 at width 8
    second = family.tensor("layer2.0.conv2.weight")
    assert second.fans(second.base_shape) == (16 * 9, 16)


class Odd(nn.Module):
    """A tensor that is sorted, and one that nothing uses."""

    def __init__(self, width: int, sort: bool) -> None:
        super().__init__()
        self.w = nn.Linear(6, width)
        if sort:
            self.odd = nn.Parameter(torch.randn(width, width))
        else:
            self.spare = nn.Parameter(torch.randn(width))
        self.sort = sort

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.w(x)
        return h @ torch.linalg.inv(self.odd) if self.sort else h


@pytest.mark.parametrize(("sort", "name"), [(True, "odd"), (False, "spare")])
def test_what_no_use_tells_is_named_and_settled(sort: bool, name: str) -> None:
    x = torch.randn(2, 6)
    with pytest.raises(InputError, match=rf"parameter {name}: .*roles: \[{{match: '{name}', role:"):
        traced(lambda w: Odd(w, sort), x)
    settled = traced(lambda w: Odd(w, sort), x, roles=[(name, "fixed"), ("*", "hidden")])
    assert settled.tensor(name).role == "fixed"  # the first match wins
    assert settled.tensor("w.weight").role == "hidden"
