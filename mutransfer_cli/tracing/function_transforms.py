"""Makes functions under `torch.func` visible: vmap as a loop, and tensors without their wrappers.

Inside vmap and grad, torch hides storages behind wrappers, and a parameter's slice is recognized by
its storage. A vmap as a loop computes the same, and what grad wraps is the plain tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch._functorch.apis
from torch import Tensor
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack
from torch._functorch.vmap import _process_batched_inputs
from torch.utils._pytree import (
    _broadcast_to_and_flatten,
    tree_flatten,
    tree_map_only,
    tree_unflatten,
)

APIS: Any = torch._functorch.apis  # where every vmap looks its implementation up


def transforming() -> bool:
    """Whether a transform such as grad is running."""
    return torch._C._functorch.peek_interpreter_stack() is not None


def plain(value: Any) -> Any:
    """The same nested structure, with the plain tensors of those that a transform has wrapped."""
    return tree_map_only(Tensor, _unwrapped, value)


def visible(value: Any) -> Any:
    """`plain` while a transform runs, and else the value itself: looking at it takes time."""
    return plain(value) if transforming() else value


def _unwrapped(tensor: Tensor) -> Tensor:
    while torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        tensor = torch._C._functorch.get_unwrapped(tensor)
    return tensor


@contextmanager
def outside_transforms() -> Iterator[None]:
    """A context in which no transform acts on what is computed."""
    with temporarily_clear_interpreter_stack():
        yield


@contextmanager
def vmap_as_loop() -> Iterator[None]:
    """A context in which vmap calls its function once for each entry, with slices."""
    original = APIS.vmap_impl
    APIS.vmap_impl = _loop
    try:
        yield
    finally:
        APIS.vmap_impl = original


def _loop(
    function: Callable[..., Any],
    in_dims: Any,
    out_dims: Any,
    randomness: str,
    chunk_size: int | None,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """What `torch.vmap(function, in_dims, out_dims)(*args, **kwargs)` computes.

    Args:
        function: The function.
        in_dims: The dimension of each argument that is mapped over.
        out_dims: The dimension of each result along which the slices' results are stacked.
        randomness: error, different or same.
        chunk_size: Without meaning for a loop.
        *args: Its positional arguments.
        **kwargs: Its keyword arguments, which are not mapped over.
    """
    size, dims, leaves, structure = _process_batched_inputs(in_dims, args, function)
    state = torch.get_rng_state() if randomness == "same" else None
    results = []
    for i in range(size):
        if state is not None:
            torch.set_rng_state(state)
        own = [t if d is None else t.select(d, i) for t, d in zip(leaves, dims, strict=True)]
        results.append(tree_flatten(function(*tree_unflatten(own, structure), **kwargs)))
    spec = results[0][1]
    into = _broadcast_to_and_flatten(out_dims, spec)
    if into is None:
        raise ValueError(f"vmap: out_dims {out_dims} do not fit the structure of the results")
    stacked = [
        results[0][0][k] if d is None else torch.stack([flat[k] for flat, _ in results], d)
        for k, d in enumerate(into)
    ]
    return tree_unflatten(stacked, spec)
