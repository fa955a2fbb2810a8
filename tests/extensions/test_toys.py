"""An entry of every kind, added from outside the package, works on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.extensions.conftest import Command
from tests.helpers.warm_start import run_command

RECIPE = """\
name: toys
model: {build: mlp}
data: {source: teacher, d_in: 8, d_out: 2}
optimizer: {name: sgd, lr: 0.05, weight_decay: 0.0}
base: {width: 16, depth: 1, batch: 8, steps: 6}
ladder: {width: [16, 32]}
search: {space: {lr: {log2: [-6, -4], step: 1.0}}, seeds: 1, extend: 0}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return str(path)


def document(mutransfer: Command, *arguments: str) -> dict[str, object]:
    """The JSON document of a command that has to succeed."""
    # one process to start instead of one per core
    one = ("--workers", "1") if arguments[0] == "sweep" and "--executor" not in arguments else ()
    done = mutransfer(*arguments, *one, "--json")
    assert done.returncode in (0, 1, 3), done.stderr
    values: dict[str, object] = json.loads(done.stdout)
    return values


def test_without_the_package_its_entries_are_unknown(
    recipe: str,
) -> None:
    """The control: what the other tests show comes from the package alone."""
    done = run_command("shapes", recipe, "--set", "optimizer.name=toy-sgd")
    assert done.returncode == 2
    assert "toy-sgd" in done.stderr and "adamw" in done.stderr
    assert run_command("toy-hello").returncode == 2


def test_command(mutransfer: Command) -> None:
    assert mutransfer("toy-hello", "you").stdout == "hello, you\n"
    listing = mutransfer("--help").stdout
    assert "toy-hello" in listing and "Say hello." in listing


def test_optimizer(recipe: str, mutransfer: Command) -> None:
    """Its geometry is the gradient's: the same plan as sgd's, and trials train."""
    option = ("--set", "optimizer.name=toy-sgd")
    ours = document(mutransfer, "shapes", recipe, "--width", "64", *option)
    sgd = document(mutransfer, "shapes", recipe, "--width", "64")
    assert ours["optimizer"] == "toy-sgd"
    assert [t["lr"] for t in ours["tensors"]] == [t["lr"] for t in sgd["tensors"]]  # type: ignore[attr-defined]
    trials = document(mutransfer, "sweep", recipe, *option)["trials"]
    assert trials["finished"] == 6  # type: ignore[index]  # three rates at two widths


def test_an_optimizer_whose_row_names_no_hyperparameters_takes_all(
    recipe: str, mutransfer: Command
) -> None:
    space = ("--set", "search.space={lr: {choice: [0.1]}, momentum: {choice: [0.0, 0.9]}}")
    taken = mutransfer("sweep", recipe, "--dry-run", "--set", "optimizer.name=toy-sgd", *space)
    assert taken.returncode == 0, taken.stderr
    lion = mutransfer("sweep", recipe, "--dry-run", "--set", "optimizer.name=lion", *space)
    assert lion.returncode == 2
    assert lion.stderr.rstrip().endswith(
        "search.space.momentum: lion does not take it; lion takes lr, beta1, beta2, weight_decay"
    )


def test_optimizer_in_a_check(recipe: str, mutransfer: Command) -> None:
    check = document(mutransfer, "check", recipe, "--set", "optimizer.name=toy-sgd")
    assert check["verdict"] == "pass", check["reason"]


def test_parameterization(recipe: str, mutransfer: Command) -> None:
    option = ("--set", "parameterization=toy-constant")
    plan = document(mutransfer, "shapes", recipe, "--width", "64", *option)
    assert plan["parameterization"] == "toy-constant"
    assert {t["lr"] for t in plan["tensors"]} == {0.05}  # type: ignore[attr-defined]
    assert document(mutransfer, "sweep", recipe, *option)["trials"]["finished"] == 6  # type: ignore[index]
    check = document(mutransfer, "check", recipe, *option)
    assert check["expected"] == "toy-constant"


