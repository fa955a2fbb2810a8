"""The documents that hold a plan: `shapes`, and the file that `load_plan` reads."""

from __future__ import annotations

from collections import Counter
from math import isclose
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from mutransfer_cli.catalog.fields import LARGEST, refuse
from mutransfer_cli.catalog.further_sizes import further_fields
from mutransfer_cli.catalog.lr_adjustments import LR_ADJUSTMENTS
from mutransfer_cli.catalog.optimizers import OPTIMIZERS
from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.catalog.roles import Role
from mutransfer_cli.catalog.sizes import BASE_DEFAULTS, multipliers
from mutransfer_cli.documents.base import Part

# Strict: neither `true` nor text such as "64" is a number.
Count = Annotated[int, Field(ge=1, le=LARGEST, strict=True)]
Extent = Annotated[int, Field(ge=0, le=LARGEST, strict=True)]
Finite = Annotated[float, Field(allow_inf_nan=False, strict=True)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
Decay = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False, strict=True)]
Switch = Annotated[bool, Field(strict=True)]

ROUNDING = 1e-9  # relative, of a ratio that was written with fewer digits


@further_fields(Count, lambda axis: BASE_DEFAULTS[axis.size])
class SizeDocument(Part):
    """A size: one value along each axis."""

    width: Count
    depth: Count
    batch: Count = Field(description="examples per step")
    steps: Count


@further_fields(Positive, lambda axis: 1.0)
class MultipliersDocument(Part):
    """The multipliers: the ratio target/base along each axis."""

    width: Positive
    depth: Positive
    batch: Positive
    duration: Positive = Field(description="ratio of training tokens (or examples)")


class TensorDocument(Part):
    """A tensor's numbers at the target."""

    name: str = Field(min_length=1)
    role: Role
    shape: tuple[Extent, ...]
    base_shape: tuple[Extent, ...]
    growing: tuple[Extent, ...] = Field(
        description="indices of the dimensions that grow with the width"
    )
    fan_in: Count = Field(
        description="number of entries summed over; 1 for a one-hot lookup or a vector"
    )
    fan_out: Count
    init: Literal["normal", "zero", "keep", "rescale"]
    init_std: NotNegative | None = Field(description="null: the model's own init is kept")
    multiplier: Finite = Field(description="forward multiplier, in addition to those in `forward`")
    lr: NotNegative
    weight_decay: NotNegative = Field(description="as torch's optimizers take it")
    eps: NotNegative | None = Field(description="null: the optimizer has none")
    source: str
    optimizer: str = Field(
        "", description="optimizer that trains the tensor; muon leaves some to adamw"
    )
    why: str = Field("", description="derivation of the numbers")
    note: str = Field("", description="what could not be found out about the tensor")

    @model_validator(mode="after")
    def _one_tensor(self) -> TensorDocument:
        """The shapes, and what is said of them, are those of one tensor."""
        shape, base, growing = list(self.shape), list(self.base_shape), list(self.growing)
        if len(shape) != len(base):
            raise refuse(f"shape is {shape} and base_shape {base}: expected as many dimensions")
        if len(set(growing)) < len(growing) or any(d >= len(shape) for d in growing):
            raise refuse(f"growing is {growing}: expected indices of shape {shape}, each once")
        if not shape and (self.fan_in, self.fan_out) != (1, 1):
            raise refuse(
                f"shape is empty, that of a single number, beside fan_in {self.fan_in} and fan_out "
                f"{self.fan_out}: expected the tensor's shape, or fans of 1"
            )
        if self.init in ("normal", "rescale") and self.init_std is None:
            raise refuse(f"init is {self.init} and init_std null: expected a standard deviation")
        return self


class SiteDocument(Part):
    """Where a forward multiplier is installed: an attribute, or a hook on modules."""

    how: Literal["attribute", "input", "output"]
    modules: tuple[str, ...] = ()
    attribute: str | None = None

    @model_validator(mode="after")
    def _one_location(self) -> SiteDocument:
        """Without a location nothing would be installed, and no word said."""
        if self.how == "attribute" and not self.attribute:
            raise refuse("how is attribute and attribute is missing: expected its name")
        if self.how != "attribute" and not self.modules:
            raise refuse(f"how is {self.how} and modules is empty: expected the modules' names")
        return self


