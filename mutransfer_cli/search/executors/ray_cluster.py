"""The Ray cluster of a sweep: one that starts on this machine, or one to join; and its room."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from typing import Any

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.search.executors.local import default_workers
from mutransfer_cli.train.device import resolve_device

_ours = False  # whether this process started or joined it for a sweep


def needs_ray() -> None:
    """Raises InputError where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise InputError("--executor ray: needs Ray: pip install 'mutransfer[ray]'")


def connect(recipe: Recipe, address: str | None, cpus: int | None) -> None:
    """Start Ray on this machine, or join a cluster; nothing where that was done before.

    Raises InputError where there is no such cluster.
    """
    global _ours
    needs_ray()
    if "RAY_AUTH_TOKEN" in os.environ:  # which a ray:// connection would not send without
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    import ray

    if ray.is_initialized():
        return
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is None:
        # "local": a cluster that happens to run here is joined only where it is asked for
        options |= {"address": "local", "num_cpus": cpus, "include_dashboard": False}
    else:
        options |= {"address": address}
        if ":" in recipe.model.build and not recipe.model.build.startswith("hf:"):
            options["runtime_env"] = {"working_dir": os.getcwd()}  # the user's own module
    try:
        ray.init(**options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"--ray-address {address}: {reason}") from error
    _ours = True


def leave() -> None:
    """End or leave what `connect` started or joined; the user's own connection stays."""
    global _ours
    import ray

    if _ours:
        ray.shutdown()
        _ours = False


@dataclass(frozen=True, slots=True)
class Needs:
    """What one task takes: CPUs for its threads, and a GPU where it trains on one."""

    cpus: int
    gpus: int = 0

    @property
    def options(self) -> dict[str, int]:
        return {"num_cpus": self.cpus, "num_gpus": self.gpus}

    def __str__(self) -> str:
        cpus = f"{self.cpus} CPU{'s' if self.cpus > 1 else ''} for a task"
        return f"GPU and {cpus}" if self.gpus else cpus


def needs_of(device: str, threads: int) -> Needs:
    return Needs(threads, int(device != "cpu"))


def device_of(device: str) -> str:
    """The device of the tasks: `auto` takes GPUs where the cluster has any."""
    import ray

    if device == "auto":
        return "cuda" if ray.cluster_resources().get("GPU", 0) >= 1 else "cpu"
    return device.partition(":")[0]  # Ray tells each task which GPU is its own


def places(needs: Needs) -> list[int]:
    """How many tasks each machine has room for now; the cluster may grow.

    Raises InputError where none has any.
    """
    import ray

    found = []
    for machine in ray.nodes():
        if not machine["Alive"]:
            continue
        has = machine["Resources"]
        room = int(has.get("CPU", 0)) // needs.cpus
        if needs.gpus:
            room = min(room, int(has.get("GPU", 0)) // needs.gpus)
        found.append(room)
    if not any(found):
        raise InputError(f"--executor ray: the cluster has no {needs}")
    return found


def slots(needs: Needs, most: int | None) -> int:
    """Tasks at a time."""
    room = sum(places(needs))
    return min(room, most or room)


def resources(
    recipe: Recipe, device: str, workers: int | None, executor: str, ray_address: str | None
) -> tuple[str, int]:
    """The device of the trials, and how many workers or tasks train at a time."""
    if executor != "ray":
        place = resolve_device(device)
        return place, workers or default_workers(place)
    connect(recipe, ray_address, workers)
    place = resolve_device(device) if ray_address is None else device_of(device)
    return place, slots(needs_of(place, 1), workers)
