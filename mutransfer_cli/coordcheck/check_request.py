"""The request for a check along the width: which models, and what is right for their tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mutransfer_cli.coordcheck.measure.training_step import BuildSubject
from mutransfer_cli.coordcheck.measure.width_training import Measurement, measure_width
from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation
from mutransfer_cli.coordcheck.verdict.tensor_verdict import TensorVerdict, judge
from mutransfer_cli.documents.check import FaultReport
from mutransfer_cli.errors import InputError

OPTIONS = frozenset({"seeds", "most_seeds", "steps", "first_seed", "strict"})
PROBED_SEEDS = 2  # seeds that weight decay, epsilon and inference are measured with


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """Which models are checked, and against what.

    Attributes:
        build: Makes the subject of a width and a seed.
        expected: By tensor, the exponents that are right.
        parameterization: The name of what the models are held against.
        widths: In ascending order.
        seeds: Number of seeds at first.
        most_seeds: Number of seeds where anything is doubtful; twice as many where it stays so.
        steps: Optimizer steps of each training.
        first_seed: The seeds are counted from here.
        strict: Whether a warning fails.
        faults: Faults that show in the traced model, before any measurement.
        hints: For the reader of a failure.
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

    @property
    def ratio(self) -> float:
        """The largest width over the smallest."""
        return self.widths[-1] / self.widths[0]

    def measure(
        self, seeds: Sequence[int], lr_factors: Mapping[int, Mapping[str, float]] | None = None
    ) -> list[Measurement]:
        """Measure all widths with some seeds.

        Args:
            seeds: Counted from `first_seed`.
            lr_factors: By width and tensor, factors on learning rates, for the negative control.
        """
        return [
            measure_width(
                self.build,
                width,
                self.first_seed + seed,
                self.steps,
                lr_factors[width] if lr_factors else None,
                probe=seed < PROBED_SEEDS and lr_factors is None,
            )
            for seed in seeds
            for width in self.widths
        ]

    def judge(self, measurements: Sequence[Measurement]) -> list[TensorVerdict]:
        """The verdict on every tensor."""
        return [judge(name, measurements, e) for name, e in self.expected.items()]


def request_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a caller as fields of a request; `seed` is `first_seed`.

    Raises:
        InputError: There is no such option.
    """
    fields = {"first_seed" if name == "seed" else name: value for name, value in options.items()}
    for name in fields:
        if name not in OPTIONS:
            known = ", ".join(sorted(OPTIONS))
            raise InputError(f"check: unknown option {name!r}; known: {known}")
    return fields
