"""Norms of weights and of updates over widths, and how updates align with their inputs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mutransfer_cli.documents.probe import Measure, Series, Verdict
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.norm_outliers import best_trials, norm_outlier_note
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.estimates.width_slope import width_slope
from mutransfer_cli.probes.probe_run import ProbeRequest, ProbeResult
from mutransfer_cli.probes.subject.trainee import Trainee
from mutransfer_cli.train.tensor_norms import (
    READOUT,
    READOUTS,
    ROTATION,
    SPECTRAL,
    Norms,
    as_matrix,
    is_matrix,
    readout_norms,
    spectral_norms,
    update_norms,
)

TOLERANCE = 0.15  # of the exponent of the width
FEWEST_WIDTHS = 3
MOST_STEPS = 200
ALIGNMENT = "alignment"
METHOD = (
    "RMS→∞ norm of the readout, spectral norms by the power method, update in the middle of a run: "
    "‖ΔW‖/‖W‖, angle, and alignment ‖ΔW x‖/(‖ΔW‖₂‖x‖). The readout's norm is constant over sizes "
    "at the optimum (arXiv 2510.03871), alignment is where updates act as the rules assume "
    "(2310.17813); rotation in equilibrium is √(2ηλ) (2305.17212)"
)
Values = dict[str, list[tuple[int, float]]]  # by name: width and value


def probe_norms(request: ProbeRequest) -> ProbeResult:
    """Compare norms over the widths of a run or recipe.

    Args:
        request: What to measure: a run has the norms of its trials.

    Raises:
        InputError: There are fewer than three widths, or a loss is not finite.
    """
    proxies = request.measured
    values: Values = defaultdict(list)
    expected: dict[str, float] = {}
    notes: dict[str, None] = {}
    kept = best_trials(proxies.run) if proxies.run is not None else {}
    if len(kept) >= FEWEST_WIDTHS:
        assert proxies.run is not None
        for trials in kept.values():
            for trial in trials:
                for name, value in trial.norms.items():
                    values[name].append((trial.width, value))
        outlier = norm_outlier_note(proxies.run)
        if outlier:
            notes[outlier] = None
    else:
        if len(proxies.widths) < FEWEST_WIDTHS:
            raise InputError(
                f"probe norms: needs at least {FEWEST_WIDTHS} widths, found "
                f"{len(proxies.widths)}; add widths to the ladder"
            )
        for seed in range(request.seed, request.seed + request.seeds):
            for size in proxies.widths:
                trainee = proxies.train(size, seed, {})
                notes.update(dict.fromkeys(trainee.notes))
                for name, value in trained_norms(trainee, expected).items():
                    values[name].append((size.width, value))
    return _result(values, expected, tuple(notes), request.confidence)


def trained_norms(trainee: Trainee, expected: dict[str, float]) -> Norms:
    """Train to the end; norms of the weights there, and of the update in the middle.

    Args:
        trainee: What to train.
        expected: Receives the rotation in equilibrium of the tensors that have come to it.

    Raises:
        InputError: A loss is not finite.
    """
    steps = min(trainee.steps, MOST_STEPS)
    norms: Norms = {}
    for step in range(steps):
        before = _stacked(trainee.model) if step == steps // 2 else None
        loss = trainee.step(step)
        if not loss - loss == 0:
            raise InputError(f"the loss is not finite at step {step + 1}: {loss}")
        if before is not None:
            after = _stacked(trainee.model)
            norms.update(update_norms(before, after)[0])
            norms.update(alignments(trainee, {n: (after[n] - before[n])[0] for n in after}))
            expected.update(_equilibrium(trainee, step))
    matrices = {n: as_matrix(w) for n, w in _stacked(trainee.model).items() if is_matrix(w)}
    for name, matrix in matrices.items():
        norms[f"{SPECTRAL} {name}"] = float(spectral_norms(matrix)[0])
    readouts = [n for n in matrices if trainee.roles.get(n) in READOUTS] or list(matrices)[-1:]
    for name in readouts:
        norms[READOUT] = float(readout_norms(matrices[name])[0]) * trainee.logit_scale
    return norms


def alignments(trainee: Trainee, updates: Mapping[str, Tensor]) -> Norms:
    """‖ΔW x‖/(‖ΔW‖₂‖x‖) of every linear layer, on a batch that was not trained on.

    Args:
        trainee: Gives the model, its loss and the batch.
        updates: The update of every parameter.
    """
    names = {id(p): name for name, p in trainee.model.named_parameters()}
    found: Norms = {}

    def keep(module: nn.Module, args: Any) -> None:
        weight = module.weight
        name = names.get(id(weight))
        if name is None or name not in updates or not args or not isinstance(args[0], Tensor):
            return
        x, update = args[0].detach(), updates[name]
        if not x.is_floating_point() or x.shape[-1] != update.shape[1]:
            return
        largest = float(spectral_norms(update[None])[0])
        scale = largest * float(x.norm())
        if scale > 0:
            found[f"{ALIGNMENT} {name}"] = float((x @ update.T).norm()) / scale

    handles = [
        module.register_forward_pre_hook(keep)
        for module in trainee.model.modules()
        if isinstance(module, nn.Linear)
    ]
    try:
        with torch.no_grad():
            trainee.loss(trainee.model, trainee.unseen(1)[0])
    finally:
        for handle in handles:
            handle.remove()
    return found


def _stacked(model: nn.Module) -> dict[str, Tensor]:
    return {n: p.detach().clone()[None] for n, p in model.named_parameters() if p.requires_grad}


def _equilibrium(trainee: Trainee, step: int) -> dict[str, float]:
    """√(2ηλ) of the tensors whose decay has had time to balance their updates, of AdamW."""
    names = {id(p): name for name, p in trainee.model.named_parameters()}
    expected = {}
    for part in getattr(trainee.optimizer, "parts", [trainee.optimizer]):
        for group in part.param_groups:
            product = float(group["lr"]) * float(group.get("weight_decay") or 0.0)
            if isinstance(part, torch.optim.AdamW) and product * step > 1:
                for p in group["params"]:
                    expected[f"{ROTATION} {names.get(id(p))}"] = (2 * product) ** 0.5
    return expected


def _result(
    values: Values, expected: Mapping[str, float], notes: tuple[str, ...], confidence: float
) -> ProbeResult:
    """The verdict on the readout's norm, and the exponents of all.

    Args:
        values: Width and value of every trial, by name of the norm.
        expected: Rotation in equilibrium, by name.
        notes: What else to say.
        confidence: Of the intervals.
    """
    positive = {name: rows for name, rows in values.items() if all(v > 0 for _, v in rows)}
    slopes = {name: width_slope(rows, confidence) for name, rows in positive.items()}
    if READOUT not in slopes:
        raise InputError("the model has no readout whose norm is positive")
    measures = [
        Measure(name=f"exponent of the width: {READOUT}", estimate=slopes[READOUT], expected=0.0)
    ]
    for name, slope in slopes.items():
        quantity, tensor = _parts(name)
        if tensor:
            zero = 0.0 if quantity == ALIGNMENT else None
            measures.append(
                Measure(
                    name=f"exponent of the width: {quantity}", at={"tensor": tensor},
                    estimate=slope, expected=zero,
                )
            )  # fmt: skip
    for name, rotation in expected.items():
        if name in positive:
            found = [v for _, v in positive[name]]
            measures.append(
                Measure(
                    name=ROTATION,
                    at={"tensor": _parts(name)[1]},
                    estimate=Interval(
                        value=sum(found) / len(found), low=min(found), high=max(found)
                    ),
                    expected=rotation,
                    unit="radians per step",
                )
            )
    verdict, reason = _verdict(slopes[READOUT])
    advice = None
    if verdict == "fail":
        advice = "run `mutransfer check`: the readout's multiplier, init or rate is at fault"
    series = tuple(
        Series(
            name=_parts(name)[1] or name,
            panel=_parts(name)[0],
            x_name="width",
            y_name=_parts(name)[0],
            x=tuple(float(w) for w in sorted({w for w, _ in rows})),
            y=tuple(
                sum(v for u, v in rows if u == w) / sum(u == w for u, _ in rows)
                for w in sorted({w for w, _ in rows})
            ),
        )
        for name, rows in positive.items()
    )
    return ProbeResult(verdict, reason, tuple(measures), METHOD, series, advice, notes)


def _parts(name: str) -> tuple[str, str]:
    """The quantity, and the tensor that it belongs to."""
    if name == READOUT:
        return name, ""
    quantity, _, tensor = name.rpartition(" ")
    return quantity, tensor


def _verdict(slope: Interval) -> tuple[Verdict, str]:
    text = f"the readout's norm grows as width^{slope}"
    assert slope.low is not None and slope.high is not None
    if slope.low >= -TOLERANCE and slope.high <= TOLERANCE:
        return "pass", f"the readout has one size at every width: {text}"
    if slope.low > TOLERANCE or slope.high < -TOLERANCE:
        return "fail", f"the readout's size changes with the width: {text}"
    return "inconclusive", f"{text}: more widths or seeds would decide"
