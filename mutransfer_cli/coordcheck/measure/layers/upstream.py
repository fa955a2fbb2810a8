"""Which layer comes before each layer, and how large its output is."""

from __future__ import annotations

from collections.abc import Set
from typing import NamedTuple

from torch import Tensor, nn

from mutransfer_cli.coordcheck.measure.operation_effects import inner_operations
from mutransfer_cli.coordcheck.measure.operations.operation import CONTRACTION, Operation
from mutransfer_cli.coordcheck.measure.recorder import Calls, first_float_tensor, rms

FINGERPRINT_ENTRIES = 64  # entries that tell activations apart
FINGERPRINT_UNIT = 0.1  # relative to the activation's size: far above rounding

Fingerprint = tuple[tuple[int, ...], tuple[float, ...]]


class Upstream(NamedTuple):
    """The layer before another one: its module, and the RMS of its output.

    A layer that is no module, such as `x @ self.U` in a forward pass, has the module before it, or
    '' if there is none.
    """

    module: str
    size: float


def upstream_layers(
    model: nn.Module, calls: Calls, readouts: Set[str] = frozenset()
) -> dict[str, Upstream]:
    """For each tensor of a module, the layer with tensors of its own that ended before it.

    Modules that read one input, such as the heads of a VAE, have one layer before them. What a
    readout reads grows with the width, so no other readout is the layer before it: a learned score
    only weighs the positions that are pooled.

    Args:
        model: The model.
        calls: The calls of one pass.
        readouts: The tensors that act as readouts.
    """
    layers: dict[str, Upstream] = {}
    previous: Upstream | None = None
    growing: Upstream | None = None  # the last one that is no readout
    before: dict[Fingerprint, tuple[Upstream | None, Upstream | None]] = {}
    parameters = dict(model.named_parameters())
    names = {id(p): name for name, p in parameters.items()}
    operations = inner_layers(calls)
    for path, call in calls.by_module.items():  # in the order in which the calls ended
        own = [names[id(p)] for p in call.module.parameters(recurse=False)]
        own += [n for n in parameters if n.startswith(f"{path}.parametrizations.")]
        if not own:
            continue
        x = first_float_tensor(call.args)
        while operations and operations[0][1].number < call.number:
            name, op = operations.pop(0)
            y = op.run(parameters[name].detach())
            inside = not path or f"{op.module}.".startswith(f"{path}.")
            if not inside and x is not None and y.shape[-1:] == x.shape[-1:] and bool(y.any()):
                previous = Upstream(previous.module if previous else "", rms(y))
                growing = growing if name in readouts else previous
        found = previous, growing
        if x is not None:
            found = before.setdefault(fingerprint(x), found)
        reads_out = not readouts.isdisjoint(own)
        source = found[1] if reads_out else found[0]
        if source:
            layers.update(dict.fromkeys(own, source))
        previous = Upstream(path, rms(call.output))
        growing = growing if reads_out else previous
    return layers


def inner_layers(calls: Calls) -> list[tuple[str, Operation]]:
    """Operations on parameters that are not the whole of a module, in their order.

    A product that is summed in a second call, such as a score, is left out: what follows reads
    other activations.
    """
    found = [
        (name, group[0])
        for name, groups in inner_operations(calls).items()
        for group in groups
        if group[0].name != CONTRACTION
    ]
    return sorted(found, key=lambda layer: layer[1].number)


def fingerprint(x: Tensor) -> Fingerprint:
    """What tensors have in common that differ at most by a positive factor, such as a multiplier.

    Args:
        x: An activation.
    """
    entries = x.detach().flatten()
    entries = entries[:: max(1, len(entries) // FINGERPRINT_ENTRIES)]
    units = entries / (FINGERPRINT_UNIT * rms(entries) or 1.0)
    return tuple(x.shape), tuple(units.round().tolist())
