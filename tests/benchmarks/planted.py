"""Errors planted by hand, and random ones, into correct models: how many are found and named.

python -m tests.benchmarks.planted                 the planted ones
python -m tests.benchmarks.planted random N SEED   N random ones
python -m tests.benchmarks.planted power N SEED    N for each size of the exponent's error
python -m tests.benchmarks.planted repairs         the planted ones, repaired as the reports say
python -m tests.benchmarks.planted repairs N SEED  N random ones, repaired
"""

from __future__ import annotations

import random
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import torch
from torch import nn

from mutransfer_cli.coordcheck.check_request import CheckRequest
from mutransfer_cli.coordcheck.measure.training_step import optimizer_parts
from mutransfer_cli.coordcheck.recipe_check import width_request
from mutransfer_cli.coordcheck.report.result import CheckReport
from mutransfer_cli.coordcheck.width_check import run_width_check
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.recipe.load import loads
from tests.benchmarks.given_words import given_words
from tests.helpers.changed_rates import multiply_learning_rates
from tests.helpers.check_models import RECIPES
from tests.helpers.repairs import repaired, repairs_of

WIDTHS = (64, 128, 256)
Found = set[tuple[str, str]]  # tensor, aspect


@dataclass(frozen=True)
class Error:
    """Multiply an aspect of the tensors that match by m^power; m is 1 at the smallest width."""

    aspect: str  # lr | init | decay | multiplier
    pattern: str
    power: float

    def applied(self, model: nn.Module, subject: Subject, m: float) -> None:
        names = self.names(model)
        assert subject.optimizer is not None
        if self.aspect == "lr":
            multiply_learning_rates(model, subject.optimizer, dict.fromkeys(names, m**self.power))
        elif self.aspect == "init":
            with torch.no_grad():
                for name, p in model.named_parameters():
                    if name in names:
                        p.mul_(m**self.power)
        elif self.aspect == "decay":
            multiply_learning_rates(model, subject.optimizer, dict.fromkeys(names, 1.0))
            ids = {id(p) for name, p in model.named_parameters() if name in names}
            for part in optimizer_parts(subject.optimizer):
                for group in part.param_groups:
                    if any(id(p) in ids for p in group["params"]):
                        group["weight_decay"] *= m**self.power
        else:
            scaled = next(x for x in model.modules() if hasattr(x, "logit_scale"))
            scaled.logit_scale = scaled.logit_scale * m**self.power  # type: ignore[operator,assignment]  # a float

    def names(self, model: nn.Module) -> list[str]:
        found = [
            n
            for n, _ in model.named_parameters()
            if any(fnmatchcase(n, part) for part in self.pattern.split("|"))
        ]
        assert found, self.pattern
        return found


def lr(pattern: str, power: float) -> Error:
    return Error("lr", pattern, power)


def init(pattern: str, power: float) -> Error:
    return Error("init", pattern, power)


