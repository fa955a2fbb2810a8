"""The page of `--watch`: the file as it is now, and nothing else, to this machine alone."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.report.page import serve as room
from mutransfer_cli.report.page.serve import LOCAL, keep, or_waiting, serve, write_again


def test_every_path_is_the_page_as_it_is_now(tmp_path: Path) -> None:
    page = tmp_path / "r.html"
    page.write_text("first")
    (tmp_path / "secret").write_text("secret")
    server = serve(page, 0)
    try:
        assert server.server_address[0] == LOCAL == "127.0.0.1"
        address = f"http://{LOCAL}:{server.server_port}"
        for path in ("/", "/secret", "/../secret"):
            assert urlopen(address + path).read() == b"first"
        page.write_text("second")
        answer = urlopen(address)
        assert answer.read() == b"second" and answer.headers["Cache-Control"] == "no-store"
        with pytest.raises(InputError, match=f"--port {server.server_port}: "):
            serve(page, server.server_port)
    finally:
        server.shutdown()
        server.server_close()
    with pytest.raises(InputError, match="--port 99999"):
        serve(page, 99999)


def test_a_browser_that_leaves_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "r.html"
    page.write_text("x" * 20_000_000)  # more than the buffers of a socket hold
    server = serve(page, 0)
    errors: list[object] = []
    monkeypatch.setattr(server, "handle_error", lambda *of: errors.append(of))
    try:
        browser = socket.create_connection((LOCAL, server.server_port))
        browser.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert browser.recv(100).startswith(b"HTTP/1.0 200")
        # closed at once, by a reset
        browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        browser.close()
        for thread in threading.enumerate():
            if "process_request_thread" in thread.name:
                thread.join(timeout=20)
                assert not thread.is_alive()
    finally:
        server.shutdown()
        server.server_close()
    assert not errors


def test_it_is_written_until_it_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(room, "sleep", waits.append)
    written: list[int] = []

    def write() -> None:
        written.append(1)
        if len(written) == 3:
            raise KeyboardInterrupt

    untyped: Callable[[], None] = write
    with pytest.raises(KeyboardInterrupt):
        write_again(untyped, 30.0)
    assert waits == [30.0] * 3


def test_the_first_trial_is_waited_for(tmp_path: Path) -> None:
    page, run = tmp_path / "r.html", tmp_path / "run"
    ready: list[bool] = []

    def write() -> None:
        if not ready:
            raise InputError("run: holds no finished <trial>")
        page.write_text("the page")

    elsewhere = or_waiting(write, [str(run)], page, 30)
    with pytest.raises(InputError, match="no finished"):
        elsewhere()  # no run directory: nothing will come
    run.mkdir()
    (run / "recipe.yaml").write_text("name: x\n")
    write_or_wait = or_waiting(write, [str(run)], page, 30)
    write_or_wait()
    waiting = page.read_text()
    assert "Waiting for the first trial" in waiting and "&lt;trial&gt;" in waiting
    assert 'http-equiv="refresh" content="30"' in waiting
    keep(page)
    assert "refresh" not in page.read_text()
    ready.append(True)
    write_or_wait()
    assert page.read_text() == "the page"
    ready.clear()  # such as a study that is locked for a moment: the page stays
    write_or_wait()
    assert page.read_text() == "the page"
