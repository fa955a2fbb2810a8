"""How many threads a process computes with: torch's, and those of numpy's libraries."""

from __future__ import annotations

import torch
from threadpoolctl import threadpool_limits


def limit_threads(threads: int) -> None:
    """For good. torch's own setting leaves OpenBLAS, behind numpy, at one thread per core.

    Several workers on the same cores then wait for each other: a batch that numpy makes in 0.1 ms
    took 15 ms beside a busy neighbour.
    """
    torch.set_num_threads(threads)
    threadpool_limits(threads)
