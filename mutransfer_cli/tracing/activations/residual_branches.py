"""Finds the tensors that end a residual branch: their layer's result is added to the stream.

The stream is recognized by its two uses: as the input of the branch, and in the sum. Between the
last layer of a branch and the sum its result is only added, scaled, reshaped or dropped out, so the
branch's multiplier can be folded into that layer.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

ADD = frozenset({"add", "iadd"})
LINEAR = frozenset(
    {"mul", "div", "true_divide", "neg", "sum", "index_add", "dropout", "feature_dropout"}
    | {"dropout1d", "dropout2d", "dropout3d", "reshape", "flatten", "contiguous", "clone", "to"}
    | {"float", "type", "type_as", "getitem", "transpose", "permute", "view", "squeeze"}
    | {"unsqueeze", "movedim", "expand", "roll", "alpha_dropout", "feature_alpha_dropout"}
)


def storage_pointer(tensor: Tensor) -> int:
    """The address of a tensor's storage, which its views share.

    Of a sparse tensor that of its values; inside vmap, one of its own.
    """
    try:
        return tensor.untyped_storage().data_ptr()  # first, since it is called very often
    except NotImplementedError:
        if tensor.layout is not torch.strided:
            return storage_pointer(tensor._values() if tensor.is_sparse else tensor.values())
        return -id(tensor)  # vmap's tensors hide their storage


class ResidualBranches:
    """Follows the results of layers until they are added to the stream, or used otherwise."""

    def __init__(self) -> None:
        """Start without results."""
        self.ends: dict[
            int, frozenset[str]
        ] = {}  # by storage: the parameters of the layer whose result it holds
        self.consumed: set[int] = set()
        self.parents: dict[
            int, set[int]
        ] = {}  # storages that another one was scaled or reshaped from
        self.branch_ends: set[str] = set()
        self.stream_layers: set[str] = set()  # parameters of layers whose result is the stream
        self.alive: list[Tensor] = []  # a freed storage's address could be given out again

    def follow(
        self,
        function: str,
        operands: Iterable[Tensor],
        results: Iterable[Tensor],
        used: frozenset[str],
    ) -> None:
        """Follow one call.

        Args:
            function: Name of the function.
            operands: All tensors among the arguments.
            results: All tensors among the results.
            used: The parameters that the call used.
        """
        given = [storage_pointer(t) for t in operands]
        returned = list(results)
        self.alive += returned
        outcome = {storage_pointer(t) for t in returned}
        if function in ADD and len(given) == 2 and not used:
            self._sum(given, outcome)
        elif used:
            self.consumed |= set(given) - outcome
            self._set(outcome, used)
        elif function in LINEAR:
            self._set(outcome, frozenset().union(*(self.ends.get(p, frozenset()) for p in given)))
            if len(set(given)) == 1:
                for p in outcome - set(given):
                    self.parents[p] = set(given)
            if set(given) <= self.consumed:
                self.consumed |= outcome
        elif not outcome <= set(given):
            self.consumed |= set(given)

    def _streams(self, p: int) -> bool:
        """Whether a storage, or one that it was scaled from, has been used as an input before."""
        seen, left = set(), {p}
        while left:
            seen |= left
            if left & self.consumed:
                return True
            left = set().union(*(self.parents.get(q, ()) for q in left)) - seen
        return False

    def _set(self, outcome: set[int], names: frozenset[str]) -> None:
        for p in outcome:
            self.ends[p] = names

    def _sum(self, given: list[int], outcome: set[int]) -> None:
        streams = [self._streams(p) for p in given]
        if streams[0] == streams[1]:
            union = frozenset().union(*(self.ends.get(p, frozenset()) for p in given))
            self._set(outcome, union)
            return
        branch, stream = given[streams.index(False)], given[streams.index(True)]
        self.stream_layers |= self.ends.get(stream, frozenset())
        self.branch_ends |= self.ends.get(branch, frozenset())
        self._set(outcome, frozenset())
        self.consumed |= outcome  # still the stream
