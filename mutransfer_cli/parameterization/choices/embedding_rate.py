"""The learning rate of token embeddings over width: constant, or smaller for a large vocabulary.

Under mup the ratio of the rates of embedding and hidden matrices grows like the width. Hayou and
Liu (arXiv 2506.15025) derive √width where the vocabulary is far larger than the width, since most
rows of the embedding then get no gradient at most steps, and confirm it at 1B parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mutransfer_cli.optimizers.geometry import SIGN, Geometry
from mutransfer_cli.parameterization.plan_config import PlanConfig
from mutransfer_cli.parameterization.protocol import Parameterization
from mutransfer_cli.parameterization.rows.choice import Choice, Evidence

if TYPE_CHECKING:  # tracing imports torch, which `fit` of a table does without
    from mutransfer_cli.tracing.family import Family
    from mutransfer_cli.tracing.tensor_shape import TensorShape

QUESTION = "embedding rate (rules.embedding)"
LARGE_VOCAB = -0.5  # exponent of the width in the embedding's rate, relative to mup
THEORY = "Tensor Programs V, Everett 2407.05872"
RIVALS = (
    "constant (mup): Tensor Programs V; ∝ width^-1/2 where the vocabulary is far larger than the "
    "width (large-vocab): 2506.15025; 1/√fan_out: u-muP 2407.17465, from sweeps up to width 4096; "
    "measured: recipes/embedding-rate.yaml with your own data"
)
ORTHOGONALIZED = (
    "leave embeddings to AdamW: KellerJordan/Muon, torch.optim.Muon, DeepSpeed #7641; sign or rows "
    "of one norm, whose rate is constant: Scion 2502.07529 (second-hand); constant entries where "
    "more rows are in use than the width (large-vocab, derived)"
)


def embedding_exponent(config: PlanConfig) -> float:
    """The exponent of the width that the recipe adds to the rate of token embeddings."""
    if config.embedding == "large-vocab":
        return LARGE_VOCAB
    return config.embedding_exponent or 0.0


def token_embeddings(family: Family) -> frozenset[str]:
    """The embeddings of tokens: of the lookups, those with the most rows.

    Position embeddings are lookups too, but each of their rows is used at every step (assumption:
    there are fewer positions than tokens).
    """
    rows = {t.name: _rows(t) for t in family.tensors if t.role == "input" and _rows(t)}
    most = max(rows.values(), default=0)
    return frozenset(name for name, count in rows.items() if count == most)


def _rows(tensor: TensorShape) -> int:
    is_lookup = any(use.kind == "lookup" for use in tensor.uses)
    return tensor.base_shape[0] if is_lookup else 0


def embedding_factor(
    tensor: TensorShape, config: PlanConfig, family: Family, m_width: float
) -> float:
    """The factor of `rules.embedding` on the rate of one tensor.

    Args:
        tensor: The tensor at the base.
        config: Hyperparameters and rules.
        family: The traced model.
        m_width: Width of the target divided by that of the base.
    """
    exponent = embedding_exponent(config)
    if exponent == 0 or tensor.name not in token_embeddings(family):
        return 1.0
    return float(m_width**exponent)


def embedding_choice(
    config: PlanConfig, parameterization: Parameterization, geometry: Geometry
) -> Choice:
    """The choice of the rule, as a plan shows it.

    Args:
        config: Hyperparameters and rules.
        parameterization: The parameterization, which may have a rule of its own.
        geometry: Geometry of the optimizer that trains embeddings.
    """
    if geometry.spectral:
        exponent = embedding_exponent(config)
        further = f", × width^{exponent:g} (rules.embedding)" if exponent else ""
        return Choice(
            QUESTION,
            f"orthogonalized updates of spectral norm ∝ √width{further}",
            "assumption",
            "derived: 2310.17813 for inputs with a single entry; measured here: docs/muon.md",
            ORTHOGONALIZED,
        )
    if config.embedding == "large-vocab":
        kind: Evidence = "theory" if geometry == SIGN else "assumption"
        taken = "∝ width^-1/2, so that embedding/hidden ∝ √width"
        return Choice(QUESTION, taken, kind, "2506.15025, for Adam", RIVALS)
    if config.embedding == "measured":
        taken = f"∝ width^{embedding_exponent(config):g}"
        return Choice(QUESTION, taken, "empirical", "rules.embedding_exponent", RIVALS)
    return parameterization.embedding_choice or Choice(
        QUESTION, "constant in width", "theory", THEORY, RIVALS
    )
