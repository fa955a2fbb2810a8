"""Valid files of every kind, made by the package's own writers."""

from __future__ import annotations

import io
import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.helpers.emit_recipes import LLAMA
from tests.helpers.planned_net import net_plan
from tests.helpers.run_directories import RECIPE as RUN_RECIPE
from tests.helpers.run_directories import finished_run
from tests.helpers.sweeps import PRUNED_RECIPE

ROOT = Path(__file__).parents[2]


@cache
def folder() -> Path:
    """A folder for the whole process, on a file system in memory where there is one."""
    memory = Path("/dev/shm")
    kept = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
    _kept.append(kept)
    return Path(kept.name)


_kept: list[Any] = []


def scratch(name: str) -> Path:
    """A file that may be overwritten."""
    return folder() / name


@cache
def run() -> Path:
    """A finished run."""
    from mutransfer_cli.search.storage.run import Run
    from mutransfer_cli.search.storage.run_directory import write_curves

    path = finished_run(folder() / "run")
    write_curves(path, Run.open(path).records)
    return path


def run_files() -> dict[str, bytes]:
    """The files of a run."""
    return {p.name: p.read_bytes() for p in run().iterdir() if p.is_file()}


def recipes() -> list[bytes]:
    """Recipes with every section."""
    texts = [path.read_bytes() for path in sorted((ROOT / "recipes").glob("*.yaml"))]
    return [*texts, RUN_RECIPE.encode(), PRUNED_RECIPE.encode(), run_recipe()[0]]


def run_recipe() -> list[bytes]:
    """A frozen recipe."""
    return [run_files()["recipe.yaml"]]


def tables() -> list[bytes]:
    """Tables of runs in every format."""
    folder = ROOT / "tests/fit/tables/examples"
    found = [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()]
    rows = [
        {"width": w, "lr": lr, "seed": s, "loss": 1 / w + lr, "steps": 10, "params": w * 100}
        for w in (8, 16, 32)
        for lr in (0.01, 0.02, 0.04)
        for s in (0, 1)
    ]
    columns = {name: {str(i): row[name] for i, row in enumerate(rows)} for name in rows[0]}
    lines = "\n".join(json.dumps({"config": {"a": {"b": 1}}, **row}) for row in rows)
    return [*found, json.dumps(rows).encode(), json.dumps(columns).encode(), lines.encode() + b"\n"]


def databases() -> list[bytes]:
    """A study in SQLite; few trials, since each costs time."""
    path = scratch("valid.db")
    if not path.is_file():
        _write_study(f"sqlite:///{path}")
    return [path.read_bytes()]


def journals() -> list[bytes]:
    """A study in a journal."""
    path = scratch("valid.log")
    if not path.is_file():
        _write_study(f"journal:{path}")
    return [path.read_bytes()]


def _write_study(address: str) -> None:
    from mutransfer_cli.recipe.load import loads
    from mutransfer_cli.search.record import Record
    from mutransfer_cli.search.storage.location import parse_location
    from mutransfer_cli.search.storage.study import Study

    recipe = loads(RUN_RECIPE).recipe
    study = Study.open(parse_location(address, folder()), recipe, create=True)
    study.require_same(recipe, seed=0)
    for i in range(6):
        outcome = ("finished", "pruned", "diverged")[i % 3]
        record = Record({"lr": 0.01 * (i + 1)}, 8, 2, 16, 40, 0, outcome, 2.0, curve=((0, 2.0),))
        study.add(record, {"lr": (1e-9, 1.0, True)})


def _npz(**values: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **values)
    return buffer.getvalue()


def arrays() -> list[bytes]:
    """Inputs with classes."""
    x = np.arange(100, dtype=np.float32).reshape(20, 5)
    return [_npz(x=x, y=np.arange(20) % 3), _npz(x=x.astype(np.uint8), y=np.ones(20, np.int32))]


def safetensors_arrays() -> list[bytes]:
    """Inputs with classes."""
    import torch
    from safetensors.torch import save

    return [bytes(save({"x": torch.ones(20, 5), "y": torch.arange(20) % 3}))]


def curves() -> list[bytes]:
    """The curves of a run."""
    return [run_files()["curves.npz"]]