def test_model(recipe: str, mutransfer: Command, tmp_path: Path) -> None:
    option = ("--set", "model={build: toy-linear}")
    plan = document(mutransfer, "shapes", recipe, "--width", "64", *option)
    roles = [t["role"] for t in plan["tensors"]]  # type: ignore[attr-defined]
    assert roles == ["input", "hidden", "readout"]
    assert document(mutransfer, "sweep", recipe, *option)["trials"]["finished"] == 6  # type: ignore[index]
    done = mutransfer("init", "new.yaml", "--model", "toy-linear")
    assert done.returncode == 0, done.stderr
    assert mutransfer("shapes", "new.yaml").returncode == 0


def test_source(recipe: str, mutransfer: Command) -> None:
    option = ("--set", "data={source: toy-signs}")
    assert document(mutransfer, "sweep", recipe, *option)["trials"]["finished"] == 6  # type: ignore[index]


def test_model_in_a_check(recipe: str, mutransfer: Command) -> None:
    option = ("--set", "model={build: toy-linear}")
    data = ("--set", "data={source: teacher, d_in: 64, d_out: 10}")  # enough to see slopes by
    check = document(mutransfer, "check", recipe, *option, *data)
    assert check["verdict"] == "pass", check["reason"]


def test_what_a_model_s_row_refuses(recipe: str, mutransfer: Command) -> None:
    option = ("--set", "model={build: toy-linear}")
    tokens = mutransfer("shapes", recipe, *option, "--set", "data={source: stdlib}")
    assert tokens.returncode == 2 and "toy-linear reads vectors" in tokens.stderr
    unknown = mutransfer("shapes", recipe, "--set", "model={build: toy-linear, args: {gain: 0}}")
    assert unknown.returncode == 2 and "model.args.gain" in unknown.stderr


def test_stack(recipe: str, mutransfer: Command, tmp_path: Path) -> None:
    option = ("--width", "64", "--format", "toy-text")
    scale = document(mutransfer, "scale", recipe, *option, "-o", "rates.txt")
    lines = (tmp_path / "rates.txt").read_text().splitlines()
    rates = dict(line.split() for line in lines if not line.startswith("#"))
    assert rates == {t["name"]: repr(t["lr"]) for t in scale["tensors"]}  # type: ignore[attr-defined]
    # what its row says that it cannot do is a deviation, in the file too
    assert [d["what"] for d in scale["deviations"]] == ["schedule"]  # type: ignore[attr-defined]
    assert any(line.startswith("# deviation: schedule: planned linear") for line in lines)
    listing = mutransfer("scale", "--help").stdout
    assert "toy-text" in listing


def test_sampler(recipe: str, mutransfer: Command) -> None:
    option = ("--set", "search.sampler=toy-ends", "--run", "ends")
    sweep = document(mutransfer, "sweep", recipe, *option)
    assert sweep["trials"]["finished"] == 4  # type: ignore[index]  # two rates at two widths
    costs = document(mutransfer, "sweep", recipe, *option, "--dry-run")
    assert (costs["trials"], costs["trials_at_most"]) == (4, 4)


def test_executor(recipe: str, mutransfer: Command) -> None:
    sweep = document(mutransfer, "sweep", recipe, "--executor", "toy-serial", "--run", "serial")
    assert (sweep["trials"]["finished"], sweep["workers"]) == (6, 1)  # type: ignore[index]
    local = document(mutransfer, "sweep", recipe, "--run", "local", "--engine", "one-by-one")
    assert sweep["best"] == local["best"]
    assert "toy-serial" in mutransfer("sweep", "--help").stdout
    address = mutransfer("sweep", recipe, "--executor", "toy-serial", "--ray-address", "ray://x:1")
    assert address.returncode == 2 and "--ray-address: needs --executor ray" in address.stderr


