"""Where a sweep begins along the learning rate, by the probe predict-lr."""

from __future__ import annotations

from math import inf, log2
from pathlib import Path

from mutransfer_cli.catalog.probes import PROBES
from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.probe_run import Probe, ProbeRequest
from mutransfer_cli.probes.subject.proxies import proxies_of_recipe
from mutransfer_cli.recipe.load import LoadedRecipe
from mutransfer_cli.search.storage.run_directory import read_environment, read_start_rate

PROBE = "predict-lr"
KEY = ("search", "start")


def search_start(
    loaded: LoadedRecipe, run: Path, seed: int, storage: str | None = None
) -> tuple[float | None, str]:
    """The learning rate about which a sweep begins, and a sentence that says so.

    A sweep that is resumed begins where it did before: the run directory keeps the rate. The rate
    is None where the estimate reaches too far to be of use.

    Args:
        loaded: The recipe.
        run: Run directory of the sweep, which need not exist.
        seed: The first seed of the sweep.
        storage: Location of a shared study; None: in the run directory.

    Raises:
        InputError: The probe is not installed or cannot measure the model, or several sweeps share
            the study, which would begin at different rates.
    """
    if storage is not None:
        raise InputError(
            "probe: sweeps that share a --storage would begin at different rates; run "
            f"`mutransfer probe {PROBE}` once, set optimizer.lr to its number, and leave it recipe",
            KEY,
        )
    known = read_start_rate(run, read_environment(run))
    if known is not None:
        return known, f"the search began at lr = {known:.4g}, which an earlier sweep estimated"
    probe: Probe = PROBES.require(PROBE, KEY).load()
    proxies = proxies_of_recipe(loaded.recipe, str(loaded.path))
    request = ProbeRequest(proxies, seed=seed, minutes=inf, thorough=False)  # little beside it
    result = probe(request)
    if result.verdict != "pass":
        return None, f"the search begins as without `search.start`: {result.reason}"
    best = min((m.estimate for m in result.measures), key=_octaves)
    return best.value, f"the search begins at lr = {best} ({PROBE}): {result.reason}"


def _octaves(estimate: Interval) -> float:
    """How far an estimate's interval reaches."""
    assert estimate.low is not None and estimate.high is not None
    return log2(estimate.high / estimate.low)
