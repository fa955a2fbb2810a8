"""The commands as a script sees them: exit codes, one JSON document, one line for what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest

from mutransfer_cli import documents
from mutransfer_cli.cli.schema import NAMES, document_model
from mutransfer_cli.documents.base import Part
from tests.helpers.warm_start import run_command as run

RECIPE = """
name: small
model: {build: mlp}
optimizer: {name: adamw, lr: 0.01, weight_decay: 0.0}
data: {source: teacher, d_in: 8, d_out: 3}
base: {width: 8, depth: 1, batch: 16, steps: 40}
ladder: {width: [8, 16]}
search: {space: {lr: {log2: [-8, -1], step: 1}}, seeds: 2, extend: 3}
"""


def document(done: subprocess.CompletedProcess[str], command: str) -> dict[str, Any]:
    """The one document on stdout, which fits its published schema's required fields."""
    values: dict[str, Any] = json.loads(done.stdout)
    assert next(iter(values)) == "schema"
    assert values["schema"] == f"mutransfer/{command}/v1"
    schema = json.loads(run("schema", command).stdout)
    assert set(schema.get("required", ())) <= set(values) <= set(schema["properties"]) | {"dry_run"}
    return values


def test_every_document_has_a_published_schema() -> None:
    """Compared with the classes themselves; the control: what is a part of a document has none."""
    published = {
        name: document_model(name).model_json_schema(by_alias=True)["properties"] for name in NAMES
    }
    schemas = [p["schema"] for p in published.values() if "schema" in p]
    names = {s.get("const") or s.get("default") for s in schemas}
    for module in iter_modules(documents.__path__):
        import_module(f"{documents.__name__}.{module.name}")
    own = {
        c.model_fields["schema_"].default
        for c in classes(Part)
        if "schema_" in c.model_fields and c.__module__.startswith(f"{documents.__name__}.")
    }
    assert own <= names and "mutransfer/probes/v1" in own
    assert "dry_run" in published["sweep-dry-run"] and "dry_run" not in published["sweep"]


def classes(base: type[Part]) -> Iterator[type[Part]]:
    for each in base.__subclasses__():
        yield each
        yield from classes(each)


def test_memory_that_runs_out_is_one_line(tmp_path: Path) -> None:
    """The control is the fault above: 10^12 rows of 8 numbers of 8 bytes are 58.2 TiB."""
    recipe = tmp_path / "large.yaml"
    recipe.write_text(RECIPE.replace("batch: 16", "batch: 1000000000000"))
    done = run("shapes", str(recipe))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "out of memory; take a smaller model, batch" in done.stderr and "58.2 TiB" in done.stderr


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    (folder / "r.yaml").write_text(RECIPE)
    done = run("sweep", "r.yaml", "--json", "--workers", 2, folder=folder)
    assert done.returncode == 0, done.stderr
    values = document(done, "sweep")
    assert values["trials"]["finished"] == values["trials"]["asked"] >= 32
    assert values["population"]["batched"] is False
    return folder


def test_fit_and_scale_from_a_run(swept: Path) -> None:
    done = run("fit", "runs/small", "--json", folder=swept)
    values = document(done, "fit")
    assert done.returncode == {"holds": 0, "fails": 1, "inconclusive": 3}[values["verdict"]]
    assert run("fit", "runs/small", "--exit-zero", folder=swept).returncode == 0
    assert (swept / "runs/small/fit.json").is_file()
    if values["source_rung"] is None:
        pytest.fail("the small sweep is meant to have an optimum inside its range")
    # one and the same choice: scale makes it at its own target
    values = json.loads(run("fit", "runs/small", "--width", 256, "--json", folder=swept).stdout)
    done = run("scale", "runs/small", "--width", 256, "--json", folder=swept)
    assert done.returncode == 0, done.stderr
    scaled = document(done, "scale")
    assert scaled["hyperparameters"]["lr"] == values["hyperparameters"]["lr"]
    assert scaled["multipliers"]["width"] == 32
    assert scaled["prediction"]["distance"] == 4.0  # 16 to 256
    done = run("scale", "runs/small", "--width", 256, "--set", "lr=0.5", "--json", folder=swept)
    assert json.loads(done.stdout)["hyperparameters"]["lr"] == 0.5
    fitted = swept / "runs/small/fit.json"
    done = run("scale", "r.yaml", "--width", 256, "--fit", fitted, "--json", folder=swept)
    assert json.loads(done.stdout)["hyperparameters"]["lr"] == values["hyperparameters"]["lr"]


