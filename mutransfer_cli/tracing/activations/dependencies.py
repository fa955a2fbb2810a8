"""Records which parameters each layer's input depends on, and what reads a module's input."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set

from torch import Tensor

from mutransfer_cli.tracing.activations.residual_branches import storage_pointer


class Dependencies:
    """Follows which parameters every activation of one forward pass depends on.

    Attributes:
        readers: For each module, the parameters of every call that read its first argument; an
            empty set is a function without parameters.
        lookups: Modules whose output depends on nothing but lookups in embeddings.
    """

    def __init__(self, names: Iterable[str]) -> None:
        """Start without activations.

        Args:
            names: Names of all parameters.
        """
        self.readers: dict[str, set[frozenset[str]]] = defaultdict(set)
        self.lookups: set[str] = set()
        self._names = list(names)
        self._bits = {name: 1 << i for i, name in enumerate(self._names)}
        self._upstream: dict[int, int] = {}  # by storage: the bits of parameters
        self._inputs: dict[str, int] = defaultdict(int)
        self._looked_up: set[int] = set()  # by storage: what depends on lookups only

    def follow(
        self,
        activations: Sequence[Tensor],
        results: Sequence[Tensor],
        uses: Mapping[str, str],
        arguments: Sequence[tuple[str, Tensor]],
    ) -> None:
        """Follow one call of a torch function.

        Args:
            activations: The tensors among its arguments that are no parameters.
            results: The tensors among its results.
            uses: Kind of use of each parameter that it uses.
            arguments: The running modules by name, each with its first argument.
        """
        given = {storage_pointer(t) for t in activations}
        returned = [storage_pointer(t) for t in results]
        upstream = 0
        for storage in given:
            upstream |= self._upstream.get(storage, 0)
        for name, kind in uses.items():
            if kind in {"matrix", "convolution"}:
                self._inputs[name] |= upstream
        for name in uses:
            upstream |= self._bits[name]
        for tensor, storage in zip(results, returned, strict=True):
            if tensor.is_floating_point() or tensor.is_complex():
                self._upstream[storage] = upstream
        learned = {storage for storage in given if self._upstream.get(storage)}
        if "lookup" in uses.values() or (not uses and learned and learned <= self._looked_up):
            self._looked_up.update(returned)
        if uses or not set(returned) <= given:
            for module, argument in arguments:
                if storage_pointer(argument) in given:
                    self.readers[module].add(frozenset(uses))

    def returned(self, module: str, output: object) -> None:
        """Record what a module returned."""
        if isinstance(output, Tensor) and storage_pointer(output) in self._looked_up:
            self.lookups.add(module)

    def upstream_of(self, name: str) -> frozenset[str]:
        """The parameters that the input of a matrix depends on."""
        bits = self._inputs[name]
        return frozenset(n for n in self._names if bits & self._bits[n])

    def beside(self, frozen: Set[str]) -> frozenset[str]:
        """The frozen parameters that no trained matrix depends on, and that depend on none.

        Args:
            frozen: Parameters that are not trained.
        """
        if not frozen:
            return frozenset()
        trained = [name for name in self._names if name not in frozen]
        read = 0
        for name in trained:
            read |= self._inputs[name]
        reached = sum(self._bits[name] for name in trained)
        return frozenset(
            name
            for name in frozen
            if not read & self._bits[name] and not self._inputs[name] & reached
        )
