"""Every stack's learning rates are the planned ones, or a deviation names a step and its rate.

The planned ones by hand: (t + 1) / W in a warmup of W steps, then the decay of the recipe, which
reaches `final` after the last step.
"""

from __future__ import annotations

from math import cos, pi
from pathlib import Path

import pytest

from mutransfer_cli.catalog.stacks import STACKS
from mutransfer_cli.documents.scale import Deviation
from mutransfer_cli.emit.scale import EmitResult, scale
from tests.helpers.emit_recipes import emit_recipe
from tests.helpers.stack_schedules import RATES

STEPS = 40
SCHEDULES = {
    "linear": ("{name: linear, warmup: 0.1, final: 0.0}", 4, 36),
    "linear with a floor": ("{name: linear, warmup: 0.25, final: 0.2}", 10, 30),
    "cosine": ("{name: cosine, warmup: 0.1, final: 0.1}", 4, 36),
    "one step of warmup": ("{name: cosine, warmup: 0.025, final: 0.1}", 1, 39),
    "no warmup": ("{name: cosine, warmup: 0, final: 0.0}", 0, 40),
    "constant": ("{name: constant, warmup: 0.1}", 4, 0),
    "wsd": ("{name: wsd, warmup: 0.1, final: 0.1, decay: 0.2}", 4, 8),
}


def planned(case: str) -> list[float]:
    text, warmup, falling = SCHEDULES[case]
    final = float(text.partition("final: ")[2].split(",")[0].rstrip("}") or 0)
    rates = []
    for t in range(STEPS):
        left = min(1.0, (STEPS - t) / falling) if falling else 1.0
        if "cosine" in text:
            left = (1 + cos(pi * (1 - left))) / 2
        rates.append((t + 1) / warmup if t < warmup else final + (1 - final) * left)
    return rates


def emitted(folder: Path, format: str, case: str) -> EmitResult:
    recipe = "llama" if STACKS[format].models == "transformers" else "gpt"
    if format in ("torchtitan", "hf-granite", "automodel"):
        recipe = "llama"
    return scale(
        emit_recipe(folder, recipe),
        sets=[f"schedule={SCHEDULES[case][0]}"],
        width=256 if recipe == "llama" else 64,
        steps=STEPS,
        format=format,
    )


def undeclared(rates: list[float], wanted: list[float], said: tuple[Deviation, ...]) -> str:
    """What is wrong: the run's length, or the first different rate that no deviation names."""
    if len(rates) != len(wanted):
        return f"{len(rates)} steps"
    by_step = {d.what.rpartition(" ")[2]: d for d in said if d.what.startswith("schedule at step")}
    if any(d.what == "schedule" for d in said):
        return ""  # another shape; its warmup is declared as any other
    for step, (rate, want) in enumerate(zip(rates, wanted, strict=True)):
        if rate != pytest.approx(want, abs=1e-9):
            d = by_step.get(str(step + 1))
            if d is None:
                return f"step {step + 1}: {rate}, planned {want}"
            right = (d.wanted, d.got) == (pytest.approx(want), pytest.approx(rate, abs=1e-9))
            return "" if right else f"{d.what}: {d.got}, not {rate}"
    return "" if not by_step else f"{[*by_step.values()]} does not happen"


@pytest.mark.parametrize("case", SCHEDULES)
@pytest.mark.parametrize("format", STACKS.names)
def test_rates_are_planned_or_declared(tmp_path: Path, format: str, case: str) -> None:
    found = emitted(tmp_path, format, case)
    rates = RATES[format](found.files)
    assert undeclared(rates, planned(case), found.document.deviations) == ""


@pytest.mark.parametrize("format", STACKS.names)
def test_a_row_without_a_source_holds_the_schedule_itself(format: str) -> None:
    """A stack with a schedule of its own says where it was read, and of which version."""
    own = RATES[format].__name__ not in ("emitted_functions", "optax", "document", "header")
    assert bool(STACKS[format].schedule_source) == own


def test_other_shapes_name_the_step_and_its_rate(tmp_path: Path) -> None:
    """A cosine instead of a line over 36 steps: apart by (1 - cos(pi x)) / 2 - x, most at 3/4."""
    found = emitted(tmp_path, "nanogpt-mup", "linear")
    (shape,) = [d for d in found.document.deviations if d.what == "schedule"]
    assert (shape.wanted, shape.got) == ("linear", "cosine")
    rates, wanted = RATES["nanogpt-mup"](found.files), planned("linear")
    step = int(shape.consequence.partition("at step ")[2].split(" ")[0]) - 1
    assert abs(rates[step] - wanted[step]) == pytest.approx(
        max(abs(a - b) for a, b in zip(rates[4:], wanted[4:], strict=True))
    )
    assert f"{rates[step]:.3g} of the peak instead of {wanted[step]:.3g}" in shape.consequence


def test_a_wrong_rate_or_a_wrong_row_is_noticed(tmp_path: Path) -> None:
    """The controls: a step too many, a late warmup that is not declared, one that is not there."""
    wanted = planned("cosine")
    assert undeclared([*wanted, 0.1], wanted, ()) == "41 steps"
    late = [0.0, *wanted[:3], *wanted[4:]]
    assert undeclared(late, wanted, ()).startswith("step 1: 0.0")
    found = emitted(tmp_path, "megatron", "cosine")
    assert undeclared(wanted, wanted, found.document.deviations).endswith("does not happen")
    assert not [d for d in emitted(tmp_path, "torch", "cosine").document.deviations]


def test_no_step_of_warmup_deviates_from_nothing(tmp_path: Path) -> None:
    found = emitted(tmp_path, "megatron", "no warmup")
    assert not [d for d in found.document.deviations if d.what.startswith("schedule")]
