"""Faults of activations that no tensor explains: factors of the width, and sums without 1/width."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mutransfer_cli.catalog.findings import FINDINGS
from mutransfer_cli.coordcheck.measure.width_training import Measurement
from mutransfer_cli.coordcheck.verdict.deviations.inherited_slopes import input_slope
from mutransfer_cli.coordcheck.verdict.diagnosis import nearest_half, power
from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation
from mutransfer_cli.coordcheck.verdict.slopes import EXPONENT_TOLERANCE, conservative, fit_slope
from mutransfer_cli.coordcheck.verdict.tensor_verdict import verdict_on
from mutransfer_cli.documents.check import AspectVerdict, FaultReport, Repair

Judge = Callable[[float, float], AspectVerdict]  # of a deviation and its standard error

JUDGED_INPUTS = frozenset({"hidden", "convolution", "expert", "input"})


def activation_faults(
    measurements: Sequence[Measurement],
    expected: Mapping[str, Expectation],
    attention_power: float,
    judge: Judge = verdict_on,
) -> tuple[FaultReport, ...]:
    """The faults of activations, once all inits are right.

    Args:
        measurements: Measurements at all widths and seeds, with repaired inits.
        expected: The expected exponents of each tensor.
        attention_power: Exponent of the number of terms by which the parameterization multiplies
            products of activations: -1, or -1/2 in standard parameterization.
        judge: Judges a deviation and its standard error.
    """
    return (
        contraction_faults(measurements, attention_power, judge)
        or input_faults(measurements, expected, judge)
        or branch_faults(measurements, expected, judge)
    )


def contraction_faults(
    measurements: Sequence[Measurement], attention_power: float, judge: Judge = verdict_on
) -> tuple[FaultReport, ...]:
    """Sums over the width of activations that grow with it: they need the factor 1/width.

    Terms of a sum become aligned in training, so a sum of n terms of size 1 changes by n (Tensor
    Programs V, arXiv 2203.03466, appendix J, where attention has 1/d for this reason). Sums by
    which others are divided, and attention scores, are judged elsewhere.

    Args:
        measurements: Measurements at all widths and seeds.
        attention_power: See `activation_faults`.
        judge: See `activation_faults`.
    """
    first = measurements[0].contractions
    names = [c.function for c in first]
    if any([c.function for c in m.contractions] != names for m in measurements):
        return ()
    faults = []
    for index, contraction in enumerate(first):
        same = [m.contractions[index] for m in measurements]
        if len({c.terms for c in same}) == 1 or any(c.normalizes for c in same):
            continue

        def size(m: Measurement, index: int = index) -> float:
            return m.contractions[index].size

        fit = fit_slope(measurements, size)
        if fit is None:
            continue
        deviation = fit.value - (1 + attention_power)
        if deviation > 0 and judge(deviation, fit.error) == "fail":
            where = contraction.module
            exponent = nearest_half(deviation)
            faults.append(
                FaultReport(
                    finding="sum-over-width",
                    where=where,
                    message=f"in {'`' + where + '`' if where else 'the model or its loss'} "
                    f"`{contraction.function}` sums over {contraction.terms} activations at the "
                    f"smallest width; in training the sum grows like m^{deviation:.2g}",
                    fix=FINDINGS["sum-over-width"].fix(power=power(exponent)),
                    repairs=(Repair(name=where, quantity="multiplier", power=-exponent),)
                    if contraction.is_output
                    else (),
                )
            )
    return tuple(faults)


def input_faults(
    measurements: Sequence[Measurement],
    expected: Mapping[str, Expectation],
    judge: Judge = verdict_on,
) -> tuple[FaultReport, ...]:
    """The first layer whose input changes with the width although every init is right.

    Its input at init, the change of that input, and the layer's own output must agree: a layer
    whose weight makes up for its input is right. What follows a layer onto a fixed number of
    features, as the second matrix of an adapter of fixed rank, may shrink: see `branch_faults`.

    Args:
        measurements: Measurements at all widths and seeds.
        expected: The expected exponents of each tensor.
        judge: See `activation_faults`.
    """
    order = {name: number for number, name in enumerate(measurements[0].upstream_modules)}
    found = {}
    for name in sorted(order, key=lambda n: order[n]):
        deviation = input_deviation(name, measurements, expected, judge)
        if deviation is not None:
            found[name] = deviation
    if not found:
        return ()
    name, deviation = next(iter(found.items()))
    before, exponent = measurements[0].upstream_modules[name], nearest_half(deviation)
    alike = [
        reader
        for reader, own in found.items()
        if measurements[0].upstream_modules[reader] == before and nearest_half(own) == exponent
    ]
    change = "divide" if exponent > 0 else "multiply"
    readers = ", ".join(f"`{reader.rpartition('.')[0]}`" for reader in alike)
    return (
        FaultReport(
            finding="activation-scale",
            where=before,
            message=f"between `{before}` and `{name.rpartition('.')[0]}` activations are "
            f"multiplied by m^{deviation:.2g}: the input of `{name}` and its change go with "
            "the width though the init of every tensor is right",
            fix=FINDINGS["activation-scale"].fix(
                change=f"remove that factor, or {change} the input of {readers} by "
                f"{power(abs(exponent))}, m = width / base width"
            ),
            repairs=input_repairs(measurements[0], before, alike, -exponent),
        ),
    )


def input_deviation(
    name: str,
    measurements: Sequence[Measurement],
    expected: Mapping[str, Expectation],
    judge: Judge,
) -> float | None:
    """By which power of the width the input of a layer is wrong; None: it is not.

    Args:
        name: Name of the layer's tensor.
        measurements: Measurements at all widths and seeds.
        expected: The expected exponents of each tensor.
        judge: See `activation_faults`.
    """
    e = expected.get(name)
    if e is None or e.role not in JUDGED_INPUTS or e.init is None:
        return None
    fits = [
        input_slope(name, 0, measurements, e),
        fit_slope(measurements, lambda m: m.input_changes.get(name)),
        fit_slope(measurements, lambda m: m.gains.get(name)),
    ]
    found = [fit for fit in fits if fit is not None]
    if len(found) < len(fits):
        return None
    deviation = conservative([found[0].value, found[1].value, found[2].value - e.init])
    if judge(deviation, max(fit.error for fit in found)) != "fail":
        return None
    if deviation < 0 and narrows(measurements[0].upstream_modules[name], expected):
        return None
    return deviation


def input_repairs(
    measured: Measurement, before: str, readers: Sequence[str], exponent: float
) -> tuple[Repair, ...]:
    """Factors on what some layers read.

    On their own inputs where these are layers of one weight: what lies between, such as a GELU or a
    norm, does not pass a factor on the output before it through. On that output where it is added
    to something else as well.

    Args:
        measured: A measurement.
        before: The module whose output they read.
        readers: The tensors of the layers.
        exponent: Exponent of the factor.
    """
    is_added = any(before in (term.origin, term.layer) for term in measured.terms)
    if not is_added and all(reader.endswith(".weight") for reader in readers):
        names = [reader.rpartition(".")[0] for reader in readers]
        return tuple(Repair(name=name, quantity="input", power=exponent) for name in names)
    return (Repair(name=before, quantity="multiplier", power=exponent),)


def branch_faults(
    measurements: Sequence[Measurement],
    expected: Mapping[str, Expectation],
    judge: Judge = verdict_on,
) -> tuple[FaultReport, ...]:
    """Outputs of modules that depend on the width when they are added to another activation.

    Both terms of a sum have a constant size in the limit, or at least their changes do; a norm
    behind the sum hides a factor on one of them. Derived from the same condition as the init and
    update of every layer. The outputs of a layer onto a fixed number of features, such as the mean
    of a latent variable, vanish at init, and with gradients that come through a readout so do their
    first changes: they may shrink.

    Args:
        measurements: Measurements at all widths and seeds, with repaired inits.
        expected: The expected exponents of each tensor.
        judge: See `activation_faults`.
    """
    first = [(t.module, t.origin) for t in measurements[0].terms]
    if any([(t.module, t.origin) for t in m.terms] != first for m in measurements):
        return ()
    faults = {}
    for index, (module, origin) in enumerate(first):
        fits = [
            fit_slope(measurements, lambda m, i=index: m.terms[i].init),  # type: ignore[misc]  # bound early; mypy has no type for such a lambda
            fit_slope(measurements, lambda m, i=index: m.terms[i].change),  # type: ignore[misc]  # bound early
        ]
        found = [fit for fit in fits if fit is not None]
        if len(found) < len(fits) or origin in faults:
            continue
        deviation = conservative([fit.value for fit in found])
        if judge(deviation, max(fit.error for fit in found)) != "fail":
            continue
        if deviation < 0 and narrows(measurements[0].terms[index].layer, expected):
            continue
        exponent = nearest_half(deviation)
        faults[origin] = FaultReport(
            finding="activation-scale",
            where=origin,
            message=f"the output of `{origin}` {'grows' if deviation > 0 else 'shrinks'} like "
            f"m^{deviation:.2g} where {'`' + module + '`' if module else 'the model'} adds it to "
            "another activation, though the init of every tensor is right",
            fix=FINDINGS["activation-scale"].fix(
                change=f"{'divide' if exponent > 0 else 'multiply'} the output of `{origin}` by "
                f"{power(abs(exponent))}, m = width / base width, or remove the factor behind it"
            ),
            repairs=(Repair(name=origin, quantity="multiplier", power=-exponent),),
        )
    return tuple(faults.values())


def narrows(module: str, expected: Mapping[str, Expectation]) -> bool:
    """Whether a module ends in a fixed number of features.

    Args:
        module: The module's name.
        expected: The expected exponents of each tensor.
    """
    return any(e.role == "readout" and n.rpartition(".")[0] == module for n, e in expected.items())


def blocked_by(
    name: str, measurements: Sequence[Measurement], expected: Expectation, tolerance: float = 0.1
) -> bool:
    """Whether a tensor's input depends on the width, so that its update cannot be judged yet.

    Args:
        name: The tensor's name.
        measurements: Measurements at all widths and seeds.
        expected: The expected exponents of the tensor.
        tolerance: Largest slope of an input, or of its change, that is called constant.
    """
    at_init = input_slope(name, 0, measurements, expected)
    changes = fit_slope(measurements, lambda m: m.input_changes.get(name))
    slopes = [fit.value for fit in (at_init, changes) if fit is not None]
    return any(abs(slope) > min(tolerance, EXPONENT_TOLERANCE) for slope in slopes)
