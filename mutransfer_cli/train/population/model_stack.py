"""K models of one architecture and size, with stacked tensors and one call for all losses.

Nothing is ever reduced over the trials, so that no trial can affect another.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap

from mutransfer_cli.models.subject import Subject
from mutransfer_cli.plans.forward_hooks import ScaledInput, ScaledOutput
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.tracing.knobs import attribute_of
from mutransfer_cli.train.batched_optimizers.flat_params import Layout
from mutransfer_cli.train.batched_optimizers.selection import neighbor_keys
from mutransfer_cli.train.population.stacked_batches import trial_dimensions

# How slow an operation is under vmap is measured before a population is used.
warnings.filterwarnings(
    "ignore", "There is a performance drop because we have not yet", UserWarning
)

Tensors = dict[str, Tensor]
Location = tuple[Any, str]  # an object, and the attribute of it that holds a multiplier
MODEL_PREFIX = "model."  # of parameter names inside `ModelWithLoss`


class ModelWithLoss(nn.Module):
    """A model that returns its loss, for `functional_call`."""

    def __init__(self, model: nn.Module, loss: Callable[[nn.Module, Any], Tensor]) -> None:
        """Wrap a model and a loss, which is called with the model and a batch."""
        super().__init__()
        self.model = model
        self.loss = loss

    def forward(self, batch: Any) -> Tensor:
        """The loss of a batch."""
        return self.loss(self.model, batch)


def multiplier_locations(plan: Plan, model: nn.Module, name: str) -> list[Location]:
    """Where `plan.install` has put a multiplier."""
    site = plan.sites[name]
    if site.how == "attribute":
        attributes = ((m, attribute_of(m, name)) for m in model.modules())
        return [(m, attribute) for m, attribute in attributes if attribute is not None]
    modules = dict(model.named_modules())
    kind = ScaledInput if site.how == "input" else ScaledOutput
    hooks = [
        hook
        for path in site.modules
        for hook in (
            *modules[path]._forward_pre_hooks.values(),
            *modules[path]._forward_hooks.values(),
        )
        if isinstance(hook, kind)
    ]
    return [(hook, "value") for hook in hooks]


class ModelStack:
    """Stacked models under vmap; subclasses have an explicit trial dimension instead.

    Attributes:
        params: Trained parameters (K, numbers), in the columns of the layout.
        grads: Gradients of `params` (K, numbers).
        param_views: Views of the parameters by name, (K, …).
        grad_views: Views of the gradients by name, (K, …).
        constants: Buffers and parameters that are not trained, by name, (K, …).
        scales: Forward multipliers that differ between trials, by name, (K,); the others are
            attributes of the model.
    """

    @classmethod
    def supports(cls, subject: Subject) -> bool:
        """Whether this class computes what the subject's model computes."""
        return True

    def __init__(self, subject: Subject, plans: Sequence[Plan], states: Sequence[Tensors]) -> None:
        """Stack models.

        Args:
            subject: The model of any of the trials, with its multipliers installed.
            plans: Plan of every trial.
            states: Parameters and buffers of every trial.

        Raises:
            ValueError: The parameters are of several types.
        """
        assert subject.loss is not None
        self.model = subject.model
        self._model_with_loss = ModelWithLoss(subject.model, subject.loss)
        trained = {n: p for n, p in subject.model.named_parameters() if p.requires_grad}
        like = next(iter(trained.values()))
        if any(p.dtype != like.dtype for p in trained.values()):
            raise ValueError("its parameters are of several types")
        self.layout = Layout.of(trained, neighbor_keys(plans[0], list(trained)))
        self._hold(self.layout.rows(states))
        fixed = [n for n in states[0] if n not in trained]
        self.constants = {n: torch.stack([s[n] for s in states]) for n in fixed}
        differ = [n for n in plans[0].sites if len({p.forward[n] for p in plans}) > 1]
        self.scales = {
            n: torch.tensor([p.forward[n] for p in plans], dtype=like.dtype, device=like.device)
            for n in differ
        }
        self._multipliers = {n: multiplier_locations(plans[0], subject.model, n) for n in differ}
        self._grad_and_loss = grad_and_value(self._loss)

    def __len__(self) -> int:
        return len(self.params)

    def _hold(self, params: Tensor) -> None:
        self.params, self.grads = params, torch.zeros_like(params)
        self.param_views = self.layout.views(self.params)
        self.grad_views = self.layout.views(self.grads)

    def _loss(self, parameters: Tensors, constants: Tensors, scales: Tensors, batch: Any) -> Tensor:
        for name, locations in self._multipliers.items():
            for holder, attribute in locations:
                object.__setattr__(holder, attribute, scales[name])
        tensors = {MODEL_PREFIX + n: t for n, t in {**parameters, **constants}.items()}
        loss: Tensor = functional_call(self._model_with_loss, tensors, (batch,), strict=True)
        return loss

    def backward(self, batch: Any, shared: bool, training: bool = True) -> Tensor:
        """Losses (K,); the gradients are left in `grads`.

        Args:
            batch: The batch of all trials.
            shared: Whether the trials share the batch; if not, its tensors have a leading trial
                dimension.
            training: Whether to use training mode instead of evaluation mode.
        """
        self._model_with_loss.train(training)
        gradients, losses = self._each(self._grad_and_loss, batch, shared)
        names = self.layout.names
        torch._foreach_copy_([self.grad_views[n] for n in names], [gradients[n] for n in names])
        return cast(Tensor, losses.detach())

    def losses(self, batch: Any, trials: Sequence[int] | None = None) -> Tensor:
        """Losses (trials,) in evaluation mode.

        Args:
            batch: A batch that the trials share.
            trials: Positions of the trials in the stack; None: all.
        """
        self._model_with_loss.eval()
        parts = (self.param_views, self.constants, self.scales)
        if trials is not None:
            tensors, constants, scales = (select_trials(part, trials) for part in parts)
            parts = tensors, constants, scales
        with torch.no_grad():
            losses: Tensor = self._each(self._loss, batch, True, parts)
        return losses

    def _each(
        self,
        function: Callable[..., Any],
        batch: Any,
        shared: bool,
        parts: tuple[Tensors, Tensors, Tensors] | None = None,
    ) -> Any:
        of_batch = None if shared else trial_dimensions(batch)
        call = vmap(function, in_dims=(0, 0, 0, of_batch), randomness="different")
        return call(*(parts or (self.param_views, self.constants, self.scales)), batch)

    def memory(self) -> list[Tensor]:
        """Tensors that a step writes to besides `grads`, and that it may reallocate."""
        return []

    def select(self, trials: Sequence[int]) -> None:
        """Keep only these trials."""
        index = torch.tensor(trials, device=self.params.device)
        self._hold(self.params.index_select(0, index))
        self.constants = select_trials(self.constants, trials)
        self.scales = select_trials(self.scales, trials)


def select_trials(tensors: Mapping[str, Tensor], trials: Sequence[int]) -> Tensors:
    """The tensors of some of the trials."""
    return {n: t.index_select(0, torch.tensor(trials, device=t.device)) for n, t in tensors.items()}


def state_of(model: nn.Module) -> Tensors:
    """Copies of parameters and buffers by name; a tensor with several names occurs once."""
    named = [*model.named_parameters(), *model.named_buffers()]
    return {name: tensor.detach().clone() for name, tensor in named}