def test_torch_file(swept: Path) -> None:
    done = run("scale", "r.yaml", "--width", 64, "--format", "torch", "-o", "plan.py", folder=swept)
    assert done.returncode == 0, done.stderr
    code = "import plan; print(len(plan.TENSORS))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=swept
    )
    assert done.stdout == "6\n", done.stderr


def test_summary(swept: Path) -> None:
    done = run("summary", "runs/small", folder=swept)
    assert done.returncode == 0 and "octaves per doubling" in done.stdout


def test_shapes(swept: Path) -> None:
    values = document(run("shapes", "r.yaml", "--width", 32, "--json", folder=swept), "shapes")
    assert values["target"]["width"] == 32
    assert {t["role"] for t in values["tensors"]} == {
        "input", "hidden", "readout", "vector", "scalar",
    }  # fmt: skip
    told = run(
        "shapes", "r.yaml", "--width", 32, "--origin", "--set", "lr=0.1", "--json", folder=swept
    )
    origins = json.loads(told.stdout)["origins"]
    assert origins["optimizer.lr"] == "command line"
    assert origins["optimizer.name"] == "recipe"
    assert origins["optimizer.eps"] == "default"


def test_check_passes_and_fails(swept: Path) -> None:
    done = run("check", "r.yaml", "--json", folder=swept)
    assert done.returncode == 0, done.stderr
    assert document(done, "check")["verdict"] == "pass"
    wrong = ("check", "r.yaml", "--set", "parameterization=sp", "--expect", "mup")
    done = run(*wrong, "--json", folder=swept)
    assert done.returncode == 1
    assert document(done, "check")["verdict"] == "fail"
    assert run(*wrong, "--exit-zero", folder=swept).returncode == 0
    assert run("check", "r.yaml", "--widths", "64,128", folder=swept).returncode == 3


def test_a_callable_of_one_s_own(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import torch\n"
        "from torch import nn\n"
        "from mutransfer_cli import Subject\n"
        "def build(width):\n"
        "    net = nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, width),\n"
        "                        nn.ReLU(), nn.Linear(width, 3))\n"
        "    def batch(seed):\n"
        "        g = torch.Generator().manual_seed(seed)\n"
        "        return torch.randn(8, 8, generator=g), torch.randint(0, 3, (8,), generator=g)\n"
        "    loss = lambda m, b: nn.functional.cross_entropy(m(b[0]), b[1])\n"
        "    return Subject(net, torch.optim.AdamW(net.parameters()), loss, batch)\n"
    )
    done = run("check", "mine:build", "--json", folder=tmp_path)
    assert done.returncode == 1, done.stderr
    failed = {t["name"] for t in json.loads(done.stdout)["tensors"] if t["verdict"] == "fail"}
    assert {"2.weight", "4.weight"} <= failed
    assert run("check", "mine:build", "--expect", "sp", folder=tmp_path).returncode == 0


