"""A growing head size needs a scale that follows it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from mutransfer_cli import InputError, Subject, check, plan
from tests.helpers.check_subjects import WIDTHS, subject


@pytest.mark.parametrize("written", [False, True])
def test_attention_scale_of_a_growing_head(written: bool) -> None:
    class Attend(nn.Module):
        def __init__(self, width: int, power: float) -> None:
            super().__init__()
            self.first, self.q = nn.Linear(16, width), nn.Linear(width, width, bias=False)
            self.readout = nn.Linear(width, 4, bias=False)
            self.scale = width**power

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = self.first(x)[None, None]
            q = self.q(h)
            if written:
                y = ((q @ h.mT * self.scale).softmax(-1) @ h)[0, 0]
            else:
                y = nn.functional.scaled_dot_product_attention(q, h, h, scale=self.scale)[0, 0]
            out: torch.Tensor = self.readout(y / y.shape[-1])
            return out

    def build(width: int, seed: int, power: float) -> Subject:
        model = Attend(width, power)
        plain = subject()(width, seed)
        groups = [
            {"params": [p], "lr": 1e-3 * 64 / width if n == "q.weight" else 1e-3}
            for n, p in model.named_parameters()
        ]
        return Subject(model, torch.optim.AdamW(groups), plain.loss, plain.batch)

    report = check(lambda width, seed: build(width, seed, -0.5), WIDTHS)
    assert report.verdict == "fail"
    (fault,) = report.document.faults
    assert fault.finding == "attention-scale"
    # 64^-1/2 at the smallest width, where the head is 64: 8/64
    assert fault.fix is not None and "8/head_size" in fault.fix
    right = check(lambda width, seed: build(width, seed, -1.0), WIDTHS)
    assert not right.document.faults


class Block(nn.Module):
    """Attention by hand, with heads of a fixed size or four heads that grow."""

    def __init__(self, width: int, kind: str, scale: Callable[[int, int], float]) -> None:
        super().__init__()
        self.size = 16 if kind == "fixed" else width // 4
        self.kind = kind
        self.scale = scale(width, self.size)
        self.q, self.k, self.v, self.o = (nn.Linear(width, width, bias=False) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (
            f(x).unflatten(-1, (-1, self.size)).transpose(1, 2) for f in (self.q, self.k, self.v)
        )
        if self.kind == "unit":
            q, k = nn.functional.normalize(q, dim=-1), nn.functional.normalize(k, dim=-1)
        elif self.kind == "rms":
            q, k = (nn.functional.rms_norm(t, (self.size,)) for t in (q, k))
        y = torch.einsum("bhqd,bhkd->bhqk", q * self.scale, k).softmax(-1) @ v
        out: torch.Tensor = self.o(y.transpose(1, 2).flatten(2))
        return out


def attention_subject(
    kind: str, scales: list[Callable[[int, int], float]]
) -> Callable[[int], Subject]:
    """Right but for the attention scales of its blocks, which are given width and head size."""

    def build(width: int) -> Subject:
        embedding = nn.Embedding(32, width)
        readout = nn.Linear(width, 32, bias=False)
        nn.init.normal_(readout.weight, std=1 / width)
        blocks = [Block(width, kind, scale) for scale in scales]
        model = nn.Sequential(embedding, *blocks, readout)
        groups = [
            {"params": [p], "lr": 1e-3 * (1.0 if n == "0.weight" else 64 / width)}
            for n, p in model.named_parameters()
        ]

        def batch(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
            g = torch.Generator().manual_seed(seed)
            both = torch.randint(0, 32, (2, 9), generator=g)
            return both[:, :-1], both[:, 1:]

        def loss(net: nn.Module, b: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
            return nn.functional.cross_entropy(net(b[0]).flatten(0, 1), b[1].flatten())

        return Subject(model, torch.optim.Adam(groups, eps=1e-12), loss, batch)

    return build


def faults(kind: str, *scales: Callable[[int, int], float]) -> list[tuple[str, str]]:
    report = check(attention_subject(kind, list(scales)), WIDTHS)
    return [(f.finding, f.where) for f in report.document.faults]


def test_a_fixed_head_size_needs_a_scale_that_is_the_same_at_every_width() -> None:
    def right(width: int, size: int) -> float:
        return size**-0.5

    assert faults("fixed", right, right) == []
    # by the width of the model, also if only the second block does so
    assert faults("fixed", right, lambda width, size: width**-0.5) == [("attention-scale", "2")]
    made = attention_subject("fixed", [lambda width, size: width**-0.5])
    sizes = {"base": {"width": 64}, "target": {"width": 256}}
    with pytest.raises(InputError, match="same scale at every width"):
        plan(made, optimizer={"name": "adamw"}, **sizes)


def test_the_norms_of_normalized_queries_and_keys_count() -> None:
    """Cosines need no 1/head size; rows of norm √head size need it as plain ones do."""

    def constant(width: int, size: int) -> float:
        return 10.0

    def by_size(width: int, size: int) -> float:
        return 16 / size

    assert faults("unit", constant) == []
    assert faults("unit", by_size) == [("attention-scale", "1")]
    assert faults("rms", by_size) == []
    assert faults("rms", constant) == [("attention-scale", "1")]
    report = check(attention_subject("unit", [by_size]), WIDTHS)
    assert "1 at every width" in str(report.document.faults[0].fix)  # 16/16 at the smallest width
