"""The Python code of the file for optax whose matrices have an optimizer of their own.

`optax.contrib.scale_by_muon` corrects the bias of its momentum, torch's Muon does not. So the file
has torch's momentum and takes only the orthogonalization from optax.
"""

from __future__ import annotations

from collections.abc import Sequence

from mutransfer_cli.optimizers.adamh import ADAMH
from mutransfer_cli.optimizers.muon import MUON
from mutransfer_cli.optimizers.muonh import MUONH

OPTAX_MUON_CODE = '''

def _muon_momentum(beta, eps):
    """The momentum of torch.optim.Muon (Nesterov's), divided by its norm where that exceeds eps."""

    def update(gradients, average, params=None):
        average = jax.tree.map(lambda m, g: beta * m + (1 - beta) * g, average, gradients)
        ahead = jax.tree.map(lambda m, g: beta * m + (1 - beta) * g, average, gradients)
        return jax.tree.map(lambda x: x / jnp.maximum(jnp.linalg.norm(x), eps), ahead), average

    return optax.GradientTransformation(lambda params: jax.tree.map(jnp.zeros_like, params), update)


def _axes(leaf, shape):
    """The axes of the input and of the output; a kernel may be split into heads."""
    if leaf.ndim == 2:
        return optax.contrib.MuonDimensionNumbers()
    sizes = [math.prod(leaf.shape[:n]) for n in range(leaf.ndim)]
    if shape[1] not in sizes[1:]:
        raise ValueError(f"a kernel of shape {leaf.shape} is no matrix with {shape[1]} inputs")
    n = sizes.index(shape[1], 1)
    return optax.contrib.MuonDimensionNumbers(tuple(range(n)), tuple(range(n, leaf.ndim)))


def _orthogonal(o, name_of):
    """The momentum of a group's matrices with equal singular values."""

    def axes(tree):
        return jax.tree_util.tree_map_with_path(
            lambda path, leaf: _axes(leaf, TENSORS[name_of(path)]["shape"]), tree
        )

    return optax.chain(
        _muon_momentum(o["momentum"], o["eps"]),
        optax.contrib.scale_by_muon(beta=0.0, nesterov=False, weight_dimension_numbers=axes),
    )


def _muon(o, name_of):
    """Muon for one group: factor is what ADJUST_LR multiplies the update of its matrices by."""
    return optax.chain(
        _orthogonal(o, name_of),
        optax.scale(o["factor"]),
        optax.add_decayed_weights(o["weight_decay"]),
        optax.scale_by_learning_rate(lambda step: o["lr"] * share(step)),
    )
'''

OPTAX_FIXED_NORM_CODE = '''

def _turn(lr):
    """W <- R Norm(W - lr R Norm(update)): weights keep the norm R that they start with."""

    def init(params):
        return jnp.zeros([], jnp.int32), jax.tree.map(jnp.linalg.norm, params)

    def update(updates, state, params):
        step, norms = state
        rate, tiny = lr * share(step), jnp.finfo(jnp.float32).tiny

        def turned(u, w, norm):
            moved = w - rate * norm * u / jnp.maximum(jnp.linalg.norm(u), tiny)
            return moved * (norm / jnp.maximum(jnp.linalg.norm(moved), tiny)) - w

        return jax.tree.map(turned, updates, params, norms), (step + 1, norms)

    return optax.GradientTransformation(init, update)


def _adamh(o, name_of):
    """AdamH for one group (arXiv 2606.16899)."""
    return optax.chain(optax.scale_by_adam(*o["betas"], eps=o["eps"]), _turn(o["lr"]))


def _muonh(o, name_of):
    """MuonH for one group (arXiv 2606.16899)."""
    return optax.chain(_orthogonal(o, name_of), _turn(o["lr"]))
'''


def matrix_code(kinds: Sequence[str]) -> str:
    """The code for the optimizers of matrices among these, which `MATRIX_OPTIMIZERS` lists."""
    fixed = [spec.name for spec in (ADAMH, MUONH) if spec.name in kinds]
    names = [*([MUON.name] if MUON.name in kinds else []), *fixed]
    text = OPTAX_MUON_CODE if names else ""
    text += OPTAX_FIXED_NORM_CODE if fixed else ""
    functions = ", ".join(f'"{name}": _{name}' for name in names)
    return f"{text}\n\nMATRIX_OPTIMIZERS = {{{functions}}}\n"
