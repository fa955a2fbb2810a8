"""Examines the machine: installed packages, devices, and the speed of a small trial on each."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import torch

from mutransfer_cli.catalog.loggers import LOGGERS
from mutransfer_cli.documents.doctor import (
    DeviceDocument,
    DoctorDocument,
    EngineDocument,
    MissingDocument,
)
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.torch_companions import mismatches
from mutransfer_cli.train.engine.choose import choose_engine
from mutransfer_cli.train.engine.timing import Timing
from mutransfer_cli.train.trial import Trial
from mutransfer_cli.version import __version__

# What is optional: the distribution, what it is for, and the extra that installs it.
OPTIONAL = (
    ("transformers", "Hugging Face models (hf:TYPE)", "hf"),
    ("scikit-learn", "the data source digits", "digits"),
    ("ray", "sweep --executor ray", "ray"),
    ("psycopg2-binary", "studies in PostgreSQL", "postgres"),
    ("pytorch_optimizer", "adopt, shampoo and soap", "optimizers"),
    ("schedulefree", "schedulefree-adamw", "optimizers"),
    ("mup", "models written for the mup package", "mup"),
    *((row.package, f"sweep --log {row.name}", row.name) for row in LOGGERS if row.package),
)
PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "optuna",
    "pydantic",
    "scikit-learn",
    "mup",
    "transformers",
    "ray",
)
DOCTOR_TRIALS = 32
DOCTOR_RECIPE = """\
name: doctor
model: {build: mlp}
data: {source: teacher, d_in: 128, d_out: 10}
base: {width: 128, depth: 3, batch: 64, steps: 1000}
"""


def installed_version(package: str) -> str | None:
    """The version of a package; None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def missing_packages() -> tuple[MissingDocument, ...]:
    """The optional packages that are not installed; psycopg2 and mlflow have a second name."""
    others = {"psycopg2-binary": ("psycopg2",), "mlflow": ("mlflow-skinny",)}
    return tuple(
        MissingDocument(
            package=package, purpose=purpose, install=f"pip install 'mutransfer[{extra}]'"
        )
        for package, purpose, extra in OPTIONAL
        if all(installed_version(name) is None for name in (package, *others.get(package, ())))
    )


def list_devices() -> list[DeviceDocument]:
    """The devices of this machine that can train."""
    devices = [DeviceDocument(name="cpu", what=f"{os.cpu_count()} cores, {platform.machine()}")]
    for i in range(torch.cuda.device_count()):
        p = torch.cuda.get_device_properties(i)
        what = f"{p.name}, {p.total_memory >> 30} GiB"
        devices.append(DeviceDocument(name=f"cuda:{i}", what=what))
    if torch.backends.mps.is_available():
        devices.append(DeviceDocument(name="mps", what="Apple GPU"))
    return devices


def time_engines(device: str) -> list[EngineDocument]:
    """Time AdamW on an MLP of hidden width 128 at batch 64, one by one and in populations."""
    factory = ProxyFactory(loads(DOCTOR_RECIPE).recipe)
    trial = Trial.of(factory, factory.base)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as a worker
    try:
        choice = choose_engine([trial], DOCTOR_TRIALS, device, 1)
    finally:
        torch.set_num_threads(threads)
    note = "one process per core" if device == "cpu" else "one process"
    return [
        EngineDocument(
            name=engine_name(t),
            device=device,
            steps_per_second=1 / t.seconds,
            note=note if t.size == 1 else f"{choice.timings[0].seconds / t.seconds:.1f} times that",
        )
        for t in choice.timings
    ]


def engine_name(timing: Timing) -> str:
    """A readable name of the engine that was timed."""
    if timing.size == 1:
        return "one by one"
    return f"population of {timing.size}{', CUDA graph' if timing.step_mode == 'graph' else ''}"


def examine() -> DoctorDocument:
    """Examine this machine; takes a few seconds."""
    devices = list_devices()
    versions: dict[str, str | None] = {
        "mutransfer": __version__,
        "python": platform.python_version(),
    }
    return DoctorDocument(
        versions=versions | {name: installed_version(name) for name in PACKAGES},
        devices=tuple(devices),
        engines=tuple(engine for d in devices for engine in time_engines(d.name)),
        missing=missing_packages(),
        mismatches=tuple(mismatches().values()),
    )
