"""How far the outputs of every layer move during training, and how that depends on the width."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from mutransfer_cli.documents.probe import Measure, Series, Verdict
from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.estimates.seed_intervals import banded, geometric_interval
from mutransfer_cli.probes.estimates.width_slope import width_slope
from mutransfer_cli.probes.feature_learning.kernel_features import (
    KERNEL_METHOD,
    UNMEASURED,
    ansatz_measures,
    kernel_measures,
    kernel_series,
)
from mutransfer_cli.probes.feature_learning.trained_features import (
    STEPS,
    TrainedFeatures,
    trained_features,
)
from mutransfer_cli.probes.probe_run import ProbeRequest, ProbeResult
from mutransfer_cli.probes.subject.time_plan import Option, fitting, seeds_and_sizes
from mutransfer_cli.recipe.size import Size

TOLERANCE = 0.15  # of the exponent of the width
FEWEST_WIDTHS, MOST_SEEDS = 3, 6
# Steps that take as long as measuring at both ends of a run: 18 to 40 for the tangent kernels, and
# up to 4 for the layers' outputs (a GPT, a convolutional net and an MLP, two widths each)
KERNELS, OUTPUTS = 35.0, 3.0
METHOD = (
    f"RMS of the change of each layer's output over {STEPS} steps, on a batch that was not trained "
    "on, relative to its RMS at init; exponent of the width by regression over widths and seeds, "
    "median over the layers before the readout; 0 where features are learned at every width alike, "
    f"-1/2 in the regime of the tangent kernel (arXiv 2011.14522). {KERNEL_METHOD}"
)
LEARNED, LAZY, UNSTABLE, UNDECIDED = "learned", "lazy", "unstable", "undecided"
ADVICE = {
    LEARNED: "tune at a small width (`mutransfer sweep`): wide models learn features as it does",
    LAZY: "wider models will gain less than small ones promise: train under `mup`, or run "
    "`mutransfer check`, which names the tensor whose rate or init is at fault",
    UNSTABLE: "at one learning rate, wide models will diverge first: train under `mup`, or run "
    "`mutransfer check`, which names the tensor whose rate or init is at fault",
    UNDECIDED: "run `mutransfer check`; if it passes, begin the ladder at a larger width, or "
    "zero the readout (init.zero): at small widths, its random outputs drive the first steps",
}
FIXED = "lazy: no layer before the readout moves at any width: the features are fixed"
FIXED_ADVICE = "train the layers before the readout: are they frozen, or left out of the optimizer?"
OF_CALLABLE = {  # which has no recipe, whose keys could be changed
    LAZY: "wider models will gain less than small ones promise: `mutransfer check` names the "
    "tensor whose rate or init is at fault; `mutransfer_cli.plan` sets those of `mup`",
    UNSTABLE: "at one learning rate, wide models will diverge first: `mutransfer check` names the "
    "tensor whose rate or init is at fault; `mutransfer_cli.plan` sets those of `mup`",
    UNDECIDED: "run `mutransfer check`; if it passes, build wider models (a multiple of the "
    "callable's width), or start the readout's weight at zero where the callable builds it "
    "(nn.init.zeros_): at small widths, its random outputs drive the first steps",
}
VERDICTS: dict[str, Verdict] = {LEARNED: "pass", LAZY: "fail", UNSTABLE: "fail"}
Sizes = tuple[tuple[Size, ...], int]  # sizes, and number of seeds
Runs = Mapping[int, Sequence[TrainedFeatures]]


def probe_features(request: ProbeRequest) -> ProbeResult:
    """Measure the movement of features at every width of the ladder.

    Args:
        request: What to measure.

    Raises:
        InputError: There are fewer than three widths, or a loss is not finite.
    """
    proxies = request.measured
    sizes = proxies.widths
    if len(sizes) < FEWEST_WIDTHS:
        raise InputError(
            f"probe features: needs at least {FEWEST_WIDTHS} widths, found {len(sizes)}; "
            "add widths to the ladder"
        )
    runs: dict[int, list[TrainedFeatures]] = defaultdict(list)
    notes: dict[str, None] = {}
    steps = min(STEPS, proxies.base.steps)
    options = _options(seeds_and_sizes(sizes, steps, MOST_SEEDS, 1, FEWEST_WIDTHS))
    plan = fitting(proxies, request.seed, request.left, options, measuring=OUTPUTS, fewest_steps=5)
    notes.update(dict.fromkeys(plan.notes))
    (sizes, seeds), with_kernel = plan.what
    for seed in range(request.seed, request.seed + seeds):
        for size in sizes:
            trainee = plan.train(size, seed, {})
            notes.update(dict.fromkeys(trainee.notes))
            runs[size.width].append(trained_features(trainee, with_kernel))
    moved = by_layer(runs)
    if not moved:
        return ProbeResult("fail", FIXED, (), METHOD, (), FIXED_ADVICE, tuple(notes))
    slopes = {name: width_slope(points, request.confidence) for name, points in moved.items()}
    middle = sorted(slopes, key=lambda name: slopes[name].value)[len(slopes) // 2]
    regime, reason = regime_of(slopes, middle)
    measures = kernel_measures(runs, request.confidence)
    if with_kernel and not measures:
        notes[UNMEASURED] = None
    measures += [
        Measure(name="exponent of the width", at={"layer": name}, estimate=value, expected=0.0)
        for name, value in slopes.items()
    ]
    measures += ansatz_measures(runs, request.confidence)
    series = [
        banded(
            Series(
                name=name,
                panel="movement of features",
                x_name="width",
                y_name="relative change of the output",
                x=tuple(float(width) for width in runs),
                y=(),
            ),
            [
                geometric_interval([m for w, m in points if w == width], request.confidence)
                for width in runs
            ],
        )
        for name, points in moved.items()
    ]
    return ProbeResult(
        VERDICTS.get(regime, "inconclusive"),
        reason,
        tuple(measures),
        METHOD,
        (*series, *kernel_series(runs, request.confidence)),
        advice_on(regime, proxies.parameterization is None),
        tuple(notes),
    )


def advice_on(regime: str, of_callable: bool) -> str:
    """What to do.

    Args:
        regime: The regime.
        of_callable: Whether the model is a user's callable with an optimizer of its own.
    """
    return OF_CALLABLE.get(regime, ADVICE[regime]) if of_callable else ADVICE[regime]


def _options(options: list[Option[Sizes]]) -> list[Option[tuple[Sizes, bool]]]:
    """What may be run, with tangent kernels; and, where not even the least fits, without them."""
    least = options[-1]
    dropped = "; ".join(filter(None, [least.dropped, "no time for the tangent kernel"]))
    return [
        *(Option((o.what, True), o.runs, o.dropped, KERNELS) for o in options),
        Option((least.what, False), least.runs, dropped),
    ]


def by_layer(runs: Runs) -> dict[str, list[tuple[float, float]]]:
    """Width and movement of every run, by layer, without further readouts.

    Args:
        runs: The runs of every width.
    """
    moved: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for width, found in runs.items():
        for run in found:
            for name, movement in run.movement.items():
                moved[name].append((float(width), movement))
    others = {name: points for name, points in moved.items() if not is_readout(runs, name)}
    return others or moved


def is_readout(runs: Runs, name: str) -> bool:
    """Whether a layer reads a width and puts out none, such as each of several heads.

    Its output at init is a sum over the width that vanishes under `mup`, so that a relative change
    would grow as width^1/2 beside features that are learned at every width alike.

    Args:
        runs: The runs of every width.
        name: The layer.
    """
    extents = [run.extent[name] for found in runs.values() for run in found if name in run.extent]
    outputs, matrices = ({extent[i] for extent in extents} for i in (0, 1))
    return len(outputs) == 1 and len(matrices) > 1


def _certain(slope: Interval) -> bool:
    """Whether a layer's movement certainly depends on the width."""
    assert slope.low is not None and slope.high is not None
    return slope.high < -TOLERANCE or slope.low > TOLERANCE


def regime_of(slopes: Mapping[str, Interval], layer: str) -> tuple[str, str]:
    """Whether features are learned alike at every width, and why.

    Args:
        slopes: Exponent of the width, by layer.
        layer: The median layer.
    """
    slope = slopes[layer]
    text = f"the movement of features grows as width^{slope} (median layer: {layer})"
    assert slope.low is not None and slope.high is not None
    if slope.low >= -TOLERANCE and slope.high <= TOLERANCE:
        apart = {n: s for n, s in slopes.items() if _certain(s)}
        if apart:
            worst = max(apart, key=lambda name: abs(apart[name].value))
            return UNDECIDED, f"not every layer: {text}, but {worst} as width^{apart[worst]}"
        return LEARNED, f"features are learned at every width alike: {text}"
    if slope.high < -TOLERANCE:
        return LAZY, f"lazy, the wider the less is learned: {text}"
    if slope.low > TOLERANCE:
        return UNSTABLE, f"unstable, the wider the more features move: {text}"
    return UNDECIDED, f"not decided: {text}"
