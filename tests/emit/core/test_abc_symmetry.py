"""abc-symmetry: what trades with a multiplier, trained with each optimizer; the least left."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from mutransfer_cli.emit.core.abc_symmetry import (
    Numbers,
    Offer,
    best_multiplier,
    consumed,
    rescaled,
    unexpressed,
)

OPTIMIZERS = {
    "adamw": lambda p, n: torch.optim.AdamW(p, lr=n.lr, weight_decay=n.weight_decay, eps=n.eps),
    "sgd": lambda p, n: torch.optim.SGD(
        p, lr=n.lr, weight_decay=n.weight_decay, momentum=0.9, nesterov=True
    ),
    "muon": lambda p, n: torch.optim.Muon(
        p, lr=n.lr, weight_decay=n.weight_decay, momentum=0.95, eps=n.eps
    ),
}


def losses(optimizer: str, numbers: Numbers, clip: float | None = None) -> list[float]:
    stream = torch.Generator().manual_seed(0)
    x, y = torch.randn(32, 8, generator=stream), torch.randint(0, 4, (32,), generator=stream)
    assert numbers.init_std is not None
    w = (torch.randn(8, 4, generator=stream) * numbers.init_std).requires_grad_()
    trained, found = OPTIMIZERS[optimizer]([w], numbers), []
    for _ in range(20):
        loss = F.cross_entropy(numbers.multiplier * (x @ w), y)
        trained.zero_grad()
        loss.backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_([w], clip)
        trained.step()
        found.append(loss.item())
    return found


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("t", [4.0, 0.5])
def test_shifted_numbers_train_alike(optimizer: str, t: float) -> None:
    """Exact for powers of two; epsilon and decay are large enough to be seen. Muon works in
    bfloat16, where powers of two are exact too."""
    wanted = Numbers(lr=0.05, init_std=0.5, weight_decay=0.3, eps=1e-3, multiplier=2.0)
    expected = losses(optimizer, wanted)
    other = rescaled(wanted, t, optimizer)
    assert other.multiplier == 2.0 * t
    assert losses(optimizer, other) == pytest.approx(expected, rel=1e-6)
    for name in ("lr", "init_std", "weight_decay", "eps"):
        if optimizer != "adamw" and name == "eps":  # sgd has none; muon's is lost in bfloat16
            continue
        wrong = Numbers(**{**as_dict(other), name: getattr(other, name) * 2})
        assert losses(optimizer, wrong) != pytest.approx(expected, rel=1e-6), name


def test_clipping_breaks_it() -> None:
    """At a threshold that one form reaches and the other does not (plain SGD's first steps)."""
    wanted = Numbers(lr=0.05, init_std=0.5, eps=1e-3, multiplier=1.0)
    other = rescaled(wanted, 4.0, "sgd")
    assert losses("sgd", other, 0.3) != pytest.approx(losses("sgd", wanted, 0.3), rel=1e-3)


def as_dict(n: Numbers) -> dict[str, float | None]:
    return {
        "lr": n.lr, "init_std": n.init_std, "weight_decay": n.weight_decay, "eps": n.eps,
        "multiplier": n.multiplier,
    }  # fmt: skip


def best(wanted: Numbers, offer: Offer, clipped: bool = False) -> tuple[float, set[str]]:
    m = best_multiplier([(wanted, offer)], "adamw", clipped)
    ideal = rescaled(wanted, m / wanted.multiplier, "adamw")
    return m, set(unexpressed(ideal, consumed(ideal, offer)))


def test_the_least_is_left_over() -> None:
    wanted = Numbers(lr=0.01, init_std=0.1, weight_decay=0.1, eps=1e-8)
    # only the init is given: 0.2 instead of 0.1, so the multiplier is halved and all is right
    assert best(wanted, Offer(init_std=0.2)) == (0.5, set())
    # with clipping that trade still costs less than another init
    assert best(wanted, Offer(init_std=0.2), clipped=True) == (0.5, set())
    # rate and init are given and do not go together: the rate wins
    assert best(wanted, Offer(init_std=0.2, lr=0.01)) == (1.0, {"init_std"})
    # everything is given, in the form of a readout without multiplier: m = 4
    table_3 = Numbers(lr=0.0025, init_std=0.025, weight_decay=0.4, eps=4e-8)
    table_8 = Offer(lr=0.01, init_std=0.1, weight_decay=0.1, eps=1e-8)
    assert best(table_3, table_8) == (0.25, set())
    # epsilon alone is off: no trade
    assert best(wanted, Offer(lr=0.01, init_std=0.1, weight_decay=0.1, eps=1e-6)) == (1.0, {"eps"})


def test_one_multiplier_for_several_tensors() -> None:
    """A knob on two tensors: what is right for the one with more at stake."""
    a = Numbers(lr=0.01, init_std=0.1)
    b = Numbers(lr=0.02, init_std=0.1)
    m = best_multiplier([(a, Offer(init_std=0.2)), (b, Offer(lr=0.02))], "adamw", False)
    assert m == 1.0  # b's rate before a's init
