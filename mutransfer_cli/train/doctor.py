"""What is installed, which devices there are, and how fast a small trial runs on each."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version

import torch

from mutransfer_cli.train.document import DeviceDocument, DoctorDocument, EngineDocument
from mutransfer_cli.version import __version__

PACKAGES = ("torch", "numpy", "scipy", "optuna", "pydantic", "scikit-learn", "mup", "transformers")
WIDTH, BATCH, STEPS = 128, 64, 50


def installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def devices() -> list[DeviceDocument]:
    found = [DeviceDocument(name="cpu", what=f"{os.cpu_count()} cores, {platform.machine()}")]
    for i in range(torch.cuda.device_count()):
        p = torch.cuda.get_device_properties(i)
        found.append(DeviceDocument(name=f"cuda:{i}", what=f"{p.name}, {p.total_memory >> 30} GiB"))
    if torch.backends.mps.is_available():
        found.append(DeviceDocument(name="mps", what="Apple GPU"))
    return found


def rate(device: str) -> float:
    """Steps per second of AdamW on an MLP of three matrices of 128 × 128, batch 64, one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    layers = [torch.nn.Linear(WIDTH, WIDTH) for _ in range(3)]
    model = torch.nn.Sequential(*layers).to(device)
    optimizer = torch.optim.AdamW(model.parameters())
    x = torch.randn(BATCH, WIDTH, device=device)
    started = 0.0
    for step in range(STEPS + 5):
        if step == 5:
            started = time.perf_counter()
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
    float(model(x).sum())  # waits for the device
    torch.set_num_threads(threads)
    return STEPS / (time.perf_counter() - started)


def examine() -> DoctorDocument:
    """Measured here and now; takes a second or two."""
    found = devices()
    versions: dict[str, str | None] = {
        "mutransfer": __version__,
        "python": platform.python_version(),
    }
    return DoctorDocument(
        versions=versions | {name: installed(name) for name in PACKAGES},
        devices=tuple(found),
        engines=(
            *(
                EngineDocument(
                    name="one by one",
                    device=d.name,
                    steps_per_second=rate(d.name),
                    note="one process per core" if d.name == "cpu" else "one process",
                )
                for d in found
            ),
            EngineDocument(
                name="population",
                device="any",
                steps_per_second=None,
                note="not available in this version",
            ),
        ),
    )
