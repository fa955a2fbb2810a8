"""What a few optimizer steps do at one depth: residual stream, each tensor's share, attention."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from torch import Tensor

from mutransfer_cli.coordcheck.measure.attention_logits import attention_logits
from mutransfer_cli.coordcheck.measure.recorder import Calls, rerun, rms
from mutransfer_cli.coordcheck.measure.width_training import Make, multiply_rates, shrink, step
from mutransfer_cli.errors import InputError
from mutransfer_cli.tracing.blocks import Blocks

STREAM, CHANGE, ATTENTION = "residual stream", "its change", "change of attention logits"


@dataclass(slots=True)
class DepthMeasurement:
    """Of one depth and seed; `width` is the depth, so that slopes are fitted alike."""

    width: int
    whole: dict[str, float] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)  # by tensor, `*` for the block's number
    finite: bool = True


def measure_depth(
    make: Make, depth: int, seed: int, steps: int, blocks: Blocks, faster: float = 1.0
) -> DepthMeasurement:
    """Take `steps` steps on one tiny batch; faster multiplies the rates inside the blocks."""
    subject = make(depth, seed)
    assert subject.batch is not None and subject.optimizer is not None
    named = dict(subject.model.named_parameters())
    if faster != 1.0:
        inside = {n: faster for n in named if blocks.position(n) is not None}
        multiply_rates(subject.model, subject.optimizer, inside)
    subject.model.train()
    batch = shrink(subject.batch(seed))
    found = DepthMeasurement(depth)

    before: list[Tensor] = []
    repeated = {kind: n > 1 for kind, n in Counter(pattern(n, blocks) for n in named).items()}
    first: Calls | None = None
    for number in range(steps):
        calls, finite = step(subject, batch)
        found.finite &= finite
        if number == 0:
            before = own_logits(calls, blocks)
        old = {name: p.detach().clone() for name, p in named.items()}
        subject.optimizer.step()
        if number > 0:
            continue
        first = calls
        for name, p in named.items():
            kind = pattern(name, blocks)
            if p.grad is not None and (blocks.position(name) is None or repeated[kind]):
                share = -float((p.grad.float() * (p.detach() - old[name]).float()).sum())
                found.shares[kind] = found.shares.get(kind, 0.0) + share
    assert first is not None
    last, finite = step(subject, batch)
    found.finite &= finite
    ends = stream_of(first, depth, blocks)
    sizes = [rms(first.of[n].output) for n in ends]
    moves = [rms(last.of[n].output - first.of[n].output) for n in ends]
    found.whole[STREAM] = sum(sizes) / len(sizes)
    found.whole[CHANGE] = sum(moves) / len(moves)
    pairs = list(zip(before, own_logits(first, blocks), strict=True))
    if pairs:
        found.whole[ATTENTION] = sum(rms(b - a) for a, b in pairs) / len(pairs)
    return found


def own_logits(calls: Calls, blocks: Blocks) -> list[Tensor]:
    """Attention logits of each block alone, with its present weights on its recorded input."""
    with attention_logits() as seen:
        for name, call in calls.of.items():
            if blocks.is_block(name):
                rerun(call, {})
    return seen


def pattern(name: str, blocks: Blocks) -> str:
    """A tensor's name with its block's number as `*`."""
    place = blocks.position(name)
    return name if place is None else f"{place[0]}.*.{place[2]}"


def stream_of(calls: Calls, depth: int, blocks: Blocks) -> list[str]:
    """Names of the modules that put the residual stream out: the last block of each stack."""
    called = [name.rpartition(".") for name in calls.of if blocks.is_block(name)]
    found = [
        f"{container}.{max(numbers)}"
        for container in blocks.counts
        if (numbers := [int(number) for of, _, number in called if of == container])
    ]
    if not found:
        raise InputError(
            f"check: at depth {depth} no block of {', '.join(blocks.counts) or 'the model'} is "
            "called as a module; the depth axis needs blocks in a ModuleList"
        )
    return found
