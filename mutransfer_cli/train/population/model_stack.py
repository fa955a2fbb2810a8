"""K models of one architecture and size as one: their tensors stacked, their losses one call.

Nothing is ever reduced over the trials, so that none of them can touch another.
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
from mutransfer_cli.train.batched_optimizers.base import alike
from mutransfer_cli.train.population.flat_params import Layout

# How slow an operation is under vmap is measured before a population is used.
warnings.filterwarnings(
    "ignore", "There is a performance drop because we have not yet", UserWarning
)

Tensors = dict[str, Tensor]
Place = tuple[Any, str]  # an object, and the attribute of it that holds a multiplier
MODEL = "model."


class ModelWithLoss(nn.Module):
    """A model that returns its loss."""

    def __init__(self, model: nn.Module, loss: Callable[[nn.Module, Any], Tensor]) -> None:
        super().__init__()
        self.model = model
        self.loss = loss

    def forward(self, batch: Any) -> Tensor:
        return self.loss(self.model, batch)


def stack_batches(batches: Sequence[Any]) -> Any:
    """Batches of one structure as one: every tensor gets a leading trial dimension."""
    first = batches[0]
    if isinstance(first, Tensor):
        return torch.stack(list(batches))
    if isinstance(first, tuple | list):
        return type(first)(stack_batches(parts) for parts in zip(*batches, strict=True))
    if isinstance(first, dict):
        return {key: stack_batches([b[key] for b in batches]) for key in first}
    return first


def dimensions(batch: Any) -> Any:
    """For vmap: the trial dimension of every tensor of a stacked batch."""
    if isinstance(batch, Tensor):
        return 0
    if isinstance(batch, tuple | list):
        return type(batch)(dimensions(part) for part in batch)
    if isinstance(batch, dict):
        return {key: dimensions(part) for key, part in batch.items()}
    return None


def multiplier_locations(plan: Plan, model: nn.Module, name: str) -> list[Place]:
    """Where `plan.install` has put a multiplier."""
    site = plan.sites[name]
    if site.how == "attribute":
        found = ((m, attribute_of(m, name)) for m in model.modules())
        return [(m, attribute) for m, attribute in found if attribute is not None]
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
    """Stacked trials.

    rows, slopes: what is trained, and its gradients, (K, numbers) as the layout says.
    parameters, constants: by name, (K, …); parameters are views of the rows, constants are buffers
    and what is not trained. scales: forward multipliers that differ, by name, (K,); the others are
    in the model.
    """

    def __init__(self, subject: Subject, plans: Sequence[Plan], states: Sequence[Tensors]) -> None:
        """subject: any of the trials, with its multipliers installed; states: of every trial."""
        assert subject.loss is not None
        self.model = subject.model
        self._measured = ModelWithLoss(subject.model, subject.loss)
        trained = {n: p for n, p in subject.model.named_parameters() if p.requires_grad}
        like = next(iter(trained.values()))
        if any(p.dtype != like.dtype for p in trained.values()):
            raise ValueError("its parameters are of several types")
        self.layout = Layout.of(trained, alike(plans[0], list(trained)))
        self._hold(self.layout.rows(states))
        fixed = [n for n in states[0] if n not in trained]
        self.constants = {n: torch.stack([s[n] for s in states]) for n in fixed}
        differ = [n for n in plans[0].sites if len({p.forward[n] for p in plans}) > 1]
        self.scales = {
            n: torch.tensor([p.forward[n] for p in plans], dtype=like.dtype, device=like.device)
            for n in differ
        }
        self._places = {n: multiplier_locations(plans[0], subject.model, n) for n in differ}
        self._apart = grad_and_value(self._loss)

    def __len__(self) -> int:
        return len(self.rows)

    def _hold(self, rows: Tensor) -> None:
        self.rows, self.slopes = rows, torch.zeros_like(rows)
        self.parameters = self.layout.views(self.rows)
        self.gradient_views = self.layout.views(self.slopes)

    def _loss(self, parameters: Tensors, constants: Tensors, scales: Tensors, batch: Any) -> Tensor:
        for name, places in self._places.items():
            for holder, attribute in places:
                object.__setattr__(holder, attribute, scales[name])
        tensors = {MODEL + n: t for n, t in {**parameters, **constants}.items()}
        loss: Tensor = functional_call(self._measured, tensors, (batch,), strict=True)
        return loss

    def backward(self, batch: Any, shared: bool, training: bool = True) -> Tensor:
        """Losses (K,); the gradients are left in `slopes`. shared: one batch for all trials."""
        self._measured.train(training)
        gradients, losses = self._each(self._apart, batch, shared)
        names = self.layout.names
        torch._foreach_copy_([self.gradient_views[n] for n in names], [gradients[n] for n in names])
        return cast(Tensor, losses.detach())

    def losses(self, batch: Any, trials: Sequence[int] | None = None) -> Tensor:
        """Losses (K,) of a batch that all trials share, in evaluation; or of some trials."""
        self._measured.eval()
        parts = (self.parameters, self.constants, self.scales)
        if trials is not None:
            tensors, constants, scales = (select_trials(part, trials) for part in parts)
            parts = tensors, constants, scales
        with torch.no_grad():
            found: Tensor = self._each(self._loss, batch, True, parts)
        return found

    def _each(
        self,
        function: Callable[..., Any],
        batch: Any,
        shared: bool,
        parts: tuple[Tensors, Tensors, Tensors] | None = None,
    ) -> Any:
        of_batch = None if shared else dimensions(batch)
        call = vmap(function, in_dims=(0, 0, 0, of_batch), randomness="different")
        return call(*(parts or (self.parameters, self.constants, self.scales)), batch)

    def memory(self) -> list[Tensor]:
        """What it writes to from step to step and may exchange for other memory."""
        return []

    def keep(self, trials: Sequence[int]) -> None:
        """Leave all other trials out from now on."""
        index = torch.tensor(trials, device=self.rows.device)
        self._hold(self.rows.index_select(0, index))
        self.constants = select_trials(self.constants, trials)
        self.scales = select_trials(self.scales, trials)


def select_trials(tensors: Mapping[str, Tensor], trials: Sequence[int]) -> Tensors:
    """Some of the trials."""
    return {n: t.index_select(0, torch.tensor(trials, device=t.device)) for n, t in tensors.items()}


def state_of(model: nn.Module) -> Tensors:
    """Parameters and buffers by name, each once however many names it has."""
    named = [*model.named_parameters(), *model.named_buffers()]
    return {name: tensor.detach().clone() for name, tensor in named}
