"""The request for a check along the width: which models, and the exponents to expect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mutransfer_cli.coordcheck.measure.training_step import BuildSubject
from mutransfer_cli.coordcheck.measure.width_training import Measurement, measure_width
from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation
from mutransfer_cli.coordcheck.verdict.tensor_verdict import TensorVerdict, judge
from mutransfer_cli.documents.check import FaultReport
from mutransfer_cli.errors import InputError

OPTIONS = frozenset({"seeds", "most_seeds", "steps", "first_seed", "strict"})
PROBED_SEEDS = 2  # seeds with which weight decay, epsilon and inference are measured


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """Which models to check, and the exponents to compare them with.

    Attributes:
        build: Builds the subject for a width and a seed.
        expected: The expected exponents of each tensor.
        parameterization: Name of the parameterization to compare with.
        widths: Widths in ascending order.
        seeds: Initial number of seeds.
        most_seeds: Number of seeds while a deviation is doubtful; twice as many while one is
            borderline.
        steps: Number of optimizer steps per training.
        first_seed: The first seed.
        strict: Whether warnings fail the check.
        faults: Faults in the traced model, found before any measurement.
        hints: Hints to show if the check fails.
        notes: Notes to show in any case.
        axis: Name of the axis that the widths are sizes of.
        may_fade: Whether the outputs of branches may shrink at init, as a rule of the axis says.
        sum_power: Exponent of the number of terms by which a rule of the axis multiplies the terms
            of a sum; None: the parameterization's.
        unjudged: Role and reason of tensors for which there are no expected exponents.
    """

    build: BuildSubject
    expected: Mapping[str, Expectation]
    parameterization: str
    widths: tuple[int, ...]
    seeds: int = 3
    most_seeds: int = 6
    steps: int = 3
    first_seed: int = 0
    strict: bool = False
    faults: tuple[FaultReport, ...] = ()
    hints: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    axis: str = "width"
    may_fade: bool = False
    sum_power: float | None = None
    unjudged: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """The largest width divided by the smallest."""
        return self.widths[-1] / self.widths[0]

    def measure(
        self, seeds: Sequence[int], lr_factors: Mapping[int, Mapping[str, float]] | None = None
    ) -> list[Measurement]:
        """Measure all widths with some seeds.

        Args:
            seeds: Offsets from `first_seed`.
            lr_factors: Factors on learning rates by width and tensor, for the negative control.
        """
        readouts = {name for name, e in self.expected.items() if e.acts_as == "readout"}
        return [
            measure_width(
                self.build,
                width,
                self.first_seed + seed,
                self.steps,
                lr_factors[width] if lr_factors else None,
                probe=seed < PROBED_SEEDS and lr_factors is None,
                readouts=readouts,
            )
            for seed in seeds
            for width in self.widths
        ]

    def judge(self, measurements: Sequence[Measurement]) -> list[TensorVerdict]:
        """The verdict on every tensor."""
        return [judge(name, measurements, e) for name, e in self.expected.items()]


def request_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a caller's options to fields of a request; `seed` becomes `first_seed`.

    Raises:
        InputError: There is no such option.
    """
    fields = {"first_seed" if name == "seed" else name: value for name, value in options.items()}
    for name in fields:
        if name not in OPTIONS:
            known = ", ".join(sorted(OPTIONS))
            raise InputError(f"check: unknown option {name!r}; known: {known}")
    return fields