@pytest.mark.parametrize(
    "model",
    [
        "gpt",
        pytest.param("convnet", marks=pytest.mark.slow),
        pytest.param("hf:vit", marks=pytest.mark.slow),
    ],
)
def test_init_writes_recipes_that_run(tmp_path: Path, model: str) -> None:
    path = tmp_path / "fresh.yaml"
    assert run("init", path, "--model", model).returncode == 0
    # choosing the fastest engine takes seconds, and is tried in the tests of the engines
    done = run("sweep", path, "--dry-run", "--json", "--engine", "one-by-one", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["dry_run"] is True
    done = run("init", path)
    assert done.returncode == 2 and "exists already" in done.stderr


def test_doctor() -> None:
    values = document(run("doctor", "--json"), "doctor")
    assert values["devices"][0]["name"] == "cpu"


def test_fit_tells_what_it_read(tmp_path: Path) -> None:
    rows = [f"{w},2^{x},{2 + (x + 6) ** 2 / 50},{w}{x}" for w in (64, 128) for x in range(-9, -3)]
    table = tmp_path / "t.csv"
    table.write_text("\n".join(["d_model,lr,val_loss,runtime", *rows]))
    done = run("fit", "t.csv", "--exit-zero", folder=tmp_path)
    assert " ".join(done.stdout.split()).startswith(  # wrapped to the terminal
        "read t.csv: width from d_model, loss from val_loss, lr by name; ignored: runtime (time) "
    )
    values = document(run("fit", "t.csv", "--exit-zero", "--json", folder=tmp_path), "fit")
    assert values["used"] == {"width": "d_model", "lr": "lr", "loss": "val_loss"}
    assert values["ignored"] == [{"what": "column", "name": "runtime", "reason": "time"}]
    table.write_text("width,lr,loss_a,loss_b\n64,0.1,2,3\n")
    done = run("fit", "t.csv", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "mutransfer: error: t.csv:1: no column 'loss'; it could be 'loss_a' or 'loss_b': "
        "pass --columns loss=loss_a\n"
    )
    done = run("fit", "t.csv", "--columns", "loss=loss_b", "--exit-zero", folder=tmp_path)
    assert done.returncode == 0


def test_fit_of_a_table(tmp_path: Path) -> None:
    # (log2 lr + 6)² at every width, with a little seed noise by hand: holds at -6
    rows = ["width,lr,loss,seed"]
    for width in (32, 64, 128):
        for x in range(-9, -3):
            for seed, noise in ((0, 0.001), (1, -0.001 if x % 2 else 0.001)):
                rows.append(f"{width},{2.0**x},{2 + 0.05 * (x + 6) ** 2 + noise},{seed}")
    (tmp_path / "t.csv").write_text("\n".join(rows))
    done = run("fit", "t.csv", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["hyperparameters"]["lr"] == pytest.approx(2**-6, rel=0.02)
    assert (tmp_path / "t.fit.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "none.yaml"], "none.yaml"),
        (["check", "bad.yaml"], "bad.yaml:3:13: optimizer.lrr"),
        (["sweep", "r.yaml", "--set", "optimizer.lr=fast"], "--set optimizer.lr=fast"),
        (["sweep", "r.yaml", "--storage", "x"], "--storage"),
        (["sweep", "r.yaml", "--storage", "journal:no/x.log"], "--storage journal:no/x.log: "),
        (["sweep", "r.yaml", "--device", "cuda:99"], "--device cuda:99"),
        (["sweep", "r.yaml", "--run", "r.yaml/run"], "--run r.yaml/run: cannot be written"),
        (["fit", "none"], "none: cannot be read"),
        (["fit", "."], "is not a run directory"),
        (["scale", "r.yaml"], "give --width"),
        (["scale", "r.yaml", "--width", "64", "--format", "gguf"], "expected json | torch"),
        (["scale", "r.yaml", "--width", "64", "--format", "gguf"], "or by hand the numbers"),
        (["scale", "r.yaml", "--width", "64", "--format", "llm.c"], "refused: gpt2_update has one"),
        (["scale", "r.yaml", "--width", "64", "--format", "open_lm"], "of torch's file; use torch"),
        (["scale", "r.yaml", "--width", "64", "--depth", "0"], "--depth"),
        (["shapes", "r.yaml", "--width", "abc"], "'--width': expected an integer, found 'abc'"),
        (["shapes", "r.yaml", "--width", "0"], "'--width': expected at least 1, found '0'"),
        (["probe", "noise", "r.yaml", "--minutes", "long"], "expected a number, found 'long'"),
        (
            ["sweep", "r.yaml", "--set", "ladder.width=[16, 16, 64]"],
            "ladder.width.1: 16 is in the list twice",
        ),
        (["check", "nowhere:f"], "no module named 'nowhere'"),
        (["check", "r.yaml", "--widths", "a,b"], "--widths a,b"),
        (["sweep", "heads.yaml"], "heads.yaml:5:"),
        (["sweep", "text.yaml"], "text.yaml:3:28: data.path: absent.txt: no such file"),
        (
            ["shapes", "r.yaml", "--set", "model.build=x:y"],
            "--set model.build=x:y: model.build: x:y: no module",
        ),
        (["schema", "nothing"], "schema nothing"),
        (["probe", "sharpness"], "probe sharpness: expected a recipe"),
        (["report", "absent"], "absent"),
        (["--nonsense"], "--nonsense"),
        (["fit", "--widht", "3"], "No such option: --widht; did you mean '--width'?; see"),
        (["check", "rr.yaml"], "rr.yaml: no such file; did you mean 'r'?"),
        (["check", "r.yaml", "--axis", "dpeth"], "or rank; did you mean 'depth'?"),
        (["sweep", "r.yaml", "--engine", "one-by-on"], "did you mean 'one-by-one'?"),
        (["init", "new.yaml", "--model", "gtp"], "callable; did you mean 'gpt'?"),
        (["sweep", "r.yaml", "--set", "model.build=mpl"], "found 'mpl'; did you mean 'mlp'?"),
        (["sweep", "r.yaml", "--set", "data.source=stdlbi"], "did you mean 'stdlib'?"),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "r.yaml").write_text(RECIPE)
    (tmp_path / "bad.yaml").write_text(
        "name: a\nmodel: {build: gpt}\noptimizer: {lrr: 1}\n"
        "data: {source: stdlib}\nbase: {width: 32}\n"
    )
    gpt = "name: a\nmodel: {build: gpt, args: {vocab_size: 256, head_dim: 16}}\n"
    (tmp_path / "heads.yaml").write_text(
        gpt + "data: {source: stdlib}\nbase: {width: 32}\nladder: {width: [32, 40]}\n"
    )
    (tmp_path / "text.yaml").write_text(
        gpt + "data: {source: text, path: absent.txt}\nbase: {width: 32}\n"
    )
    done = run(*arguments, folder=tmp_path)
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = run("check", "none.yaml", "--debug", folder=tmp_path)
    assert done.returncode == 2 and "Traceback" in done.stderr


def test_a_fault_of_ours_is_70(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(RECIPE)
    code = (
        "import sys, mutransfer_cli.models.proxy as p\n"
        "def fail(*_): raise ZeroDivisionError('planted')\n"
        "p.ProxyFactory.plan = fail\n"
        "sys.argv = ['mutransfer', 'shapes', 'r.yaml']\n"
        "from mutransfer_cli.cli.main import main; main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 70
    assert "planted" in done.stderr and "report" in done.stderr


@pytest.fixture(scope="module")
def language(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("language")
    text = """
name: language
model: {build: gpt, args: {vocab_size: 256, head_dim: 16}}
optimizer: {name: adamw, lr: 0.01}
data: {source: stdlib, seq_len: 16}
base: {width: 32, depth: 2, batch: 4, steps: 10}
ladder: {width: [32, 64]}
"""
    (folder / "mup.yaml").write_text(text)
    (folder / "sp.yaml").write_text(text + "parameterization: sp\n")
    return folder


def test_shapes_says_why(language: Path) -> None:
    done = run("shapes", "mup.yaml", "--width", 128, "--tokens", "6.4e3", "--why", folder=language)
    assert done.returncode == 0, done.stderr
    assert "readout.weight (readout, adamw): init ∝" in done.stdout
    assert "theory" in done.stdout and "empirical" in done.stdout and "others:" in done.stdout


def test_shapes_shows_what_two_recipes_do_differently(language: Path) -> None:
    done = run("shapes", "mup.yaml", "--diff", "sp.yaml", "--width", 128, "--json", folder=language)
    assert done.returncode == 0, done.stderr
    found = {(d["name"], d["what"]): d["ratio"] for d in document(done, "shapes")["differences"]}
    # sp: one rate for all, so the hidden matrices' is 4 times mup's at 4 times the width, and no
    # multiplier before the readout, whose init is smaller by √4
    assert found["blocks.0.mlp.up.weight", "lr"] == pytest.approx(4)
    assert found["forward", "logit_scale"] == pytest.approx(4)
    assert found["readout.weight", "init_std"] == pytest.approx(0.5)
    assert ("token.weight", "lr") not in found
    same = run("shapes", "mup.yaml", "--diff", "mup.yaml", "--width", 128, folder=language)
    assert "no tensor differs" in same.stdout


def test_base_shapes_are_written_and_compared(language: Path) -> None:
    done = run("shapes", "mup.yaml", "--base-shapes", "b.bsh", folder=language)
    assert done.returncode == 0 and "wrote b.bsh" in done.stderr
    assert run("shapes", "mup.yaml", "--against", "b.bsh", folder=language).returncode == 0
    text = (language / "b.bsh").read_text()
    (language / "c.bsh").write_text(text.replace("readout.weight", "head.weight"))
    done = run("shapes", "mup.yaml", "--against", "c.bsh", folder=language)
    assert done.returncode == 1
    assert "c.bsh: head.weight: only in the file" in done.stderr
    assert "c.bsh: readout.weight: only in the recipe" in done.stderr
    assert run("shapes", "mup.yaml", "--against", "none.bsh", folder=language).returncode == 2


@pytest.mark.parametrize(
    ("width", "note"), [(32, "nothing grows"), (16, "narrower than the base"), (64, "")]
)
def test_targets_that_deserve_a_note(language: Path, width: int, note: str) -> None:
    done = run("scale", "mup.yaml", "--width", width, "--format", "json", "--json", folder=language)
    assert done.returncode == 0, done.stderr
    notes = " ".join(json.loads(done.stdout)["notes"])
    assert (note in notes) if note else ("base" not in notes)


def test_check_along_the_depth(language: Path) -> None:
    arguments = ("check", "mup.yaml", "--axis", "depth", "--depths", "2,4,8", "--json")
    right = run(*arguments, "--set", "parameterization=completep", folder=language)
    assert right.returncode == 0 and document(right, "check")["axis"] == "depth"
    wrong = run(*arguments, folder=language)
    assert wrong.returncode == 1 and "residual-scale" in json.loads(wrong.stdout)["reason"]
    assert run("check", "mup.yaml", "--axis", "length", folder=language).returncode == 2
