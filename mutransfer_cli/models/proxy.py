"""Plans and builds the proxies of a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from torch import nn

from mutransfer_cli.catalog.models import MODELS
from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.data.opening import open_source
from mutransfer_cli.data.protocol import Source
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.builder import build
from mutransfer_cli.models.family_cache import family_for
from mutransfer_cli.models.loss import CrossEntropyWithZLoss, cross_entropy
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.models.unit_scale import unit_scale, unit_scaled_models
from mutransfer_cli.optimizers.own.own_optimizer import require_taken
from mutransfer_cli.parameterization.from_recipe import plan_config_of
from mutransfer_cli.parameterization.planner import plan_model
from mutransfer_cli.plans.multi_optimizer import as_one_optimizer
from mutransfer_cli.plans.param_groups import (
    optimizers_over,
    trainable_optimizers,
    untrainable_reason,
)
from mutransfer_cli.plans.parameters import parameters_by_name
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.recipe.key_paths import key_path
from mutransfer_cli.recipe.load import override
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.schema.train import Precision, Train
from mutransfer_cli.recipe.size import Size, base_size, rungs, sequence_length
from mutransfer_cli.tracing.family import Family, collection_paused
from mutransfer_cli.tracing.roles import Shape
from mutransfer_cli.tracing.skeleton import shapes_of, skeleton

Objective = Literal["val_loss", "train_loss"]


class ScheduleSettings(NamedTuple):
    """The learning rate over a run, as the recipe describes it."""

    name: str
    warmup: float  # share of the steps
    final: float  # share of the peak
    decay: float  # share of the steps; wsd only


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """Settings of a proxy's training that its plan does not contain.

    Attributes:
        schedule: The learning rate over the run.
        objective: `train_loss` is the mean training loss of the last tenth of the steps.
        timeout: Seconds that a trial may take; None: no limit.
        precision: Of parameters and products.
        accumulate: Parts of a batch whose gradients are averaged before a step.
    """

    schedule: ScheduleSettings
    objective: Objective
    timeout: float | None
    precision: Precision = "float32"
    accumulate: int = 1


class ProxyFactory:
    """Plans and builds the proxies of a recipe; one factory serves all trials of the recipe.

    Everything that does not depend on hyperparameters (the data source, the shapes of the model at
    a size, the traced family) is opened, built and traced once, also for the factories that
    `with_hyperparameters` returns.
    """

    def __init__(self, recipe: Recipe) -> None:
        """Make a factory; nothing is opened or built yet."""
        self.recipe = recipe
        self._shapes: dict[Size, dict[str, Shape]] = {}
        self._parent: ProxyFactory | None = None

    def __reduce__(self) -> tuple[type[ProxyFactory], tuple[Recipe]]:
        """Pickle the recipe only, so that other processes open the data again."""
        return ProxyFactory, (self.recipe,)

    def with_hyperparameters(self, hyperparameters: Mapping[str, float]) -> ProxyFactory:
        """The factory of the recipe with some hyperparameters replaced.

        Args:
            hyperparameters: Values by searchable name or dotted path; if empty, the factory itself
                is returned.

        Raises:
            InputError: No such key, or a value that the recipe refuses.
        """
        if not hyperparameters:
            return self
        changed = ProxyFactory(override(self.recipe, hyperparameters))
        if (changed.recipe.model, changed.recipe.data) == (self.recipe.model, self.recipe.data):
            changed._shapes, changed._parent = self._shapes, self._parent or self
        return changed

    @property
    def model_name(self) -> str:
        """The model as the recipe names it."""
        return self.recipe.model.build

    @property
    def is_built_in(self) -> bool:
        """Whether the model is one of the package's own."""
        return self.recipe.model.build in MODELS

    @property
    def architecture(self) -> str:
        """A key of everything outside the plan that decides which code trains the model."""
        return repr((self.recipe.model, self.recipe.parameterization, self.recipe.rules))

    @cached_property
    def base(self) -> Size:
        """The size at which hyperparameters are quoted."""
        return base_size(self.recipe)

    @cached_property
    def rungs(self) -> tuple[Size, ...]:
        """The ladder and the base, small to large."""
        return rungs(self.recipe)

    @cached_property
    def training(self) -> TrainingSettings:
        """How these proxies are trained."""
        schedule, search = self.recipe.schedule, self.recipe.search
        train = self.recipe.train or Train()
        return TrainingSettings(
            ScheduleSettings(schedule.name, schedule.warmup, schedule.final, schedule.decay),
            search.objective,
            search.timeout,
            train.precision,
            train.accumulate,
        )

    @cached_property
    def source(self) -> Source:
        """The recipe's data.

        Raises:
            InputError: The file is missing or unusable.
        """
        return self._parent.source if self._parent is not None else open_source(self.recipe)

    def source_at(self, size: Size) -> Source:
        """The recipe's data at a size: with sequences of that length.

        Raises:
            InputError: The file is missing or unusable.
        """
        length = sequence_length(self.recipe, size)
        return (
            self.source if length == self.recipe.data.seq_len else open_source(self.recipe, length)
        )

    def family(self, deeper: bool = False, few_blocks: bool = False) -> Family:
        """The model traced at two widths.

        Args:
            deeper: Whether it is compared at two depths too.
            few_blocks: Whether a model of a few blocks may be traced in its place, as for plans.
        """
        return family_for(self.recipe, deeper, few_blocks)

    @collection_paused()
    def plan(self, size: Size, hyperparameters: Mapping[str, float] | None = None) -> Plan:
        """The plan of the proxy at a size; the model at that size has no weights in memory.

        Args:
            size: The size along the axes.
            hyperparameters: Values that replace the recipe's own.

        Raises:
            InputError: There is no valid plan; the message names the tensor or the key.
        """
        if hyperparameters:
            return self.with_hyperparameters(hyperparameters).plan(size)
        family = family_for(self.recipe, size.depth != self.base.depth, few_blocks=True)
        return plan_model(
            family,
            plan_config_of(self.recipe),
            self.shapes(size),
            self.base.as_dict(),
            size.as_dict(),
            # a family of a few blocks does not know the names of the others
            self.shapes(self.base) if size.depth != self.base.depth else (),
        )

    def shapes(self, size: Size) -> dict[str, Shape]:
        """The shape of every tensor at a size."""
        if size not in self._shapes:
            self._shapes[size] = shapes_of(self.skeleton(size).model)
        return self._shapes[size]

    def skeleton(self, size: Size) -> Subject:
        """The model on the meta device, without memory, with its loss."""
        subjects: list[Subject] = []

        def model() -> nn.Module:
            subjects.append(build(self.recipe, size))
            return subjects[0].model

        skeleton(model)
        return self._with_loss(subjects[0])

    def build(self, size: Size, seed: int, plan: Plan) -> Subject:
        """A proxy initialized as planned, with its multipliers and its loss, without an optimizer.

        (torch's first optimizer takes a second to make.) Batches are only set where the user's
        model brings its own.

        Args:
            size: The size along the axes.
            seed: Seed of the initialization.
            plan: The proxy's plan at that size.

        Raises:
            InputError: The recipe can be planned but not trained, or the user's code fails.
        """
        self.require_trainable()
        subject = self._with_loss(build(self.recipe, size, seed))
        plan.initialize(subject.model, seed)
        if PARAMETERIZATIONS[plan.parameterization].unit_scaled:
            unit_scale(plan, subject.model)
        plan.install(subject.model)
        return subject

    def build_with_optimizer(self, size: Size, seed: int, plan: Plan) -> Subject:
        """A proxy that is ready to train, see `build`."""
        subject = self.build(size, seed, plan)
        parameters = parameters_by_name(plan, subject.model)
        subject.optimizer = as_one_optimizer(optimizers_over(plan, parameters))
        return subject

    def require_trainable(self) -> None:
        """Check that these proxies can be trained.

        Raises:
            InputError: The recipe can be planned but not trained; the message says why.
        """
        reason = untrainable_reason(self.recipe.optimizer.full_name)
        if reason is not None:
            raise InputError(
                f"{reason} (mutransfer shapes and scale); to train proxies take one of "
                f"{', '.join(trainable_optimizers())}",
                path=("optimizer", "name"),
            )
        searched = {name: key_path(name) for name in self.recipe.search.space}
        require_taken(self.recipe.optimizer.full_name, searched)
        row = PARAMETERIZATIONS[self.recipe.parameterization]
        model = MODELS.get(self.recipe.model.build)
        if row.unit_scaled and (model is None or not model.unit_scaled):
            raise InputError(
                f"{row.name} trains the built-in {unit_scaled_models()} only, not "
                f"{self.recipe.model.build}: it needs a model's skip weights; "
                "shapes and scale give the numbers of any model",
                path=("parameterization",),
            )

    def _with_loss(self, subject: Subject) -> Subject:
        """Add the default loss, for models that return logits, to a subject without its own."""
        weight = self.recipe.z_loss
        if subject.loss is None:
            subject.loss = CrossEntropyWithZLoss(weight) if weight else cross_entropy
        elif weight:
            raise InputError(
                f"belongs to the cross-entropy of logits, and {self.model_name} has a loss of its "
                "own: add the penalty there, and leave z_loss 0",
                path=("z_loss",),
            )
        return subject
