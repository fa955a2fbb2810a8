"""Valid files of every kind, made by the package's own writers."""

from __future__ import annotations

import io
import json
import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.helpers.emit_recipes import LLAMA
from tests.helpers.planned_net import net_plan
from tests.helpers.run_directories import RECIPE as RUN_RECIPE
from tests.helpers.run_directories import finished_run
from tests.helpers.sweeps import PRUNED_RECIPE

if TYPE_CHECKING:
    from mutransfer_cli.documents.check import CheckDocument
    from mutransfer_cli.documents.predict import PredictDocument

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


@cache
def run_files() -> dict[str, bytes]:
    """The files of a run, with few trials, since each costs time."""
    files = {p.name: p.read_bytes() for p in run().iterdir() if p.is_file()}
    return {**files, "study.db": databases()[0]}


def recipes() -> list[bytes]:
    """Recipes with every section."""
    texts = [path.read_bytes() for path in sorted((ROOT / "recipes").glob("*.yaml"))]
    merged = RUN_RECIPE.replace("base: {", "base: &size {") + "target: {<<: *size, width: 0x40}\n"
    several = RUN_RECIPE + "target: {<<: [{width: 64}, {depth: 2}], batch: ~}\n"
    others = (RUN_RECIPE, PRUNED_RECIPE, merged, several)
    return [*texts, *(text.encode() for text in others), run_recipe()[0]]


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
    """The environment of a run: as it is, with a location of the study, without a start."""
    own = json.loads(run_files()["environment.json"])
    shared = own | {"storage": "sqlite:///study.db"}
    undated = {name: value for name, value in own.items() if name != "started"}
    return [json.dumps(values).encode() for values in (own, shared, undated)]


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


def sealed_for(source: str, intervals: bool = True) -> PredictDocument:
    """A sealed forecast from runs at a path, with or without intervals."""
    from mutransfer_cli.documents.predict import ForecastRuns, PredictDocument
    from mutransfer_cli.fit.forecast.seal import sealed
    from mutransfer_cli.interval import Interval

    value = Interval(value=1.0, low=0.5, high=2.0) if intervals else Interval(value=1.0)
    made = PredictDocument(source=source, target={"width": 64}, loss=value, optimum={"lr": value},
                           regret=None, distance=1.0, confidence=0.9, method="m")  # fmt: skip
    of = ForecastRuns(source=source, count=3, digest="0" * 64, largest={"width": 32})
    return sealed(made, of, datetime(2026, 1, 1, tzinfo=UTC))


def forecasts() -> list[bytes]:
    """Sealed forecasts."""
    from mutransfer_cli.documents.base import as_json

    return [as_json(sealed_for("t.csv", intervals)).encode() for intervals in (True, False)]


def kept_forecasts() -> list[bytes]:
    """The copy of a forecast that `calls.kept_forecast` reads."""
    from mutransfer_cli.documents.base import as_json

    return [as_json(sealed_for(str(folder() / "kept-forecast" / "runs.csv"))).encode()]


@cache
def failed_check() -> CheckDocument:
    """A check with tensors of every verdict and a fault of a module."""
    from mutransfer_cli.documents.check import (
        CheckDocument,
        ControlReport,
        FaultReport,
        TensorReport,
    )

    tensors = tuple(
        TensorReport(
            name=f"{verdict}.weight", role="hidden", verdict=verdict,
            finding="lr-too-large" if verdict in ("fail", "warn") else None, message="m",
            fix=None, update_slope=None, init_slope=None, decay_slope=None,
        )
        for verdict in ("pass", "warn", "fail", "inconclusive")
    )  # fmt: skip
    fault = FaultReport(finding="attention-scale", where="a.b", message="m")
    return CheckDocument(
        verdict="fail", reason="r", regime=None, expected="mup", sizes=(8, 16, 32), seeds=2,
        seconds=1.0, tensors=tensors, modules=(), limits=(), faults=(fault,),
        control=ControlReport.model_construct(),
    )  # fmt: skip


def baselines() -> list[bytes]:
    """Baselines that accept all, some or other findings."""
    known = [{"tensor": "fail.weight", "finding": "lr-too-large", "reason": "known"},
             {"tensor": "a.b", "finding": "attention-scale"},
             {"tensor": "warn.weight", "finding": "lr-too-large"}]  # fmt: skip
    chosen = (known, known[:1], [{"tensor": "gone.weight", "finding": "lr-too-large"}])
    files = [{"schema": "mutransfer/baseline/v1", "accepted": accepted} for accepted in chosen]
    return [json.dumps(values).encode() for values in files]


def configs() -> list[bytes]:
    """Configs of Hugging Face models."""
    gpt2 = {"model_type": "gpt2", "n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 256,
            "n_positions": 32}  # fmt: skip
    return [json.dumps(values).encode() for values in (LLAMA, gpt2)]


def losses() -> list[bytes]:
    """What a program writes."""
    return [json.dumps({"eval": {"loss": 2.5}, "history": [3, 2.5]}).encode()]
