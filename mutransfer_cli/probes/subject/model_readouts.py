"""The readouts of what a probe measures, and what is not known of them."""

from __future__ import annotations

from mutransfer_cli.errors import InputError
from mutransfer_cli.probes.subject.proxies import Proxies
from mutransfer_cli.train.readouts import Readout, readouts_of


def readouts_in(proxies: Proxies) -> tuple[tuple[Readout, ...], str | None]:
    """The readouts of a model, and why the size of one of them is not known; None: it is.

    Args:
        proxies: The proxies.

    Raises:
        InputError: The model has no readout.
    """
    assert proxies.family is not None
    try:
        found = readouts_of(proxies.family())
    except InputError as error:
        if proxies.parameterization is not None:
            raise
        subject = proxies.train(proxies.base, 0, {}).model
        matrices = [n for n, p in subject.named_parameters() if p.dim() > 1]
        return tuple(map(Readout, matrices[-1:])), f"what it does is not known ({error.message})"
    if not found:
        raise InputError("no matrix with a fan-in that grows with the width gives the output")
    return found, next((f"{r.name}: {r.note}" for r in found if r.note), None)
