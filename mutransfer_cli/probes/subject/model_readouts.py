"""The readouts of what a probe measures, and what is not known of them."""

from __future__ import annotations

from mutransfer_cli.errors import InputError
from mutransfer_cli.probes.subject.proxies import Proxies
from mutransfer_cli.train.norms.readouts import Readout, readouts_of


def readouts_in(proxies: Proxies) -> tuple[tuple[Readout, ...], str | None]:
    """The readouts of a model, and why the size of one of them is not known; None: it is.

    Args:
        proxies: The proxies.

    Raises:
        InputError: The model of a recipe cannot be traced.
    """
    assert proxies.family is not None
    why = "no matrix that gives the output has a fan-in that grows and a fan-out that does not"
    try:
        found = readouts_of(proxies.family())
    except InputError as error:
        if proxies.parameterization is not None:
            raise
        found, why = (), f"what it does is not known ({error.message})"
    if found or proxies.parameterization is not None:
        return found, next((f"{r.name}: {r.note}" for r in found if r.note), None)
    model = proxies.train(proxies.base, 0, {}).model
    matrices = [name for name, p in model.named_parameters() if p.dim() > 1]
    return tuple(map(Readout, matrices[-1:])), f"the last one is taken, since {why}"
