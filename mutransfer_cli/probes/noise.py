"""The gradient noise scale along training, and what it says of the batch size."""

from __future__ import annotations

from mutransfer_cli.documents.probe import Measure, Series
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.curves.batch_curves import curves_by_batch
from mutransfer_cli.probes.gradient_noise import NoiseScale, noise_scale
from mutransfer_cli.probes.probe_run import ProbeRequest, ProbeResult
from mutransfer_cli.probes.subject.time_plan import fitting, seeds_and_sizes
from mutransfer_cli.probes.subject.trainee import Trainee, finite_loss
from mutransfer_cli.surface.loss_curves.batch_hyperbola import (
    FEWEST_BATCHES,
    BatchHyperbola,
    batch_hyperbola,
)

BATCHES = 32  # independent batches of a measurement
PLACES = (0.0, 0.1, 0.3, 0.6, 0.99)  # along the run
LARGE = 4.0  # multiple of the noise scale from which a batch is called too large
METHOD = (
    f"trace of the covariance over squared norm of the gradient, from {BATCHES} batches that were "
    "not trained on (arXiv 1812.06162); jackknife interval. Under Adam the preconditioned noise "
    "can differ by a factor of a few. Where a run has three batches: steps S and examples E to one "
    "training loss at each batch's best setting, (S/Smin - 1)(E/Emin - 1) = 1, critical batch "
    "Emin/Smin"
)
WSD = (
    "the schedule is wsd, under which the theory of the critical batch is reported to fail: each "
    "loss has a least and a best batch instead of a hyperbola (arXiv 2601.05034, as its abstract "
    "and published summaries report it); the noise scale is then no critical batch"
)
WSD_ADVICE = (
    "under wsd, choose between batches by their loss after the decay; the noise scale does not "
    "decide it"
)
MISFIT = 0.2  # relative difference of steps from which the hyperbola is said not to hold
NO_HYPERBOLA = "the batch hyperbola misses the steps of a batch by {:.0%}: it does not hold here"


def probe_noise(request: ProbeRequest) -> ProbeResult:
    """Train the base proxy and measure its gradient noise scale on the way.

    Args:
        request: What to measure.

    Raises:
        InputError: A gradient is not finite.
    """
    proxies = request.measured
    base = proxies.base
    options = seeds_and_sizes((base,), base.steps, 1, 1, 1)
    gradients = BATCHES * len(PLACES)
    plan = fitting(proxies, request.seed, request.left, options, measuring=gradients)
    trainee = plan.train(base, request.seed, {})
    found = measured_run(trainee, request.confidence)
    last = max(found)
    critical, batch = found[last].noise_scale, trainee.examples
    measures = [
        Measure(name="noise scale", at={"step": s}, estimate=n.noise_scale, unit="examples")
        for s, n in found.items()
    ]
    measures += [
        Measure(
            name="noise scale of a tensor", at={"step": last, "tensor": t}, estimate=value,
            unit="examples",
        )
        for t, value in found[last].tensors.items()
    ]  # fmt: skip
    scales = [n.noise_scale for n in found.values()]
    series = Series(
        name=f"width {proxies.base.width}",
        panel="noise scale",
        x_name="step",
        y_name="gradient noise scale (examples)",
        x=tuple(float(s) for s in found),
        y=tuple(scale.value for scale in scales),
        low=tuple(scale.value if scale.low is None else scale.low for scale in scales),
        high=tuple(scale.value if scale.high is None else scale.high for scale in scales),
    )
    size = (float(batch),) * len(found)
    used = series.model_copy(
        update={"name": "batch of the recipe", "y": size, "low": None, "high": None}
    )
    all_series: tuple[Series, ...] = (series, used)
    text = f"the gradient noise scale at step {last} is {critical} examples; the batch has {batch}"
    notes = (*plan.notes, *trainee.notes)
    wsd = proxies.schedule == "wsd"
    if wsd:
        notes = (*notes, WSD)
    elif proxies.run is not None:
        curves = curves_by_batch(proxies.run)
        if len(curves) >= FEWEST_BATCHES:
            hyperbola = batch_hyperbola(curves, request.confidence)
            measures += _hyperbola_measures(hyperbola)
            all_series = (series, used, _hyperbola_series(hyperbola))
            text += (
                f"; by the sweep over {len(curves)} batches the critical batch is "
                f"{hyperbola.critical} examples"
            )
            if hyperbola.misfit > MISFIT:
                notes = (*notes, NO_HYPERBOLA.format(hyperbola.misfit))
    if critical.value == 0:
        reason = "there is no noise to measure: all batches have the same gradient"
        advice = (
            "let `batch(seed)` draw other examples for every seed; in full-batch training there is "
            "no noise, and the batch is as large as it can be"
        )
        return ProbeResult("inconclusive", reason, (), METHOD, (), advice, notes)
    if critical.high is None or critical.low is None:
        return ProbeResult(
            "inconclusive",
            f"{text}; the mean gradient does not stand out from its noise",
            tuple(measures),
            METHOD,
            all_series,
            WSD_ADVICE if wsd else _open_advice(critical, batch),
            notes,
        )
    advice = WSD_ADVICE if wsd else _advice(critical, batch)
    return ProbeResult("pass", text, tuple(measures), METHOD, all_series, advice, notes)


