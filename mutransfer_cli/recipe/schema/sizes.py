"""Sections `base`, `ladder` and `target`: sizes along the axes."""

from __future__ import annotations

from pydantic import model_validator

from mutransfer_cli.catalog.fields import Depth, Positive, Section, Switch, Width, refuse
from mutransfer_cli.catalog.further_sizes import further_fields
from mutransfer_cli.catalog.sizes import BASE_DEFAULTS


@further_fields(Positive, lambda axis: BASE_DEFAULTS[axis.size])
class Base(Section):
    """The size at which every hyperparameter is quoted."""

    width: Width
    """Width; model.width says which arguments follow it."""
    depth: Depth = BASE_DEFAULTS["depth"]
    """Depth; model.depth says which arguments follow it."""
    batch: Positive = BASE_DEFAULTS["batch"]
    """Examples per step."""
    steps: Positive | None = None
    """Steps; 200 unless tokens is given."""
    tokens: Positive | None = None
    """Instead of steps: batch × seq_len × steps where the data are tokens, else batch × steps."""

    @model_validator(mode="after")
    def _one_duration(self) -> Base:
        if self.steps is not None and self.tokens is not None:
            raise refuse("give steps or tokens, not both")
        return self


@further_fields(tuple[Positive, ...], lambda axis: ())
class Ladder(Section):
    """Proxy sizes; each axis is a line through the base."""

    width: tuple[Width, ...] = ()
    """Widths; []: that of the base alone."""
    depth: tuple[Depth, ...] = ()
    """Depths; []: that of the base alone."""
    batch: tuple[Positive, ...] = ()
    """Batch sizes; []: that of the base alone."""
    steps: tuple[Positive, ...] = ()
    """Training lengths in steps; []: that of the base alone."""
    product: Switch = False
    """All combinations instead of lines through the base."""


@further_fields(Positive | None, lambda axis: None)
class Target(Section):
    """The large run; what is not given is as at the base."""

    width: Width | None = None
    """Width of the large model."""
    depth: Depth | None = None
    """Depth of the large model."""
    batch: Positive | None = None
    """Examples per step; without steps or tokens it keeps the tokens, so the steps shrink."""
    steps: Positive | None = None
    """Steps."""
    tokens: Positive | None = None
    """Instead of steps, counted as in base."""

    @model_validator(mode="after")
    def _one_duration(self) -> Target:
        if self.steps is not None and self.tokens is not None:
            raise refuse("give steps or tokens, not both")
        return self
