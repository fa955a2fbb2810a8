"""The Ray cluster of a sweep: started on this machine or joined, and what it has room for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.schema.callable_name import is_callable

_ours = False  # whether this process started or joined Ray for a sweep


def require_ray() -> None:
    """Do nothing where Ray is installed.

    Raises:
        InputError: It is not.
    """
    try:
        import ray  # noqa: F401  # only whether it is there
    except ModuleNotFoundError as error:
        raise InputError("--executor ray: needs Ray: pip install 'mutransfer[ray]'") from error


def connect(proxies: ProxyFactory, address: str | None, cpus: int | None) -> None:
    """Start Ray on this machine, or join a cluster; nothing where that was done before.

    Args:
        proxies: Tells whether workers need the user's own modules.
        address: Of the cluster; None: this machine.
        cpus: For Ray on this machine; None: all.

    Raises:
        InputError: Ray is not installed, or there is no such cluster.
    """
    global _ours
    require_ray()
    if "RAY_AUTH_TOKEN" in os.environ:  # which a ray:// connection would not send without
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    import ray

    if ray.is_initialized():
        return
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is None:
        # "local": a cluster that happens to run here is joined only by its address
        options |= {"address": "local", "num_cpus": cpus, "include_dashboard": False}
    else:
        options |= {"address": address}
        if is_callable(proxies.model_name):
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
        """As Ray's options of a task."""
        return {"num_cpus": self.cpus, "num_gpus": self.gpus}

    def __str__(self) -> str:
        cpus = f"{self.cpus} CPU{'s' if self.cpus > 1 else ''} for a task"
        return f"GPU and {cpus}" if self.gpus else cpus


def needs_of(device: str, threads: int) -> Needs:
    """The needs of a task that trains on a device."""
    return Needs(threads, int(device != "cpu"))


def device_of(device: str) -> str:
    """The device of the tasks: `auto` takes GPUs where the cluster has any."""
    import ray

    if device == "auto":
        return "cuda" if ray.cluster_resources().get("GPU", 0) >= 1 else "cpu"
    return device.partition(":")[0]  # Ray tells each task which GPU is its own


def tasks_per_machine(needs: Needs) -> list[int]:
    """How many tasks each machine has room for now; the cluster may grow.

    Raises:
        InputError: No machine has room for one.
    """
    import ray

    rooms = []
    for machine in ray.nodes():
        if not machine["Alive"]:
            continue
        has = machine["Resources"]
        room = int(has.get("CPU", 0)) // needs.cpus
        if needs.gpus:
            room = min(room, int(has.get("GPU", 0)) // needs.gpus)
        rooms.append(room)
    if not any(rooms):
        raise InputError(f"--executor ray: the cluster has no {needs}")
    return rooms


def slots(needs: Needs, most: int | None) -> int:
    """Tasks at a time."""
    room = sum(tasks_per_machine(needs))
    return min(room, most or room)