def measured_run(trainee: Trainee, confidence: float) -> dict[int, NoiseScale]:
    """Train to the end; the noise scale by the number of steps taken.

    Args:
        trainee: What to train.
        confidence: Of the intervals.

    Raises:
        InputError: A gradient is not finite.
    """
    places = {round(place * trainee.steps) for place in PLACES}
    found: dict[int, NoiseScale] = {}
    for step in range(trainee.steps):
        if step in places:
            batches = trainee.unseen(BATCHES, first=step)
            found[step] = noise_scale(
                trainee.model, trainee.loss, batches, trainee.examples, confidence
            )
        finite_loss(trainee.step(step), step)
    return found


def _hyperbola_measures(found: BatchHyperbola) -> list[Measure]:
    """Fewest steps, fewest examples and the critical batch, and the steps of every batch."""
    at: dict[str, int | float | str] = {"training loss": float(f"{found.target:.4g}")}
    measures = [
        Measure(name="fewest steps", at=at, estimate=found.fewest_steps, unit="steps"),
        Measure(name="fewest examples", at=at, estimate=found.fewest_examples, unit="examples"),
        Measure(name="critical batch", at=at, estimate=found.critical, unit="examples"),
    ]
    return measures


def _hyperbola_series(found: BatchHyperbola) -> Series:
    return Series(
        name="steps to one loss",
        panel="batch hyperbola",
        x_name="batch",
        y_name="steps",
        x=found.batches,
        y=found.steps,
        expected=tuple(found.expected(b) for b in found.batches),
    )


def _open_advice(critical: Interval, batch: int) -> str:
    """What to do where the mean gradient does not stand out from its noise."""
    if critical.low is not None and batch < critical.low:
        return (
            f"a batch of up to {critical.low:.0f} would take fewer steps at little cost in examples"
        )
    return "measure earlier in training (base.steps), where gradients stand out from their noise"


def _advice(critical: Interval, batch: int) -> str:
    """What the noise scale at the end of training says of the batch."""
    assert critical.low is not None and critical.high is not None
    steps, examples = 1 + critical.value / batch, 1 + batch / critical.value
    cost = (
        f"a batch of {batch} takes {steps:.1f} times the fewest possible steps and {examples:.1f} "
        f"times the fewest possible examples; one of about {critical.value:.0f} would take twice "
        "the fewest of both"
    )
    if batch > LARGE * critical.high:
        return f"{cost}: a smaller batch saves examples"
    if batch < critical.low / LARGE:
        return f"{cost}: a larger batch saves steps at little cost in examples"
    return f"{cost}: another batch gains little"
