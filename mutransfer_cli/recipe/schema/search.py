"""Section `search`: what is varied, and how."""

from __future__ import annotations

from difflib import get_close_matches
from math import inf
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from mutransfer_cli.catalog.fields import Natural, Positive, PositiveNumber, Section, refuse, show
from mutransfer_cli.recipe.schema.names import PrunerName, SamplerName
from mutransfer_cli.recipe.schema.space import Space

REGRET = "regret"  # the key of `precision` that is no hyperparameter


def _precision(value: Any) -> Any:
    """A number, or numbers by name, percentages among them as fractions."""
    if not isinstance(value, dict):
        return _amount(value)
    if not value:
        raise refuse("expected a number of octaves, or one for each hyperparameter; found {}")
    if REGRET in value and len(value) > 1:
        raise refuse("give regret, or octaves for each hyperparameter, not both")
    return {name: _amount(number) for name, number in value.items()}


def _amount(value: Any) -> float:
    text = value.strip() if isinstance(value, str) else value
    try:
        if isinstance(text, str) and text.endswith("%"):
            number = float(text[:-1]) / 100
        elif isinstance(text, bool) or not isinstance(text, int | float):
            raise ValueError
        else:
            number = float(text)
    except (ValueError, OverflowError):
        message = f"expected a number of octaves, or {{regret: 0.1%}}; found {show(value)}"
        raise refuse(message) from None
    if not 0 < number < inf:
        raise refuse(f"expected a number above 0, found {show(value)}")
    return number


Precision: TypeAlias = Annotated[float | dict[str, float], BeforeValidator(_precision)]


def _objective(value: Any) -> Any:
    known = ("val_loss", "train_loss")
    if isinstance(value, str) and not get_close_matches(value, known):
        raise refuse(
            f"expected {' | '.join(known)}, found {show(value)}; a number of your own program, "
            "such as an accuracy, is named in train.loss, and maximized by train.loss.maximize"
        )
    return value


class Budget(Section):
    """Where a sweep stops; null: no limit."""

    trials: Positive | None = None
    """Trials in total; the sampler shares them among rungs and seeds."""
    flops: PositiveNumber | None = None
    """Floating-point operations in total."""
    minutes: PositiveNumber | None = None
    """Wall-clock minutes."""
    price_per_hour: PositiveNumber | None = None
    """Price of an hour of the device, in any currency: a dry run then gives the sweep's price."""


def _default_space() -> dict[str, Space]:
    return {"lr": Space(log2=(-12.0, -3.0), step=1.0)}


class Search(Section):
    """How the optimum is found on every rung."""

    space: dict[str, Space] = Field(default_factory=_default_space)
    """By hyperparameter, the values it may take."""
    sampler: SamplerName = "grid"
    """How settings are chosen."""
    start: Literal["recipe", "probe"] = "recipe"
    """Where grid and adaptive begin along lr. recipe: grid with its range, adaptive at
    optimizer.lr. probe: about the rate that `mutransfer probe predict-lr` estimates from short runs
    of the smallest rung; grid takes two steps to either side and grows from there."""
    objective: Annotated[Literal["val_loss", "train_loss"], BeforeValidator(_objective)] = (
        "val_loss"
    )
    """train_loss is the mean of the last tenth of the steps."""
    seeds: Annotated[Positive, Field(le=10_000)] = 2
    """Runs per setting."""
    precision: Precision = 0.25
    """Where adaptive stops: how far the 90 % interval of the optimum at the target (at the largest
    rung where there is none) may reach, in octaves (on a linear scale in grid steps): one number
    for all hyperparameters, or one for each that matters, {lr: 0.25, weight_decay: 0.5}. Or how
    much the choice may cost there: {regret: 0.1%} of the loss."""
    extend: Annotated[Natural, Field(le=10_000)] = 4
    """Steps by which a grid may grow when the best value is at its edge."""
    prune: PrunerName = "none"
    """Which of Optuna's pruners ends trials early. Only trials that are clearly worse than finished
    ones of their rung are pruned, and on a line of learning rates none near the best."""
    budget: Budget = Field(default_factory=Budget)
    """Where the sweep stops."""
    timeout: PositiveNumber | None = None
    """Seconds a trial may take."""

    @property
    def regret(self) -> float | None:
        """The regret that `precision` names, as a fraction of the loss; None: it names octaves."""
        return self.precision.get(REGRET) if isinstance(self.precision, dict) else None

    def octaves(self, name: str) -> float:
        """How far the interval of a hyperparameter's optimum may reach; infinite: anywhere."""
        if isinstance(self.precision, dict):
            return self.precision.get(name, inf)
        return self.precision

    def settings_per_rung(self, rungs: int) -> int:
        """How many settings the budget of trials allows on each of some rungs."""
        return max(1, (self.budget.trials or 0) // (rungs * self.seeds))
