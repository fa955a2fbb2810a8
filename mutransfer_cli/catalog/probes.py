"""Probes: measurements of learning mechanics, which `mutransfer probe` runs."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.catalog.registry import Entry, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeEntry(Entry):
    """A row for a probe.

    Attributes:
        question: The question that it answers.
        takes: What it measures: `recipe`, `run`, `callable`, `table`; none: nothing, it brings its
            own model.
        options: Options of the command that it understands besides those of all probes.
        logarithmic: Whether ratios of its values matter, such as those of powers of a size, which
            are straight lines in log-log.
    """

    question: str
    takes: tuple[str, ...] = ("recipe", "run", "callable")
    options: tuple[str, ...] = ()
    logarithmic: bool = False


_PROBES = "mutransfer_cli.probes"

PROBES = Registry(
    "probes",
    ProbeEntry,
    [
        ProbeEntry(
            name="sharpness",
            summary="curvature in the optimizer's own norm against its threshold of stability",
            question="Is this learning rate at the edge of stability?",
            implementation=f"{_PROBES}.sharpness:probe_sharpness",
        ),
        ProbeEntry(
            name="noise",
            summary="gradient noise scale along training",
            question="Up to which batch size does a larger batch pay?",
            implementation=f"{_PROBES}.noise:probe_noise",
            logarithmic=True,
        ),
        ProbeEntry(
            name="features",
            summary="movement of every layer's output since init, over widths",
            question="Do the layers learn features, at every width alike?",
            implementation=f"{_PROBES}.features:probe_features",
            logarithmic=True,
        ),
        ProbeEntry(
            name="entangle",
            summary="how far the optimum of one hyperparameter moves with another",
            question="Which hyperparameters can be tuned one at a time?",
            implementation=f"{_PROBES}.entangle:probe_entangle",
            takes=("run",),
        ),
        ProbeEntry(
            name="collapse",
            summary="loss curves of all sizes, normalized, against the spread of seeds",
            question="Do all sizes train alike, and where will this run end?",
            implementation=f"{_PROBES}.collapse:probe_collapse",
            takes=("run", "table"),
            options=("predict", "curve"),
        ),
        ProbeEntry(
            name="norms",
            summary="norms of weights and updates, and the alignment of updates with their inputs",
            question="Do weights and updates have the same size at every width?",
            implementation=f"{_PROBES}.norms:probe_norms",
            logarithmic=True,
        ),
        ProbeEntry(
            name="limit",
            summary="losses, logits and features extrapolated to infinite size and to small steps",
            question="How far is this proxy from the infinite model, and along which axis most?",
            implementation=f"{_PROBES}.limit:probe_limit",
            takes=("recipe", "run"),
        ),
        ProbeEntry(
            name="universality",
            summary="agreement of what widths, seeds and parameterizations have learned",
            question="Do all widths and seeds learn the same thing?",
            implementation=f"{_PROBES}.universality:probe_universality",
        ),
        ProbeEntry(
            name="predict-lr",
            summary="the best learning rate from curvature and short runs on the smallest rung",
            question="Where should a search for the learning rate start?",
            implementation=f"{_PROBES}.predict_lr:probe_predict_lr",
        ),
        ProbeEntry(
            name="kernel",
            summary="learning curve of the tangent kernel, measured and from its spectrum",
            question="Does theory predict how many examples the model's kernel needs?",
            implementation=f"{_PROBES}.kernel:probe_kernel",
        ),
        ProbeEntry(
            name="linear",
            summary="a deep linear network against its exact solution",
            question="Does the engine follow gradient flow where the solution is known?",
            implementation=f"{_PROBES}.linear:probe_linear",
            takes=(),
        ),
    ],
)
