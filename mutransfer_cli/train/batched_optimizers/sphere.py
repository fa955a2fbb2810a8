"""Steps of many trials that keep the norm of every matrix (Wen et al., arXiv 2606.16899)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mutransfer_cli.optimizers.hyperball import norm_of, turn
from mutransfer_cli.train.batched_optimizers.vectorized import VectorizedOptimizer


class OnSphere(VectorizedOptimizer):
    """Keeps the norms at init of all matrices, for optimizers that turn them."""

    norms: dict[str, Tensor]

    def _set(self, params: Tensor, grads: Tensor) -> None:
        super()._set(params, grads)
        if not hasattr(self, "norms"):
            self.norms = {name: norm_of(self.matrices(self.params, name)) for name in self.names}

    def matrices(self, rows: Tensor, name: str) -> Tensor:
        """The matrices (K, m, n) of one name in rows (K, columns), in the same memory."""
        first, _ = self.layout.within(self.names)
        low, high = (column - first for column in self.layout.span(name))
        return rows[:, low:high].view(len(rows), *self.layout.shapes[name])

    def turn_all(self, update: Tensor) -> None:
        """Turn every matrix.

        Args:
            update: The updates (K, columns).
        """
        rates = self.numbers["lr"] * self.lr_factor  # (K, 1), or (K, columns)
        for name in self.names:
            of_name = rates if rates.shape[1] == 1 else self.matrices(rates, name)[:, :1, 0]
            matrices = self.matrices(self.params, name)
            turn(matrices, self.matrices(update, name), of_name[:, :, None], self.norms[name])

    def select(self, trials: Sequence[int], params: Tensor, grads: Tensor) -> None:
        """Keep only these trials; see `BatchedOptimizer.select`."""
        index = torch.tensor(trials, device=self.params.device)
        self.norms = {name: norms.index_select(0, index) for name, norms in self.norms.items()}
        super().select(trials, params, grads)
