"""The recipe: every key, its type and its default."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from mutransfer_cli.catalog.fields import NonNegative, PositiveNumber, Section
from mutransfer_cli.recipe.schema.data import Data
from mutransfer_cli.recipe.schema.defaults import fill
from mutransfer_cli.recipe.schema.model import Model, RoleMatch
from mutransfer_cli.recipe.schema.names import ParameterizationName
from mutransfer_cli.recipe.schema.optimizer import Init, Multipliers, Optimizer, Schedule
from mutransfer_cli.recipe.schema.rules import Rules
from mutransfer_cli.recipe.schema.search import Search
from mutransfer_cli.recipe.schema.sizes import Base, Ladder, Target
from mutransfer_cli.recipe.schema.train import Program, Train

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


class Recipe(Section):
    """What a user describes once: model, axes, data, optimizer, rules, search, target.

    Hyperparameters are quoted at the base. After validation nothing is left implicit:
    `init.from_`, `model.width`, `model.depth` and the `model.args` of built-in models are filled.
    """

    name: Annotated[str, Field(pattern=NAME)]
    """Name of the study: letters, digits, '.', '_' and '-'."""
    model: Model
    """What is trained."""
    roles: tuple[RoleMatch, ...] = ()
    """In order; the first match takes precedence over the role that follows from use."""
    parameterization: ParameterizationName = "mup"
    """The rule table."""
    rules: Rules = Field(default_factory=Rules)
    """Choices that it leaves open."""
    optimizer: Optimizer = Field(default_factory=Optimizer)
    """The optimizer at the base."""
    lr_factors: dict[str, PositiveNumber] = Field(default_factory=dict)
    """By role or pattern, a factor of the learning rate."""
    init: Init = Field(default_factory=Init)
    """Initialization at the base."""
    multipliers: Multipliers = Field(default_factory=Multipliers)
    """Forward multipliers at the base."""
    clip: PositiveNumber | None = None
    """Threshold of the global gradient norm."""
    z_loss: NonNegative = 0.0
    """Weight of the mean of log² Z, the normalizer of the softmax, in the training loss; the
    validation loss is without it."""
    schedule: Schedule = Field(default_factory=Schedule)
    """The learning rate over a run."""
    data: Data
    """What the proxies train on."""
    base: Base
    """The size at which hyperparameters are quoted."""
    ladder: Ladder = Field(default_factory=Ladder)
    """Proxy sizes besides the base."""
    target: Target | None = None
    """The large run."""
    search: Search = Field(default_factory=Search)
    """What is varied, and how."""
    train: Train | None = None
    """Training as in the large run, or by the user's own program."""

    @property
    def program(self) -> Program | None:
        """The user's own training program; None: the built-in loop trains."""
        return None if self.train is None else self.train.program

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, raw: Any) -> Any:
        return fill(raw)
