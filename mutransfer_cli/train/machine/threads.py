"""Limits the threads of a process: those of torch and of numpy's libraries."""

from __future__ import annotations

import torch
from threadpoolctl import threadpool_limits


def limit_threads(threads: int) -> None:
    """Limit the threads of this process permanently.

    Torch's own setting leaves OpenBLAS, which numpy uses, at one thread per core. Workers on the
    same cores then wait for each other: a batch that numpy computes in 0.1 ms took 15 ms beside a
    busy worker.
    """
    torch.set_num_threads(threads)
    threadpool_limits(threads)
