"""No part of a password reaches a text that is shown or stored."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutransfer_cli import logs
from mutransfer_cli.cli.main import main
from mutransfer_cli.errors import InputError
from mutransfer_cli.redaction import redact, redact_command
from mutransfer_cli.search.storage.location import parse_location, without_password

PLAIN = "Sesame42"

# What people type, right and wrong; {} stands for the password.
FORMS = [
    "postgresql://u:{}@h/w",
    "postgresql+psycopg2://u:{}@h:5432/w",
    "postgresql:/u:{}@h/w",
    "postgresql:u:{}@h/w",
    "postgres://u:{}@h/w",
    "mysql+pymysql://u:{}@h/w",
    "postgresql://:{}@h/w",
    "postgresql://u:{}@h:port/w",
    "postgresql://u:{}@h/w\n",
    "\tpostgresql://u:{}@h/w",
    "postgresql://h/w?user=u&password={}",
    "postgresql://h/w?PASSWORD={}",
    "postgresql://h/w?pass%77ord={}",
    "postgresql://h/w?sslPassword={}&x=1",
    "postgresql://h/w?x=1;password={}",
    "postgresql://h/w?options=-c%20password%3D{}",
    "postgresql://h/w?options=-c+ssl.Password%253d{}&x=1",
    "journal:u:{}@x/y",
    "journal://u:{}@x/y",
    "sqlite:///u:{}@x/y",
    "u:{}@h/w",
    "host=h user=u password={} dbname=w",
    "host=h user=u password = '{}' dbname=w",
    "postgresql://u%3A{}@h/w",
    "postgresql://u%253a{}@h/w",
    "postgresql://u:{}%40h/w",
    "postgresql://u：{}＠h/w",
    "u﹕{}﹫h/w",
    "see postgresql://u:{}＠h/w for more",
    "postgresql://h/w?user=u&key={}",
    "postgresql://h/w?sig={}&x=1",
    "error: postgresql://u:{}@h/w: refused; see postgresql://u:{}@h/v",
]
# Where else programs and their errors show one.
OTHER_FORMS = [
    "PGPASSWORD={} mutransfer sweep",
    "RAY_AUTH_TOKEN={}",
    "PASS={}",
    "WANDB_API_KEY={}",
    "secret_key = {}",
    "passphrase='{} x'",
    "train.command=PGPASSWORD={} python x.py",
    "train.command=python x.py --password {} --lr 1",
    "db_password: {}",
    '{"password": "{}"}',
    "{'auth_token': '{}', 'user': 'u'}",
    "Authorization: Bearer {}",
    "authorization=Basic {}",
    "sent bearer {} to the server",
    "https://{}@github.com/x",
    "postgresql://u:{}/w",
    "https://x.org/a?key={}",
    "token: {}",
    "  auth_token: {}  # of the cluster",
    "wandb: {x: 1, api-key: {}}",
    "password: |\n  {}",
    "password:\n  {}",
    "db:\n  pass: {}\n  user: u",
    "AWS_SECRET_ACCESS_KEY: {}",
    "X-API-Key: {}",
    '{"pass":"{}"}',
    "mysql -uroot -p{} w",
    "sshpass -p {} ssh h",
    "curl -u u:{} https://h/w",
    "curl --user=u:{} https://h/w",
    "<password>{}</password>",
    "cloned with ghp_{}abcdefghij",
    "cookie eyJhbGciOi.{}.abcdefghijkl",
    "https://u:{}@github.com/x",
    'postgresql://u:a@{}@h/w: could not translate host name "{}@h" to address',
    "--ray-address //u:{}@h/w: Unable to parse port number from {}@h/w",
]


@pytest.mark.parametrize("form", FORMS)
def test_known_forms(form: str) -> None:
    shown = redact(form.replace("{}", PLAIN))
    assert PLAIN not in shown and "***" in shown
    for kept in ("h/w", "x/y", "dbname=w"):  # where the study is stays readable
        assert (kept in form) == (kept in shown)


@pytest.mark.parametrize("form", OTHER_FORMS)
def test_other_forms(form: str) -> None:
    shown = redact(form.replace("{}", PLAIN))
    assert PLAIN not in shown and "***" in shown


def test_the_check_finds_a_password() -> None:
    """Negative control: what hid the password of one scheme only lets the others through."""
    import re

    earlier = [re.sub(r"(://[^/?@:]*:).*@", r"\1***@", f.replace("{}", PLAIN)) for f in FORMS]
    assert sum(PLAIN in text for text in earlier) > 5


@given(st.text(st.characters(codec="utf-8"), min_size=6).filter(lambda s: s.strip("*") == s))
def test_any_password_in_an_address(password: str) -> None:
    for scheme in ("postgresql://", "postgresql:/", "postgresql+psycopg2://", "journal:"):
        assert redact(f"{scheme}u:{password}@h/w").endswith("u:***@h/w")
    encoded = quote(password, safe="")
    shown = redact(f"postgresql://h/w?password={encoded}&sslmode=require")
    assert shown == "postgresql://h/w?password=***&sslmode=require"


@pytest.mark.parametrize(
    "text",
    [
        "recipe.yaml:12:7: optimizer.lr: expected a number, found 'x'",
        "runs/a: is not a run directory",
        "sqlite:///runs/study.db",
        "journal:shared/study.log",
        "postgresql://user@host:5432/db?sslmode=require&passfile=/home/u/.pgpass",
        "--set optimizer.lr=0.01",
        "examples/own.py:build@2 is not a model",
        "mutransfer law t.csv --at params=7e9,tokens=1e12 --tokens 2e10",
        "base.tokens: expected a number; tokens=5, data.tokenizer=gpt2",
        "pass: all 7 tensors scale as mup; author: x; key: lr = 0.5",
        "postgresql://h:5432/w, postgresql://[::1]:5432/w and http://localhost:8080: refused",
        "search.space.token_dim: expected a number; data: {tokens: 5, tokenizer: gpt2}",
        "mkdir -p runs/2; ssh -p 22 h; <name>x</name>; sk-learn",
        "https://github.com/x@v1 and git@github.com:x/y",
        'could not translate host name "db" to address; ask x@db for a port number from 1 on',
    ],
)
def test_other_text_is_kept(text: str) -> None:
    assert redact(text) == text or "@2" in text


def test_command_lines() -> None:
    words = ["mutransfer", "sweep", "r.yaml", "--storage", "postgresql:/u:Sesame42@h/w"]
    assert redact_command(words) == "mutransfer sweep r.yaml --storage postgresql:/u:***@h/w"
    assert redact_command(["x", "--password", PLAIN, "y"]) == "x --password *** y"
    assert redact_command(["x", f"--api-key={PLAIN}"]) == "x --api-key=***"
    assert redact_command(["x", "--password", f"-{PLAIN}", "y"]) == "x --password *** y"
    assert redact_command(["x", "--password", "--", PLAIN, "y"]) == "x --password -- *** y"
    assert (
        redact_command(["x", "--db-pass", PLAIN, "--tokens", "5"]) == "x --db-pass *** --tokens 5"
    )


@pytest.mark.parametrize("form", [f for f in FORMS if not f.startswith(("error", "postgresql+"))])
def test_storage_option(form: str, tmp_path: Path) -> None:
    try:
        location = parse_location(form.replace("{}", PLAIN), tmp_path)
    except InputError as error:
        assert PLAIN not in str(error)
        return
    assert PLAIN not in location.shown + location.named + location.stored_in(tmp_path)


def test_the_stored_url_keeps_what_is_no_secret() -> None:
    url = "postgresql://u:Sesame42@h/w?PASSWORD=Sesame42&pass%77ord=Sesame42&sslmode=require"
    assert without_password(url) == "postgresql://u@h/w?sslmode=require"


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    yield logging.getLogger("mutransfer_cli.test")
    logs.configure()


@pytest.mark.parametrize("setting", ["info", "info,json"])
def test_logs(
    setting: str,
    log: logging.Logger,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(logs.VARIABLE, setting)
    logs.configure()
    log.info("opening %s", "postgresql:/u:Sesame42@h/w\n\x1b[31m")
    err = capsys.readouterr().err
    assert PLAIN not in err and "\x1b" not in err and len(err.splitlines()) == 1
    if "json" in setting:
        assert json.loads(err)["message"].startswith("opening postgresql:/u:***@h/w")


def crash(*arguments: object, **options: object) -> None:
    raise RuntimeError("cannot open postgresql://u:Sesame42@h/w")


@pytest.mark.parametrize("debug", [False, True])
def test_crash_reports(
    debug: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An internal error shows the traceback and the command line, both without the password."""
    monkeypatch.setattr("mutransfer_cli.cli.main.app", crash)
    command = ["mutransfer", "sweep", "r.yaml", "--storage", "postgresql:/u:Sesame42@h/w"]
    monkeypatch.setattr(sys, "argv", command + ["--debug"] * debug)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 70
    err = capsys.readouterr().err
    assert PLAIN not in err
    assert "RuntimeError: cannot open postgresql://u:***@h/w" in err
    assert "--storage postgresql:/u:***@h/w" in err


@pytest.mark.parametrize(
    "text", ["[" * 10**6, '{"a":' * 10**5, "a:" * 10**5 + "@", "a.a:b@" * 10**5, "password" * 10**5,
             "?a" * 10**5, "postgresql:" * 10**5, "a@" * 10**5, "x-" * 10**5 + "password"]
)  # fmt: skip
def test_long_texts_take_no_time(text: str) -> None:
    started = time.process_time()
    redact(text)
    assert time.process_time() - started < 5


def test_a_password_in_a_long_text() -> None:
    noise = "word " * 10_000
    assert PLAIN not in redact(f"{noise}postgresql:/u:{PLAIN}@h/w {noise}")
    assert PLAIN not in redact(f"x{'y' * 5000}:{PLAIN}@h")
