"""Starts or joins the Ray cluster of a sweep, and counts the tasks that it has room for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from mutransfer_cli.catalog.callable_name import is_callable
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.proxy import ProxyFactory

_connected_here = False  # whether `connect` started or joined Ray


def require_ray() -> None:
    """Check that Ray is installed.

    Raises:
        InputError: It is not.
    """
    try:
        import ray  # noqa: F401  # only checks that it is installed
    except ModuleNotFoundError as error:
        raise InputError("--executor ray: needs Ray: pip install 'mutransfer[ray]'") from error


def connect(proxies: ProxyFactory, address: str | None, cpus: int | None) -> None:
    """Start Ray on this machine or join a cluster, unless this process is connected already.

    Args:
        proxies: Knows whether workers need the user's own modules.
        address: Address of the cluster; None: this machine.
        cpus: CPUs for Ray on this machine; None: all.

    Raises:
        InputError: Ray is not installed, or there is no such cluster.
    """
    global _connected_here
    require_ray()
    if "RAY_AUTH_TOKEN" in os.environ:  # else a ray:// connection does not send the token
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    import ray

    if ray.is_initialized():
        return
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is None:
        # "local" never joins a cluster that happens to run here; that needs its address
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
    _connected_here = True


def leave() -> None:
    """Shut down or leave the cluster that `connect` started or joined, not the user's own."""
    global _connected_here
    import ray

    if _connected_here:
        ray.shutdown()
        _connected_here = False


@dataclass(frozen=True, slots=True)
class Needs:
    """Resources of one task: CPUs for its threads, and a GPU if it trains on one."""

    cpus: int
    gpus: int = 0

    @property
    def options(self) -> dict[str, int]:
        """The resources as options of a Ray task."""
        return {"num_cpus": self.cpus, "num_gpus": self.gpus}

    def __str__(self) -> str:
        cpus = f"{self.cpus} CPU{'s' if self.cpus > 1 else ''} for a task"
        return f"GPU and {cpus}" if self.gpus else cpus


def needs_of(device: str, threads: int) -> Needs:
    """The resources of a task that trains on a device."""
    return Needs(threads, int(device != "cpu"))


def device_of(device: str) -> str:
    """The device of the tasks; `auto` means GPUs if the cluster has any."""
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
    """How many tasks can run at a time, at most `most` if that is given."""
    room = sum(tasks_per_machine(needs))
    return min(room, most or room)