MULTIPLIER = Error("multiplier", "readout.weight", 1.0)
MATRICES = "*.qkv.weight|*.out.weight|*.up.weight|*.down.weight"
GPT: list[list[Error]] = [
    [lr(MATRICES, 1.0)],
    [lr(MATRICES, 0.5)],
    [lr("blocks.0.attention.qkv.weight", 1.0)],
    [lr("blocks.1.mlp.down.weight", 0.5)],
    [lr("blocks.0.mlp.up.weight", -0.5)],
    [lr("token.weight", -1.0)],
    [lr("position.weight", -0.5)],
    [lr("readout.weight", -1.0)],
    [lr("readout.weight", 0.5)],
    [lr("*.norm1.weight", -1.0)],
    [lr("norm.bias", -0.5)],
    [lr("blocks.1.norm2.bias", 1.0)],
    [init("blocks.1.attention.out.weight", 0.5)],
    [init("blocks.0.mlp.up.weight", -0.5)],
    [init("blocks.*.mlp.down.weight", 0.5)],
    [MULTIPLIER],
    [lr("blocks.0.attention.qkv.weight", 1.0), init("blocks.1.mlp.down.weight", 0.5)],
    [lr("token.weight", -0.5), lr("blocks.1.mlp.up.weight", 0.5)],
]
MLP: list[list[Error]] = [
    [lr("hidden.*.weight", 1.0)],
    [lr("hidden.0.weight", 1.0)],
    [lr("hidden.1.weight", -0.5)],
    [lr("input.weight", -1.0)],
    [lr("input.bias", -0.5)],
    [lr("hidden.0.bias", 1.0)],
    [lr("readout.weight", 1.0)],
    [init("hidden.0.weight", 0.5)],
    [init("hidden.1.weight", -0.5)],
    [init("input.weight", 0.5)],
    [MULTIPLIER],
    [lr("hidden.0.weight", 0.5), init("hidden.1.weight", 0.5)],
]
CONVNET: list[list[Error]] = [
    [lr("blocks.*.dense.weight|blocks.*.out.weight", 1.0)],
    [lr("blocks.0.dense.weight", 1.0)],
    [lr("blocks.1.out.weight", -0.5)],
    [lr("blocks.0.depthwise.weight", -1.0)],
    [lr("stem.weight", -0.5)],
    [lr("readout.weight", 1.0)],
    [lr("blocks.1.inner.weight", -1.0)],
    [init("blocks.1.dense.weight", 0.5)],
    [init("blocks.0.out.weight", -0.5)],
    [MULTIPLIER],
]
LLAMA: list[list[Error]] = [
    [lr("*_proj.weight", 1.0)],
    [lr("model.layers.0.self_attn.q_proj.weight", 1.0)],
    [lr("model.layers.1.self_attn.v_proj.weight", 0.5)],
    [lr("model.layers.1.mlp.gate_proj.weight", -0.5)],
    [lr("model.layers.0.mlp.down_proj.weight", 1.0)],
    [lr("model.embed_tokens.weight", -1.0)],
    [lr("lm_head.weight", -1.0)],
    [lr("model.norm.weight", -0.5)],
    [init("model.layers.0.self_attn.o_proj.weight", 0.5)],
    [init("model.layers.1.mlp.up_proj.weight", -0.5)],
]
DECAY = [[Error("decay", "blocks.0.mlp.up.weight", -1.0)], [Error("decay", MATRICES, -1.0)]]
PLANTED: dict[str, list[list[Error]]] = {
    "gpt adam": GPT,
    "gpt adamw, decay": [*GPT, *DECAY],
    "gpt sgd": GPT,
    "gpt muon": [e for e in GPT if e[0] != MULTIPLIER],
    "mlp adam": MLP,
    "mlp sgd": MLP,
    "convnet BatchNorm": CONVNET,
    "Llama": LLAMA,
}
ASPECTS = {"lr": "lr", "init": "init", "weight": "decay", "multiplier": "multiplier"}


def with_errors(kind: str, errors: Sequence[Error], seed: int) -> tuple[CheckRequest, Found]:
    """The request for a check of a model with errors, and what its report should name."""
    request = width_request(loads("name: kind\n" + RECIPES[kind]).recipe, WIDTHS, None)
    wanted: Found = set()

    def build(width: int, number: int) -> Subject:
        subject = request.build(width, number)
        for error in errors:
            error.applied(subject.model, subject, width / WIDTHS[0])
            wanted.update((name, error.aspect) for name in error.names(subject.model))
        return subject

    return replace(request, build=build, first_seed=seed), wanted


def checked(kind: str, errors: Sequence[Error], seed: int) -> tuple[CheckReport, Found]:
    """The report on a model with errors, and what should be in it."""
    request, wanted = with_errors(kind, errors, seed)
    return run_width_check(request), wanted


def named(report: CheckReport) -> Found:
    return {
        (t.name, ASPECTS.get(str(t.finding).split("-")[0], str(t.finding)))
        for t in report.tensors
        if t.finding and t.verdict in {"fail", "warn"}
    }


def classical(report: CheckReport) -> bool:
    """The usual coordinate check, automated: a slope of a module's init or change beyond ±0.25.

    Activations and changes should not depend on width; the logits of a correct model may shrink at
    init, down to width^-1/2.
    """
    for m in report.document.modules:
        for slope, low in ((m.init_slope, -0.75), (m.change_slope, -0.25)):
            if slope is not None and not low <= slope.value <= 0.25:
                return True
    return False


