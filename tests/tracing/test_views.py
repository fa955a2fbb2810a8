"""Which parameter a tensor is a view of, and along which of its dimensions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli.tracing.views import ParameterViews, is_view


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(4, 6))
        self.other = nn.Parameter(torch.zeros(4, 6))


NET = Net()
W = NET.w


@pytest.mark.parametrize(
    ("tensor", "dims"),
    [
        (W, ((0,), (1,))),
        (W.detach(), ((0,), (1,))),
        (W.T, ((1,), (0,))),
        (W[1:3], ((0,), (1,))),
        (W[2], ((1,),)),
        (W[:, 3], ((0,),)),
        (W.view(4, 2, 3), ((0,), (1,), (1,))),  # heads split a dimension
        (W.view(24), ((0, 1),)),  # flattened: along both
        (W.view(2, 12), ((0,), (0, 1))),
        (W.T[None], ((), (1,), (0,))),
        (W[:, :1].expand(4, 5), ((0,), ())),
        # pairs of numbers as complex ones, in (4, 3); the same numbers in half of the precision
        (torch.view_as_complex(W.detach().view(4, 3, 2)), ((0,), (1,))),
        (torch.view_as_real(torch.view_as_complex(W.detach().view(4, 3, 2))), ((0,), (1,), (1,))),
        (W.detach().view(torch.float16), ((0,), (1,))),
        (W.detach().view(torch.complex64).T, ((1,), (0,))),
    ],
)
def test_views(tensor: Tensor, dims: tuple[tuple[int, ...], ...]) -> None:
    assert ParameterViews(NET).find(tensor) == {"w": dims}


def test_what_is_no_view() -> None:
    views = ParameterViews(NET)
    for tensor in (W * 1, W.clone(), torch.zeros(4, 6), W[:0], 3.0, None):
        assert views.find(tensor) == {}
    assert is_view(W.T, [W]) and not is_view(W.T + 0, [W]) and not is_view(W, [NET.other])


def test_a_result_that_stands_for_parameters() -> None:
    views = ParameterViews(NET)
    stacked = torch.stack([W, NET.other])
    assert views.find(stacked) == {}
    views.stand_for(W, stacked)
    views.stand_for(NET.other, stacked)
    assert views.find(stacked) == {"w": ((), (0,), (1,)), "other": ((), (0,), (1,))}
    assert views.find(stacked[1].T) == {"w": ((1,), (0,)), "other": ((1,), (0,))}


def test_real_and_imaginary_part_of_a_complex_parameter() -> None:
    net = nn.Module()
    net.w = nn.Parameter(torch.zeros(4, 6, dtype=torch.complex64))
    parts = torch.view_as_real(net.w.detach())
    assert ParameterViews(net).find(parts) == {"w": ((0,), (1,), ())}
