"""Section `rules`: the choices inside a parameterization."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from mutransfer_cli.catalog.fields import Number, Section, refuse, show
from mutransfer_cli.recipe.schema.measured_exponent import exponent_or_run


def _decay(value: Any) -> Any:
    if value in ("matrices", "all"):
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(v, str) for v in value):
        return tuple(value)
    raise refuse(f"expected matrices | all or a list of patterns, found {show(value)}")


class Rules(Section):
    """Choices that the theory leaves open."""

    readout: Literal["multiplier", "absorbed"] = "multiplier"
    """1/m of the readout as a forward multiplier, or folded into init and learning rate."""
    weight_decay: Literal["independent", "coupled"] = "independent"
    """independent: lr × weight_decay does not change with width; coupled: torch's number."""
    embedding: Literal["mup", "large-vocab", "measured"] = "mup"
    """Rate of token embeddings over the width: mup: constant; large-vocab: ∝ width^-1/2, for a
    vocabulary far larger than the width (arXiv 2506.15025); measured: by embedding_exponent."""
    embedding_exponent: Annotated[
        Annotated[Number, Field(ge=-2, le=2)] | None,
        BeforeValidator(exponent_or_run, json_schema_input_type=float | str | None),
    ] = None
    """Of the width in the rate of token embeddings, relative to mup: a number, or the directory of
    a run in which `fit` measured it."""
    decay: Annotated[str | tuple[str, ...], BeforeValidator(_decay)] = "matrices"
    """What decays: matrices (and embeddings) | all | patterns."""
    epsilon: Literal["scaled", "constant"] = "scaled"
    """Does Adam's epsilon follow the size of the gradient?"""
    depth_alpha: Annotated[Number, Field(ge=0.5, le=1)] = 1.0
    """Exponent of the residual branches, 0.5 to 1, for a parameterization that has one."""
    depth: Literal["parameterization", "maximal-update"] = "parameterization"
    """How rates follow the depth: by the parameterization's own rule, if it has one; or
    maximal-update: ∝ depth^-3/2, for convolutional and plain stacks (arXiv 2510.04327)."""
    alignment: Literal["full", "none"] | None = None
    """Alignment of updates with activations (Everett et al.): full | none, with a learning rate
    for each layer under sp too; null: full, and under sp one learning rate for all tensors."""
    experts: Literal["active-width", "averaged"] = "active-width"
    """The sum over a token's experts: active-width: its output at init is constant (arXiv
    2605.23893); averaged: an average over ever more neurons, init ∝ 1/width (2601.20205)."""
    rank: Literal["derived", "invariant", "inverse"] = "derived"
    """Rate of low-rank adapters: invariant in the rank, inverse: ∝ 1/rank (arXiv 2602.06204);
    derived: by the matrix that starts at zero and the factor on their results."""
    horizon: Literal["steps", "empirical", "fixed-norm", "none"] = "steps"
    """How the learning rate follows the training length; fixed-norm: that of adamh and muonh
    ∝ √batch · tokens^-0.3, all other numbers as under steps."""
    beta1: Literal["keep", "scale"] = "keep"
    """Does beta1 follow the batch?"""

    @model_validator(mode="after")
    def _measured(self) -> Rules:
        if (self.embedding == "measured") != (self.embedding_exponent is not None):
            raise refuse(
                "embedding: measured and embedding_exponent belong to each other: `fit` of a sweep "
                "over lr_factors.embedding prints both"
            )
        return self