def test_logger(recipe: str, mutransfer: Command, tmp_path: Path) -> None:
    document(mutransfer, "sweep", recipe, "--log", "toy-lines", "--run", str(tmp_path / "logged"))
    lines = (tmp_path / "logged" / "trials.txt").read_text().splitlines()
    assert len(lines) == 6 and all(line.endswith(": finished") for line in lines)


def test_pruner(recipe: str, mutransfer: Command) -> None:
    """High rates are far worse than the best from the first check on."""
    settings = (
        "base={width: 16, depth: 1, batch: 64, steps: 80}",
        "optimizer={name: adamw, lr: 0.01}",
        "search={space: {lr: {log2: [-11, 1]}}, seeds: 2, extend: 0, prune: toy-last}",
    )
    options = [word for setting in settings for word in ("--set", setting)]
    assert document(mutransfer, "sweep", recipe, *options)["trials"]["pruned"] > 0  # type: ignore[index]


def test_axis(recipe: str, mutransfer: Command) -> None:
    """Its size is a key of base, ladder and target; its rule is in the plan; fit has its rungs."""
    option = ("--set", "model={build: toy-linear}")
    narrow = document(mutransfer, "shapes", recipe, *option)
    target = ("--set", "target={repeats: 4}")
    plan = document(mutransfer, "shapes", recipe, *option, *target)
    assert plan["target"]["repeats"] == 4 and plan["multipliers"]["repeats"] == 4.0  # type: ignore[index]
    rates = {t["name"]: t["lr"] for t in plan["tensors"]}  # type: ignore[attr-defined]
    once = {t["name"]: t["lr"] for t in narrow["tensors"]}  # type: ignore[attr-defined]
    assert rates["hidden.0.weight"] == once["hidden.0.weight"] / 4  # by hand: 1/r
    assert rates["input.weight"] == once["input.weight"]
    ladder = ("--set", "ladder={repeats: [1, 2, 4]}")
    sweep = document(mutransfer, "sweep", recipe, *option, *ladder, "--run", "run")
    assert sweep["trials"]["finished"] == 9  # type: ignore[index]  # three rates, three rungs
    fit = document(mutransfer, "fit", "run")
    assert [rung["repeats"] for rung in fit["rungs"]] == [1, 2, 4]  # type: ignore[attr-defined]
    assert "repeats" in fit["axes"]  # type: ignore[operator]
    again = document(mutransfer, "sweep", recipe, *option, *ladder, "--run", "run")
    assert again["trials"]["finished"] == 9  # type: ignore[index]
    assert again["trials_per_second"] is None  # nothing was trained twice


def test_an_axis_that_a_model_does_not_grow_along(recipe: str, mutransfer: Command) -> None:
    """A built-in model has no argument for it: the size changes the training of nothing."""
    done = mutransfer("shapes", recipe, "--set", "model={build: mlp, repeats: {n_repeat: 1}}")
    assert done.returncode == 2 and "repeats" in done.stderr, done.stderr


def test_law(mutransfer: Command, tmp_path: Path) -> None:
    """The mean of 3, 2 and 4 is 3; without the largest size it is 2.5, and 4 is 60 % more."""
    (tmp_path / "runs.csv").write_text("params,loss\n1e6,3\n2e6,2\n4e6,4\n")
    law = document(mutransfer, "law", "runs.csv", "--form", "toy-mean", "--at", "params=8e6")
    assert law["parameters"]["mean"]["value"] == 3.0  # type: ignore[index]
    assert law["predictions"][0]["loss"]["value"] == 3.0  # type: ignore[index]
    assert law["held_out"]["error"] == pytest.approx(0.6)  # type: ignore[index]
    assert "toy-mean" in mutransfer("law", "--help").stdout
    done = mutransfer("law", "runs.csv", "--form", "toy-mean", "--plot", "l.png")
    assert done.returncode == 0, done.stderr
