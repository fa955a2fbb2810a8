"""What the machine lacks, and the command that installs it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from mutransfer_cli.cli import doctor as command
from mutransfer_cli.documents.doctor import DeviceDocument, DoctorDocument, EngineDocument
from mutransfer_cli.train import capabilities
from mutransfer_cli.train.capabilities import OPTIONAL, missing_packages

EXTRAS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"][
    "optional-dependencies"
]


def test_every_extra_for_users_is_named_with_its_package() -> None:
    named = {extra: package for package, _, extra in OPTIONAL}
    assert named.keys() == EXTRAS.keys() - {"dev", "test", "docs"}
    for extra, package in named.items():
        assert any(line.startswith(package) for line in EXTRAS[extra]), extra


def test_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        capabilities, "installed_version", lambda name: None if name == "ray" else "1.0"
    )
    (missing,) = missing_packages()
    assert (missing.package, missing.install) == ("ray", "pip install 'mutransfer[ray]'")
    monkeypatch.setattr(capabilities, "installed_version", lambda name: "1.0")
    assert missing_packages() == ()


def test_a_line_for_each_fits_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(capabilities, "installed_version", lambda name: None)
    document = DoctorDocument(
        versions={"torch": "2.13.0+cpu", "ray": None},
        devices=(DeviceDocument(name="cpu", what="2 cores, x86_64"),),
        engines=(
            EngineDocument(name="one by one", device="cpu", steps_per_second=900.0, note="-"),
        ),
        missing=missing_packages(),
    )
    monkeypatch.setattr(capabilities, "examine", lambda: document)
    command.doctor(as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 + len(OPTIONAL)
    assert max(map(len, lines)) <= 80
    assert lines[-1].startswith("for sweep --log mlflow: pip install")
