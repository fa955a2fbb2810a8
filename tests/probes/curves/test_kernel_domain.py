"""The examples of a kernel's domain: each once, and a word where a table has them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.probes.curves.kernel_domain import domain_of
from mutransfer_cli.probes.subject.trainee import Trainee


def drawn_from(rows: int) -> Trainee:
    """A trainee whose batches are rows of a table, with repetitions; 0 rows: always new ones."""
    table = torch.randn(rows, 3, generator=torch.Generator().manual_seed(1))

    def batch(seed: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        if not rows:
            x = torch.randn(64, 3, generator=generator)
            return x, x[:, :1]
        chosen = torch.randint(rows, (64,), generator=generator)
        return table[chosen], chosen % 4

    loss: Callable[[nn.Module, object], Tensor] = lambda m, b: torch.zeros(())  # noqa: E731  # short
    return Trainee(nn.Linear(3, 1), None, loss, batch, lambda i: 0.0, 1, {})


def test_a_table_gives_each_row_once() -> None:
    """6,144 draws of 700 rows miss a row with probability e^-8.8: none of them."""
    domain = domain_of(drawn_from(700))
    assert len(domain.x) == len(torch.unique(domain.x, dim=0)) == 700
    assert domain.repeats
    first = domain.x[domain.values == 1]
    table = torch.randn(700, 3, generator=torch.Generator().manual_seed(1))
    assert set(map(tuple, first.tolist())) == set(map(tuple, table[::4].tolist()))


def test_new_examples_do_not_repeat() -> None:
    domain = domain_of(drawn_from(0))
    assert len(domain.x) == 1536
    assert not domain.repeats


def test_a_table_that_is_too_small() -> None:
    with pytest.raises(InputError, match=r"found 300 different examples .* at least 512"):
        domain_of(drawn_from(300))
