"""The Python code of the file for optax where a plan trains matrices with Muon.

`optax.contrib.scale_by_muon` corrects the bias of its momentum, torch's Muon does not. So the file
has torch's momentum and takes only the orthogonalization from optax.
"""

from __future__ import annotations

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


def _muon(o, name_of):
    """Muon for one group: factor is what ADJUST_LR multiplies the update of its matrices by."""

    def axes(tree):
        return jax.tree_util.tree_map_with_path(
            lambda path, leaf: _axes(leaf, TENSORS[name_of(path)]["shape"]), tree
        )

    return optax.chain(
        _muon_momentum(o["momentum"], o["eps"]),
        optax.contrib.scale_by_muon(beta=0.0, nesterov=False, weight_dimension_numbers=axes),
        optax.scale(o["factor"]),
        optax.add_decayed_weights(o["weight_decay"]),
        optax.scale_by_learning_rate(lambda step: o["lr"] * share(step)),
    )
'''
