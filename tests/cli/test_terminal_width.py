"""What every command prints fits a terminal of 80 columns, and no number is cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.cli.printed import check_findings
from mutransfer_cli.cli.terminal import output
from mutransfer_cli.documents.check import CheckDocument, ControlReport, Slope, TensorReport
from tests.helpers.commands import run
from tests.helpers.run_directories import finished_run

GPT = """
name: deep
model: {build: gpt, args: {head_dim: 8}}
data: {source: stdlib, seq_len: 8}
base: {width: 16, depth: 12, batch: 4, steps: 4}
ladder: {width: [16, 32]}
search: {space: {lr: {log2: [-9, -3], step: 1}}}
"""


# A law of the loss, with parameters and learning rates as tables have them.
TABLE = "params,lr,loss\n" + "".join(
    f"{int(n)},{2.0**x},{1.7 + 400 / n**0.34 + 0.03 * (x + 9) ** 2}\n"
    for n in (5e7, 1.3e8, 3.5e8, 1.3e9)
    for x in (-10, -9, -8)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("terminal")
    finished_run(folder / "bowls")
    (folder / "deep.yaml").write_text(GPT)
    (folder / "table.csv").write_text(TABLE)
    return folder


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[str]:
    assert run(*arguments) in (0, 3)
    return capsys.readouterr().out.splitlines()


COMMANDS = [
    ("fit", "bowls", "--width", 512),
    ("fit", "bowls", "--width", 512, "--advise"),
    ("fit", "bowls", "--against", "bowls"),
    ("summary", "bowls"),
    ("watch", "bowls"),
    ("schema", "recipe", "--keys"),
    ("predict", "bowls", "--width", 64),
    ("shapes", "deep.yaml", "--width", 4096),
    ("shapes", "deep.yaml", "--width", 4096, "--all", "--why", "--origin"),
    ("shapes", "deep.yaml", "--diff", "deep.yaml"),
    ("scale", "bowls", "--width", 64, "--explain"),
    ("scale", "--list-formats"),
    ("law", "table.csv", "--form", "power", "--best", "--at", "params=6.7e9"),
    ("fit", "table.csv", "--params", 6.7e9),
    ("init", "written.yaml", "--model", "mlp", "--force"),
    ("report", "bowls", "-o", "page.html"),
    ("sweep", "deep.yaml", "--dry-run", "--engine", "one-by-one"),
    ("check", "deep.yaml", "--static"),
    ("probe",),
    ("probe", "entangle", "bowls"),
    ("probe", "linear"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: " ".join(map(str, c)))
def test_a_command_fits_80_columns(
    folder: Path,
    command: tuple[object, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "80")
    lines = printed(capsys, *command)
    assert lines and max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)


def test_sizes_are_written_alike(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    text = "\n".join(printed(capsys, "fit", "table.csv", "--params", 6.7e9))
    assert "1.3e+09" in text and "6.7e+09" in text
    assert "1300000000" not in text and "6700000000" not in text


def test_a_pipe_has_100_columns(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.delenv("COLUMNS", raising=False)
    widest = max(map(len, printed(capsys, "fit", "bowls", "--width", 512)))
    assert 80 < widest <= 100


def test_alike_layers_are_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "80")
    text = "\n".join(printed(capsys, "shapes", "deep.yaml", "--width", 4096))
    assert text.count("attention.qkv.weight") == 1
    assert "blocks.*.attention.qkv.weight ×12" in text
    text = "\n".join(printed(capsys, "shapes", "deep.yaml", "--width", 4096, "--all"))
    assert text.count("attention.qkv.weight") == 12


def tensor(name: str, value: float, finding: str | None) -> TensorReport:
    fails = finding is not None
    return TensorReport(
        name=name,
        role="hidden",
        verdict="fail" if fails else "pass",
        finding=finding,
        message=f"`{name}`: its update grows like m^{value}, expected m^0" if fails else None,
        fix="learning rate: divide it by m, m = width / base width" if fails else None,
        update_slope=Slope(value=value, low=value - 0.1, high=value + 0.1, expected=0.0),
        init_slope=None,
        decay_slope=None,
    )


def checked(tensors: list[TensorReport]) -> CheckDocument:
    return CheckDocument(
        verdict="fail",
        reason="12 of 13 tensors do not scale as mup",
        regime="unstable",
        expected="mup",
        widths=(64, 128, 256),
        seeds=3,
        seconds=1.0,
        tensors=tuple(tensors),
        modules=(),
        control=ControlReport(what="-", verdict="fail"),
        limits=(),
    )


def test_alike_findings_are_one_block(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    wrong = [tensor(f"h.{i}.up.weight", 0.9 + i / 100, "lr-too-large") for i in range(12)]
    document = checked([*wrong, tensor("norm.weight", 0.0, None)])
    check_findings.show(document, every=False)
    text = capsys.readouterr().out
    assert text.startswith("fail: 12 of 13 tensors")
    assert text.count("repair") == 1 and "where   h.*.up.weight ×12" in text
    assert "m^1.01" in text  # the largest: 0.9 + 11/100
    check_findings.show(document, every=True)
    assert capsys.readouterr().out.count("h.11.up.weight") >= 2


def test_a_verdict_is_the_same_text_with_and_without_color(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "in_color", lambda: True)
    output.show_verdict("holds", ": it does")
    assert capsys.readouterr().out == "\x1b[1;32mholds\x1b[0m: it does\n"
    monkeypatch.setattr(output, "in_color", lambda: False)
    output.show_verdict("holds", ": it does")
    assert capsys.readouterr().out == "holds: it does\n"