def drawn(
    rng: random.Random,
    count: int = 3,
    sizes: Sequence[float] = (0.5, 1.0),
) -> tuple[str, list[Error]]:
    """A random model with up to `count` random errors in learning rate or init."""
    kind = rng.choice(list(PLANTED))
    request = width_request(loads("name: kind\n" + RECIPES[kind]).recipe, WIDTHS, None)
    matrices = [n for n, e in request.expected.items() if e.role in {"hidden", "convolution"}]
    errors = []
    for name in rng.sample(list(request.expected), rng.randint(1, count)):
        aspect = rng.choice(["lr", "init"]) if name in matrices else "lr"
        errors.append(Error(aspect, name, rng.choice([-1, 1]) * rng.choice(sizes)))
    return kind, errors


def power(cases: int, seed: int) -> None:
    """The share of single errors found, against the size of the exponent's error."""
    print("exponent off by   found   inconclusive   the classical check")
    for tenth in range(1, 11):
        rng = random.Random(seed + tenth)
        verdicts: Counter[str] = Counter()
        noticed = 0
        for number in range(cases):
            report, _ = checked(*drawn(rng, 1, (tenth / 10,)), 10 * number)
            verdicts[report.verdict] += 1
            noticed += classical(report)
        found, unsure = verdicts["fail"] / cases, verdicts["inconclusive"] / cases
        print(f"{tenth / 10:15.1f} {found:7.0%} {unsure:14.0%} {noticed / cases:21.0%}", flush=True)


def planted() -> list[tuple[str, list[Error]]]:
    return [(kind, errors) for kind, rows in PLANTED.items() for errors in rows]


def randoms(cases: int, seed: int) -> list[tuple[str, list[Error]]]:
    rng = random.Random(seed)
    return [drawn(rng) for _ in range(cases)]


def tally(cases: Sequence[tuple[str, list[Error]]]) -> Counter[str]:
    """How many of the errors are found, and exactly named; prints those that are not."""
    count: Counter[str] = Counter()
    for number, (kind, errors) in enumerate(cases):
        report, wanted = checked(kind, errors, 10 * number)
        found = named(report)
        count["all"] += 1
        count["found"] += bool(found & wanted) or report.verdict == "fail"
        count["exact"] += found == wanted
        count["classical"] += classical(report)
        if found != wanted:
            said = " + ".join(f"{e.aspect} {e.pattern} {e.power:+g}" for e in errors)
            missed, more = sorted(wanted - found)[:3], sorted(found - wanted)[:3]
            print(f"{kind}: {said}: missed {missed}, more {more}", flush=True)
    print(
        f"{count['all']} errors: found {count['found']}, exactly named {count['exact']}; "
        f"the classical check noticed {count['classical']}",
        flush=True,
    )
    return count


def tally_repairs(cases: Sequence[tuple[str, list[Error]]]) -> Counter[str]:
    """How many failing tensors have repairs for programs, and how many models pass with them."""
    count: Counter[str] = Counter()
    for number, (kind, errors) in enumerate(cases):
        request, _ = with_errors(kind, errors, 10 * number)
        report = run_width_check(request)
        failing = [t for t in report.tensors if t.verdict == "fail"]
        count["tensors"] += len(failing)
        count["with repairs"] += sum(bool(t.repairs) for t in failing)
        again = run_width_check(replace(request, build=repaired(request.build, report.document)))
        count["all"] += 1
        count[again.verdict] += 1
        if not again.passed or not all(t.repairs for t in failing):
            said = " + ".join(f"{e.aspect} {e.pattern} {e.power:+g}" for e in errors)
            applied = [(r.name, r.quantity, r.power) for r in repairs_of(report.document)]
            print(f"{kind}: {said}: {applied}: {again.sentences}", flush=True)
    print(
        f"{count['with repairs']} of {count['tensors']} failing tensors have repairs; with them "
        f"{count['pass']} of {count['all']} models pass, {count['inconclusive']} are undecided",
        flush=True,
    )
    return count


def main() -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    match given_words(__doc__):
        case ["power", cases, seed]:
            power(int(cases), int(seed))
        case ["repairs"]:
            tally_repairs(planted())
        case ["repairs", cases, seed]:
            tally_repairs(randoms(int(cases), int(seed)))
        case ["random", cases, seed]:
            tally(randoms(int(cases), int(seed)))
        case _:
            tally(planted())


if __name__ == "__main__":
    main()