def tokens() -> list[bytes]:
    """Token ids."""
    return [np.arange(1000, dtype=np.uint16).tobytes()]


def texts() -> list[bytes]:
    """Some text."""
    return [b"the quick brown fox\n" * 40]


def _checkpoint_content() -> tuple[str, Any]:
    import torch

    from mutransfer_cli.train.checkpoint.file import pack, random_state

    tensors: Any = {}
    tree = {
        "step": 3,
        "model": {"w": torch.ones(2, 2)},
        "curve": [(0, 1.0)],
        "random": random_state(),
    }
    head = {"made_by": "x", "labels": ["a"], "step": 3, "tree": pack(tree, tensors)}
    return json.dumps(head), tensors


def checkpoints() -> list[bytes]:
    """A checkpoint in torch's format."""
    from mutransfer_cli.train.checkpoint.file import write

    path = scratch("valid.pt")
    write(path, *_checkpoint_content())
    return [path.read_bytes()]


def safetensors_checkpoints() -> list[bytes]:
    """A checkpoint in the safetensors format."""
    from mutransfer_cli.train.checkpoint.file import write

    path = scratch("valid.safetensors")
    write(path, *_checkpoint_content())
    return [path.read_bytes()]


@cache
def _fit() -> bytes:
    from mutransfer_cli.fit.fit_file import write_fit
    from mutransfer_cli.fit.run_fit import fit_run
    from mutransfer_cli.search.storage.run import Run

    path = scratch("valid-fit.json")
    write_fit(fit_run(Run.open(run())).document(), path)
    return path.read_bytes()


def fits() -> list[bytes]:
    """A fit."""
    return [_fit()]


def environments() -> list[bytes]:
    """The environment of a run, with its study inside and elsewhere."""
    own = json.loads(run_files()["environment.json"])
    shared = own | {"storage": "sqlite:///study.db"}
    return [json.dumps(values).encode() for values in (own, shared)]


def engines() -> list[bytes]:
    """Choices of the engine."""
    measured = [{"size": 4, "seconds": 0.1, "bytes": 100, "way": "plain"}]
    rung = {"width": 8, "depth": 2, "batch": 16, "steps": 40, "size": 4, "way": "plain",
            "why": "x", "device": "cpu", "settled": True, "measured": measured}  # fmt: skip
    return [json.dumps([rung, {**rung, "width": 16}]).encode()]


@cache
def _plan() -> bytes:
    path = scratch("valid-plan.json")
    net_plan().save(path)
    return path.read_bytes()


def plans() -> list[bytes]:
    """A plan."""
    return [_plan()]


def base_shapes() -> list[bytes]:
    """Base shapes."""
    return [b"a.weight:\n- 16\n- null\nb.bias: [16]\nc: []\n", b"a: &x [1, null]\nb: *x\n"]


def forecasts() -> list[bytes]:
    """A sealed forecast."""
    from mutransfer_cli.documents.base import as_json
    from mutransfer_cli.documents.predict import ForecastRuns, PredictDocument
    from mutransfer_cli.fit.forecast.seal import sealed
    from mutransfer_cli.interval import Interval

    value = Interval(value=1.0, low=0.5, high=2.0)
    made = PredictDocument(source="t.csv", target={"width": 64}, loss=value, optimum={"lr": value},
                           regret=None, distance=1.0, confidence=0.9, method="m")  # fmt: skip
    of = ForecastRuns(source="t.csv", count=3, digest="0" * 64, largest={"width": 32})
    return [as_json(sealed(made, of)).encode()]


def baselines() -> list[bytes]:
    """A baseline."""
    accepted = [{"tensor": "a.weight", "finding": "lr", "reason": "known"}]
    return [json.dumps({"schema": "mutransfer/baseline/v1", "accepted": accepted}).encode()]


def configs() -> list[bytes]:
    """Configs of Hugging Face models."""
    gpt2 = {"model_type": "gpt2", "n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 256,
            "n_positions": 32}  # fmt: skip
    return [json.dumps(values).encode() for values in (LLAMA, gpt2)]


def losses() -> list[bytes]:
    """What a program writes."""
    return [json.dumps({"eval": {"loss": 2.5}, "history": [3, 2.5]}).encode()]
