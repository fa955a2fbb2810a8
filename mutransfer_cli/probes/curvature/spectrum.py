"""The largest eigenvalues of a Hessian, plain or in the norm of an optimizer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor

from mutransfer_cli.errors import InputError
from mutransfer_cli.probes.curvature.hessian import Hessian

TOLERANCE = 1e-4  # of the largest eigenvalue
MOST_ITERATIONS = 300
SUBSPACE = 8  # vectors of the iteration besides two for each eigenvalue
DENSE = 20  # matrices up to this size are computed entry by entry: ARPACK needs k < n


@dataclass(frozen=True)
class Eigenvalues:
    """The largest eigenvalues.

    Attributes:
        values: The eigenvalues, largest first (k,).
        vectors: Their vectors, one per row (k, n), in the scaled coordinates.
        error: Bound on the error of the first one: the norm of its residual.
    """

    values: tuple[float, ...]
    vectors: Tensor
    error: float


def top_eigenvalues(
    hessian: Hessian,
    count: int = 1,
    scale: Tensor | None = None,
    start: Tensor | None = None,
    tolerance: float = TOLERANCE,
    added: Tensor | None = None,
) -> Eigenvalues:
    """The algebraically largest eigenvalues of D^½ (H + A) D^½, by scipy's `eigsh` (ARPACK).

    With D = 1 they are those of the Hessian; with D = learning rate / preconditioner of each entry,
    those that decide whether a step of the optimizer is stable.

    Args:
        hessian: The Hessian H (n × n).
        count: How many eigenvalues.
        scale: The diagonal D (n,), no entry negative; None: all 1.
        start: A vector (n,) to start from, such as the eigenvector of an earlier step.
        tolerance: Relative error of the eigenvalues, about.
        added: The diagonal A (n,), such as that of weight decay; None: all 0.

    Raises:
        InputError: A product with the Hessian is not finite, or the iteration does not converge.
    """
    parameters = hessian.parameters
    dtype, device = parameters[0].dtype, parameters[0].device
    root = None if scale is None else scale.to(dtype).sqrt()

    def product(vector: np.ndarray) -> np.ndarray:
        v = torch.as_tensor(np.ascontiguousarray(vector).reshape(-1)).to(device, dtype)
        v = v if root is None else root * v
        out = hessian.product(v) if added is None else hessian.product(v) + added * v
        out = out if root is None else root * out
        values: np.ndarray = out.double().cpu().numpy()
        if not np.isfinite(values).all():
            raise InputError("the curvature of the loss is not finite at these weights")
        return values

    n = hessian.size
    if n <= max(DENSE, count + 1):
        matrix = np.stack([product(row) for row in np.eye(n)])
        values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
        values, vectors = values[::-1][:count], vectors[:, ::-1][:, :count]
    else:
        operator = LinearOperator((n, n), matvec=product, dtype=np.float64)
        first = _start(n, start)
        try:
            values, vectors = eigsh(
                operator,
                k=count,
                which="LA",
                v0=first,
                ncv=min(n, 2 * count + SUBSPACE),
                tol=tolerance,
                maxiter=MOST_ITERATIONS,
            )
        except ArpackNoConvergence as error:
            raise InputError(
                f"the largest eigenvalue did not converge in {MOST_ITERATIONS} iterations"
            ) from error
        except ArpackError:
            if product(first).any():
                raise
            return Eigenvalues((0.0,) * count, torch.zeros(count, n), 0.0)  # no curvature at all
        order = np.argsort(values)[::-1]
        values, vectors = values[order], vectors[:, order]
    residual = product(vectors[:, 0]) - values[0] * vectors[:, 0]
    return Eigenvalues(
        tuple(float(v) for v in values),
        torch.as_tensor(vectors.T.copy()),
        float(np.linalg.norm(residual)),
    )


def _start(n: int, start: Tensor | None) -> np.ndarray:
    """The first vector of the iteration: the given one, or fixed random numbers."""
    noise = np.random.default_rng(0).standard_normal(n)
    if start is None:
        return noise
    given: np.ndarray = start.double().cpu().numpy()
    norm = np.linalg.norm(given)
    # a little noise: an exact eigenvector of an earlier step may hide a new largest one
    return given / norm + 0.01 * noise / np.linalg.norm(noise) if norm > 0 else noise
