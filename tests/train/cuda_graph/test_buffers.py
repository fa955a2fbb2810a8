"""Which batches fit the buffers of a captured step."""

from __future__ import annotations

import pytest
import torch

from mutransfer_cli.train.cuda_graph.buffers import allocate_like, copy_into, structure_of

BATCH = {"x": torch.arange(6.0).view(2, 3), "scale": 2, "flag": None}


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({"x": torch.zeros(2, 3)}, True),
        ({"x": torch.zeros(3, 3)}, False),
        ({"x": torch.zeros(2, 3, dtype=torch.float64)}, False),
        ({"scale": 3}, False),  # a captured step holds it as a constant
        ({"more": 1}, False),
    ],
)
def test_only_a_batch_of_the_same_structure_fits(change: dict[str, object], fits: bool) -> None:
    assert (structure_of({**BATCH, **change}) == structure_of(BATCH)) == fits


def test_what_no_buffer_can_hold() -> None:
    assert structure_of({**BATCH, "scale": object()}) is None
    assert structure_of(BATCH) is not None


def test_a_buffer_keeps_its_address() -> None:
    buffers = allocate_like(BATCH, torch.device("cpu"))
    address = buffers["x"].data_ptr()
    assert address != BATCH["x"].data_ptr() and torch.equal(buffers["x"], BATCH["x"])  # type: ignore[union-attr]
    copy_into(list(buffers.values()), {**BATCH, "x": torch.full((2, 3), 9.0)})
    assert buffers["x"].data_ptr() == address and buffers["x"].unique().tolist() == [9.0]
    assert BATCH["x"].max() == 5.0  # type: ignore[union-attr]  # the batch itself is untouched
