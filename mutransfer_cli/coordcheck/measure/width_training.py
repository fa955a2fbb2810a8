"""Measures a few optimizer steps at one width with one seed, tensor by tensor."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from torch import Tensor

from mutransfer_cli.coordcheck.measure.contractions import Contraction, ContractionTracer
from mutransfer_cli.coordcheck.measure.effects import (
    Effect,
    Use,
    effects_of,
    gain_of,
    size_of_gain_input,
)
from mutransfer_cli.coordcheck.measure.idle_tensors import idle_tensors
from mutransfer_cli.coordcheck.measure.inference_path import inference_ratio
from mutransfer_cli.coordcheck.measure.layers.tensor_uses import all_inputs, uses_of
from mutransfer_cli.coordcheck.measure.layers.upstream import upstream_layers
from mutransfer_cli.coordcheck.measure.operation_effects import (
    Group,
    effect_of_group,
    gain_of_group,
    operands,
)
from mutransfer_cli.coordcheck.measure.optimizer.initial_steps import take_initial_steps
from mutransfer_cli.coordcheck.measure.optimizer.optimizer_probes import (
    decay_shares,
    epsilon_ratios,
)
from mutransfer_cli.coordcheck.measure.recorder import Calls, rms
from mutransfer_cli.coordcheck.measure.stream_sums import AddedTerm, Term, added_terms
from mutransfer_cli.coordcheck.measure.training_step import (
    BuildSubject,
    forward_backward,
    on_tiny_batch,
    require_repeatable_batches,
    take_step,
    warmed_up_subject,
    write_values,
)
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.subject import Subject

NO_CHANGE = 1e-30  # RMS; a tensor with a smaller effect did not move


@dataclass(slots=True)
class Measurement:
    """Everything measured at one size with one seed.

    Attributes:
        size: The size along the axis.
        effects: For each tensor, the effect of its first update in each module that uses it.
        gains: For each tensor, the gain of its module at init on isotropic input.
        responses: That gain, divided by the RMS of the tensor and of that input.
        output_multipliers: For each tensor in `gains`, the multiplier of that module's output.
        upstream: For each tensor, the RMS of the output of the preceding layer.
        responses_to_upstream: For each tensor, its gain, divided by the RMS of the tensor and of
            that output: the multipliers between the two layers are in it.
        upstream_modules: For each tensor, the name of the module of the preceding layer.
        input_changes: For each tensor, the RMS of the change of its module's input.
        contractions: Sums over activations in the first pass.
        terms: Outputs of modules that were added to another activation.
        decays: For each tensor, the share that weight decay removes per step; few seeds only.
        epsilons: For each tensor, epsilon relative to the size of the gradient; few seeds only.
        inference_ratio: Size of the logits without targets relative to those with; None if unknown.
        activations: For each module, the RMS of its output at init.
        changes: For each module, the RMS of the change of its output after the last step.
        frozen: Tensors that require no gradient.
        trained: Tensors that a gradient reached in a step.
        idle: Tensors without a gradient on which the loss does not depend.
        moves: RMS of the first change of each tensor after a step with a gradient.
        rates: That change, divided by the RMS of the gradient.
        finite: Whether all losses were finite.
    """

    size: int
    effects: dict[str, list[Effect]] = field(default_factory=dict)
    gains: dict[str, float] = field(default_factory=dict)
    responses: dict[str, float] = field(default_factory=dict)
    output_multipliers: dict[str, float] = field(default_factory=dict)
    upstream: dict[str, float] = field(default_factory=dict)
    responses_to_upstream: dict[str, float] = field(default_factory=dict)
    upstream_modules: dict[str, str] = field(default_factory=dict)
    input_changes: dict[str, float] = field(default_factory=dict)
    contractions: list[Contraction] = field(default_factory=list)
    terms: list[AddedTerm] = field(default_factory=list)
    decays: dict[str, float] = field(default_factory=dict)
    epsilons: dict[str, float] = field(default_factory=dict)
    inference_ratio: float | None = None
    activations: dict[str, float] = field(default_factory=dict)
    changes: dict[str, float] = field(default_factory=dict)
    frozen: set[str] = field(default_factory=set)
    trained: set[str] = field(default_factory=set)
    idle: set[str] = field(default_factory=set)
    moves: dict[str, float] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    finite: bool = True


class FirstPass(NamedTuple):
    """The pass before any step: its calls, whether the loss is finite, sums over activations."""

    calls: Calls
    finite: bool
    contractions: list[Contraction]


def traced_pass(subject: Subject, batch: Any) -> FirstPass:
    """One forward and backward pass in which sums over activations are recorded."""
    tracer = ContractionTracer(subject.model)
    calls, finite = forward_backward(subject, batch, tracer.watching(subject.model))
    return FirstPass(calls, finite, tracer.found)


def measure_width(
    build: BuildSubject,
    width: int,
    seed: int,
    steps: int,
    lr_factors: Mapping[str, float] | None = None,
    probe: bool = False,
    readouts: Set[str] = frozenset(),
) -> Measurement:
    """Take a few steps on one tiny batch and measure each tensor when it first moves.

    Args:
        build: Builds the subject for a width and a seed.
        width: The width.
        seed: Seed of the model and of its batch.
        steps: Number of optimizer steps.
        lr_factors: Factors on the learning rates of single tensors, for the negative control.
        probe: Whether to also measure weight decay, epsilon and inference, with more subjects.
        readouts: The tensors that act as readouts.

    Raises:
        InputError: The model cannot be trained, its batches are not repeatable, or its loss is not
            finite at init.
    """
    subject = warmed_up_subject(build, width, seed)
    assert subject.batch is not None and subject.optimizer is not None
    if probe:
        require_repeatable_batches(subject, seed)
    subject.model.train()
    batch, first = on_tiny_batch(subject.batch(seed), partial(traced_pass, subject))
    take_initial_steps(subject.optimizer, partial(forward_backward, subject, batch))
    result = Measurement(width)
    result.frozen = {n for n, p in subject.model.named_parameters() if not p.requires_grad}
    initial: dict[str, Tensor] = {}
    inputs: dict[str, Tensor] = {}
    terms: list[Term] = []
    for step in range(steps):
        calls, finite = forward_backward(subject, batch) if step else (first.calls, first.finite)
        uses, inner = uses_of(subject.model, calls)
        if step == 0:
            if not finite:
                raise InputError(
                    f"loss: not finite at init, at width {width} with seed {seed}; expected a "
                    "finite number before any step"
                )
            initial = {name: call.output for name, call in calls.by_module.items()}
            terms = calls.terms
            inputs = all_inputs(uses, inner)
            result.contractions = first.contractions
            measure_init(subject, calls, uses, inner, readouts, result)
        result.finite &= finite
        step_and_measure(subject, uses, inner, result, lr_factors)
    last, finite = forward_backward(subject, batch)
    result.finite &= finite
    moved = {name for name in result.trained if result.moves.get(name)}
    result.idle = idle_tensors(subject, batch, moved, last.by_module)
    result.changes = {
        name: rms(call.output - initial[name])
        for name, call in last.by_module.items()
        if name in initial and call.output.shape == initial[name].shape
    }
    result.input_changes = {
        name: rms(x - inputs[name])
        for name, x in all_inputs(*uses_of(subject.model, last)).items()
        if name in inputs and x.shape == inputs[name].shape
    }
    result.terms = added_terms(terms, last.terms)
    if probe:
        result.decays = decay_shares(warmed_up_subject(build, width, seed))
        result.epsilons = epsilon_ratios(
            lambda: warmed_up_subject(build, width, seed), forward_backward, batch
        )
        if "" in last.by_module:
            result.inference_ratio = inference_ratio(subject, last.by_module[""])
    return result


def measure_init(
    subject: Subject,
    calls: Calls,
    uses: Mapping[str, list[Use]],
    inner: Mapping[str, list[Group]],
    readouts: Set[str],
    result: Measurement,
) -> None:
    """Measure activations, gains and upstream sizes in the first pass, before any step.

    Args:
        subject: The subject at init.
        calls: The calls of the first pass.
        uses: The calls that use each tensor.
        inner: The operations inside of modules that use each tensor.
        readouts: The tensors that act as readouts.
        result: The measurement to fill in.
    """
    result.activations = {name: rms(call.output) for name, call in calls.by_module.items()}
    named = dict(subject.model.named_parameters())
    sizes = {name: rms(p.detach()) or 1.0 for name, p in named.items()}
    for name, calls_of_tensor in uses.items():
        for call, local in calls_of_tensor:
            if gain := gain_of(call, local, named[name].detach()):
                result.gains[name] = gain
                result.responses[name] = gain / (sizes[name] * size_of_gain_input(call, local))
                result.output_multipliers[name] = call.output_multiplier
    layers = upstream_layers(subject.model, calls, readouts)
    # a readout's input may contain its multiplier; the output of the layer before it does not
    result.upstream = {name: layer.size for name, layer in layers.items()}
    result.upstream_modules = {name: layer.module for name, layer in layers.items() if layer.module}
    for name, groups in inner.items():
        result.upstream_modules.pop(name, None)  # the module before its own is not before it
        result.upstream.pop(name, None)
        first = groups[0][0]
        if first.operand is not None:
            result.upstream[name] = rms(operands(groups[0])) / abs(first.input_factor)
        for group in groups:
            if gain := gain_of_group(group, named[name].detach()):
                result.gains[name] = gain
                x = 1.0 if first.operand is None else rms(operands(group))
                result.responses[name] = gain / (sizes[name] * x)
                result.output_multipliers[name] = group[-1].outside
    result.responses_to_upstream = {
        name: gain / (sizes[name] * result.upstream[name])
        for name, gain in result.gains.items()
        if result.upstream.get(name)
    }


def step_and_measure(
    subject: Subject,
    uses: Mapping[str, list[Use]],
    inner: Mapping[str, list[Group]],
    result: Measurement,
    lr_factors: Mapping[str, float] | None = None,
) -> None:
    """Step the optimizer and add the effects of the tensors that move for the first time.

    Args:
        subject: The subject, with the gradients of the last pass.
        uses: The calls of that pass that use each tensor.
        inner: The operations inside of modules that use each tensor.
        result: The measurement to fill in.
        lr_factors: Factors on the learning rates of single tensors, for the negative control.
    """
    named = dict(subject.model.named_parameters())
    # a tensor that moves without a gradient is only decayed
    gradients = {
        name: p.grad.detach().clone()
        for name, p in named.items()
        if p.grad is not None and bool(p.grad.any())
    }
    result.trained |= gradients.keys()
    before = take_step(subject, lr_factors)
    after = {name: p.detach().clone() for name, p in named.items()}
    # a module that is run again has to have its other tensors at their values in the recorded pass
    write_values(named, before)
    for name in (n for n in named if n in gradients and n not in result.effects):
        move = rms(after[name] - before[name])
        result.moves.setdefault(name, move)
        result.rates.setdefault(name, move / rms(gradients[name]))
        change = before[name], after[name], gradients[name]
        effects = effects_of(uses[name], *change)
        effects += [effect_of_group(group, *change) for group in inner.get(name, [])]
        moved = [e for e in effects if e.raw > NO_CHANGE]
        if moved:
            result.effects[name] = moved
    write_values(named, after)