class DifferenceDocument(Part):
    """A number that differs between two plans."""

    name: str = Field(description="a tensor, or `forward`")
    what: str
    here: float | None
    there: float | None
    ratio: float | None = Field(description="`there` divided by `here`")


class ChoiceDocument(Part):
    """A question on which sources disagree, and the answer that the plan uses."""

    what: str
    taken: str
    kind: Literal["theory", "empirical", "assumption"]
    source: str
    others: str = Field(description="what other sources say")


class PlanDocument(Part):
    """A plan with all its numbers."""

    target: SizeDocument
    base: SizeDocument
    multipliers: MultipliersDocument
    parameterization: str = Field(min_length=1)
    optimizer: str = Field(min_length=1)
    betas: tuple[Decay, Decay]
    momentum: Decay
    nesterov: Switch = False
    adjust_lr: str | None = Field(
        None,
        description="convention for the scale of Muon's update in which the rates of its tensors "
        "are quoted; null: torch's original, or an optimizer without such a convention",
    )
    adjust_lr_factor: Positive | None = Field(
        None, description="coefficient of the convention; null: its library's own"
    )
    clip: Positive | None = Field(description="threshold of the global gradient norm")
    form: Literal["multiplier", "absorbed"]
    tensors: tuple[TensorDocument, ...] = Field(min_length=1)
    forward: dict[str, Finite | None]
    sites: dict[str, SiteDocument] = Field(description="where forward multipliers are installed")

    @field_validator("tensors")
    @classmethod
    def _each_once(cls, tensors: tuple[TensorDocument, ...]) -> tuple[TensorDocument, ...]:
        """Which of two entries holds could not be told."""
        twice = [name for name, n in Counter(t.name for t in tensors).items() if n > 1]
        if twice:
            raise refuse(f"{twice[0]!r} is listed twice: expected each tensor once")
        return tensors

    @model_validator(mode="after")
    def _known_names(self) -> PlanDocument:
        """Optimizers and conventions that nobody here knows have no numbers of their own."""
        for name in dict.fromkeys((self.optimizer, *(t.optimizer for t in self.tensors))):
            if name and name not in OPTIMIZERS:
                raise refuse(f"optimizer: {OPTIMIZERS.unknown(name)}")
        if self.adjust_lr is not None and self.adjust_lr not in LR_ADJUSTMENTS:
            raise refuse(f"adjust_lr: {LR_ADJUSTMENTS.unknown(self.adjust_lr)}")
        if self.parameterization not in PARAMETERIZATIONS:
            raise refuse(f"parameterization: {PARAMETERIZATIONS.unknown(self.parameterization)}")
        return self

    @model_validator(mode="after")
    def _one_plan(self) -> PlanDocument:
        """Multipliers are those of the sizes, and of every site there is a value."""
        unknown = [name for name in self.sites if name not in self.forward]
        if unknown:
            raise refuse(f"sites: {unknown[0]}: expected a value for it in forward")
        sizes = multipliers(self.base.model_dump(), self.target.model_dump())
        for name, stated in self.multipliers.model_dump().items():
            if name in sizes and not isclose(stated, sizes[name], rel_tol=ROUNDING):
                raise refuse(
                    f"multipliers: {name}: found {stated:g}, but base and target give "
                    f"{sizes[name]:g}: the tensors' numbers are those of other sizes; make the "
                    "plan again for these"
                )
        return self


class SavedPlan(PlanDocument):
    """The file that `Plan.save` writes."""

    schema_: Literal["mutransfer/plan/v1"] = Field(default="mutransfer/plan/v1", alias="schema")


class ShapesDocument(PlanDocument):
    """What `mutransfer shapes --json` prints."""

    schema_: Literal["mutransfer/shapes/v1"] = Field(default="mutransfer/shapes/v1", alias="schema")
    origins: dict[str, str] | None = Field(
        None, description="where each value of the recipe comes from, with --origin"
    )
    choices: tuple[ChoiceDocument, ...] = Field((), description="where sources disagree")
    differences: tuple[DifferenceDocument, ...] | None = Field(
        None, description="differences from the other plan, with --diff"
    )
    notes: tuple[str, ...] = ()
