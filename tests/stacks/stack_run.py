"""Runs one stack's formats on the cases: `python -m tests.stacks.stack_run NAME OUTPUT [CASE,…]`.

Runs inside the stack's environment and writes one JSON object per outcome.
"""

from __future__ import annotations

import json
import sys
import tempfile
import traceback
from dataclasses import asdict, dataclass, field
from importlib import import_module, metadata
from pathlib import Path

import torch

from mutransfer_cli.emit.scale import scale
from mutransfer_cli.errors import InputError
from mutransfer_cli.plans.loading import plan_of
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.size import target_size
from tests.stacks.built import Adapter, BuiltStack, Emitted
from tests.stacks.cases import CASES, StackCase
from tests.stacks.comparison import close, declared, differences, undeclared
from tests.stacks.precision import double_precision
from tests.stacks.readings import planned_readings
from tests.stacks.registry import StackRow, rows
from tests.stacks.training import (
    copy_weights,
    plan_curve,
    plan_optimizers,
    planned_shares,
    token_batches,
)

LOSS_TOLERANCE = 1e-6
# With one of these declared, the stack's losses are those of another model or another objective.
OTHER_MODEL = (
    "model",
    "tied",
    "bias",
    "tensor",
    "attention_scale",
    "logit_scale",
    "orthogonalization",
)


@dataclass
class Outcome:
    """What came of one format and one case.

    Attributes:
        format: The format.
        case: The case.
        result: refused, equal, declared, different or failed.
        detail: The reason, the differences or the error.
        loss_difference: The largest relative difference of a loss; None: not compared.
        version: Version of the stack.
        deviations: What the file declares.
    """

    format: str
    case: str
    result: str
    detail: str = ""
    loss_difference: float | None = None
    version: str = ""
    deviations: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether the stack does what the plan says, or what the file declares."""
        return self.result in ("refused", "equal", "declared")


def emit(format: str, case: StackCase, folder: Path) -> Emitted:
    """Write the files of a format.

    Raises:
        InputError: The format refuses the recipe.
    """
    path = case.write(folder)
    loaded = load(path)
    found = scale(path, width=case.width, depth=case.depth, format=format)
    out = folder / "out"
    out.mkdir()
    found.write(out)
    plan = plan_of(scale(path, width=case.width, depth=case.depth).document)
    size = target_size(
        loaded.recipe, width=case.width, depth=case.depth, batch=None, steps=None, tokens=None
    )
    return Emitted(format, out, found.files, found.document, plan, loaded.recipe, case, size)


def try_case(format: str, adapter: Adapter, case: StackCase, folder: Path) -> Outcome:
    """Emit, build, compare and train one case."""
    folder.mkdir(exist_ok=True)
    try:
        emitted = emit(format, case, folder)
    except InputError as error:
        refused = str(error).startswith(f"--format {format}:")
        return Outcome(format, case.name, "refused" if refused else "failed", str(error))
    outcome = Outcome(format, case.name, "failed")
    outcome.deviations = [d.what for d in emitted.document.deviations]
    try:
        with double_precision():
            compare(emitted, adapter(emitted), outcome)
    except Exception as error:  # whatever the stack raises is the outcome
        traceback.print_exc()
        outcome.detail = f"{type(error).__name__}: {error}"
    return outcome


def compare(emitted: Emitted, stack: BuiltStack, outcome: Outcome) -> None:
    """Fill in an outcome from the numbers, the schedule and the losses."""
    model = emitted.user_model()
    emitted.plan.initialize(model, 0)
    found = undeclared(emitted, differences(emitted, stack, model))
    said = {what for what, _ in declared(emitted)}
    faults = [
        f"{what} of {name}: planned {a}, actual {b}" for (what, name), (a, b) in found.items()
    ]
    if not found and not said & set(OTHER_MODEL):
        faults += compare_training(emitted, stack, model, outcome, said)
    outcome.result = "different" if faults else "declared" if outcome.deviations else "equal"
    outcome.detail = "; ".join(faults)


def compare_training(
    emitted: Emitted, stack: BuiltStack, model: torch.nn.Module, outcome: Outcome, said: set[str]
) -> list[str]:
    """Train the stack and the plan from the same weights; faults of schedule and losses.

    Args:
        emitted: The files and their plan.
        stack: The built stack.
        model: The proxies' model, initialized by the plan.
        outcome: Receives the difference of the losses.
        said: The quantities that the file declares.
    """
    planned = planned_readings(emitted, model)
    ratios = copy_weights(planned, model, stack, emitted.plan.forward.get("attention_scale"))
    own = not said & {"lr", "weight_decay", "eps", "optimizer"}
    emitted.plan.install(model)
    optimizers = plan_optimizers(emitted, model, stack, ratios, own)
    batches, faults = token_batches(), []
    curve = stack.train(stack, batches)
    shares = planned_shares(emitted)
    wrong = [
        f"step {i}: {b:.4g} of the peak, planned {a:.4g}"
        for i, (a, b) in enumerate(zip(shares, curve.shares, strict=True))
        if not close(a + 1e-9, b + 1e-9, 1e-5)
    ]
    if wrong and "schedule" not in {what.split()[0] for what in said}:
        faults.append(f"schedule: {wrong[0]} (and {len(wrong) - 1} other steps)")
    losses = plan_curve(model, optimizers, batches, curve.shares, (stack.clip, ratios))
    outcome.loss_difference = max(
        abs(a - b) / abs(a) for a, b in zip(losses, curve.losses, strict=True)
    )
    if not outcome.loss_difference <= LOSS_TOLERANCE:
        first = next(i for i, (a, b) in enumerate(zip(losses, curve.losses, strict=True))
                     if not close(a, b, LOSS_TOLERANCE))  # fmt: skip
        faults.append(
            f"losses differ by {outcome.loss_difference:.2g} from step {first} "
            f"({curve.losses[first]:.8g}, with the plan {losses[first]:.8g})"
        )
    return faults


def run_stack(row: StackRow, cases: list[str] | None = None) -> list[Outcome]:
    """Try every format of a stack on every case."""
    version = ""
    if row.distribution:
        version = metadata.version(row.distribution)
    outcomes = []
    for format, path in row.formats.items():
        module, _, name = path.partition(":")
        adapter: Adapter = getattr(import_module(module), name)
        for case in CASES:
            if cases is not None and case.name not in cases:
                continue
            if case.stacks and row.name not in case.stacks:
                continue
            with tempfile.TemporaryDirectory() as folder:
                outcome = try_case(format, adapter, case, Path(folder))
            outcome.version = version
            outcomes.append(outcome)
    return outcomes


def main(name: str, output: str, cases: str = "") -> None:
    """Run one stack, and write its outcomes."""
    torch.set_num_threads(1)
    (row,) = rows([name])
    outcomes = run_stack(row, cases.split(",") if cases else None)
    Path(output).write_text("\n".join(json.dumps(asdict(o)) for o in outcomes))


if __name__ == "__main__":
    main(*sys.argv[1:])
