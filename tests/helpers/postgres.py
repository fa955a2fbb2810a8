"""A PostgreSQL server of one's own, in a temporary folder, as an unprivileged user."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def binaries() -> Path | None:
    """The folder of initdb and pg_ctl; Debian keeps them out of PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


class Server:
    """initdb, start, restart, stop."""

    def __init__(self, folder: Path, bin_: Path) -> None:
        self.folder, self.bin = folder, bin_
        self.options: dict[str, Any] = {}
        self.uid, self.gid = os.getuid(), os.getgid()
        if os.getuid() == 0:  # initdb refuses root
            names = [u.pw_name for u in pwd.getpwall()]
            user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
            self.uid, self.gid = user.pw_uid, user.pw_gid
            os.chown(folder, self.uid, self.gid)
            self.options = {"user": self.uid, "group": self.gid, "extra_groups": []}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    @property
    def url(self) -> str:
        return f"postgresql://tester:s3cret@127.0.0.1:{self.port}/postgres"

    def call(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.bin / program), "-D", str(self.folder / "data"), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            timeout=60,
            **self.options,
        )

    def start(self, *settings: str, wait: bool = True) -> None:
        where = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        where = " -c ".join([where, *settings])
        log = str(self.folder / "log")
        self.call("pg_ctl", "-w" if wait else "-W", "-l", log, "-o", where, "start")

    def start_in_recovery(self, held: Path) -> None:
        """Start after a clean stop, and refuse clients as `starting up` while a file exists."""
        held.touch()
        (self.folder / "data" / "recovery.signal").touch()
        os.chown(self.folder / "data" / "recovery.signal", self.uid, self.gid)
        wait = f"restore_command=while test -e {held}; do sleep 0.1; done; false"
        self.start(f'"{wait}"', wait=False)

    def trials(self) -> int:
        """Of all studies, claims among them."""
        import psycopg2

        try:
            with psycopg2.connect(self.url) as connection, connection.cursor() as cursor:
                cursor.execute("select count(*) from trials")
                return int(cursor.fetchone()[0])
        except psycopg2.Error:  # no table yet
            return 0

    def stop(self, mode: str = "immediate") -> None:
        self.call("pg_ctl", "-w", "-m", mode, "stop")

    def turns_away(self, process: subprocess.Popen[str], seconds: float = 60.0) -> bool:
        """While the server is stopped: whether a process tries to connect, which fails.

        Args:
            process: A client of the server; the only one.
            seconds: How long to wait for it.
        """
        until = time.monotonic() + seconds
        with socket.create_server(("127.0.0.1", self.port)) as closed:
            closed.settimeout(0.1)
            while process.poll() is None and time.monotonic() < until:
                try:
                    closed.accept()[0].close()
                    return True
                except TimeoutError:
                    continue
        return False


@contextmanager
def postgres() -> Iterator[Server | None]:
    """A server that runs; None where PostgreSQL is not installed."""
    bin_ = binaries()
    if bin_ is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    server = Server(folder, bin_)
    try:
        server.call("initdb", "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync")
        server.start()
        yield server
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
