"""A Ray cluster that dies under a sweep ends it with exit code 2, and what was finished is kept."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.search.executors.cluster import ray_head
from mutransfer_cli.search.executors.cluster.ray_head import answers, require_head
from mutransfer_cli.search.storage.run import Run
from tests.helpers.sweeps import TRIALS, write_recipe
from tests.helpers.waiting import wait_until

HOLDER = """
import sys
from ray.cluster_utils import Cluster
head = {"num_cpus": 1, "include_dashboard": False}
cluster = Cluster(initialize_head=True, head_node_args=head)
print(cluster.address, flush=True)
sys.stdin.readline()
cluster.head_node.kill_all_processes(check_alive=False, allow_graceful=False)
print("killed", flush=True)
"""
# Ray's own patience is a minute.
IMPATIENT = """
from mutransfer_cli.search.executors.cluster import ray_head
ray_head.ABSENCE_LIMIT = 3.0
from mutransfer_cli.cli.main import main
main()
"""
STUCK = """
import socket, sys, time
from mutransfer_cli.search.executors.cluster import ray_head
ray_head.ABSENCE_LIMIT = ray_head.STUCK_LIMIT = ray_head.ABSENCE_PAUSE = 0.1
with socket.create_server(("127.0.0.1", 0)) as head:
    address = head.getsockname()
watch = ray_head.HeadWatch(address)
if sys.argv[1] == "stopped":
    watch.stop()
    sys.exit(0)
time.sleep(60)  # as a call of Ray that never returns
"""
SLOW = """
import time, torch
class Net(torch.nn.Sequential):
    def forward(self, x):
        time.sleep(0.05)
        return super().forward(x)
def build(width):
    return Net(torch.nn.Linear(8, width), torch.nn.ReLU(), torch.nn.Linear(width, 3))
"""


def has_ended_a_trial(run: Path) -> bool:
    """Whether the run holds a trial; at its start it has no recipe and no study yet."""
    try:
        return bool(Run.open(run).records)
    except InputError:
        return False


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        yield opened


def test_a_head_that_answers_is_no_matter(listener: socket.socket) -> None:
    assert answers(listener.getsockname())
    require_head(listener.getsockname())
    require_head(None)


def test_a_head_that_is_gone_is_told(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_head, "ABSENCE_LIMIT", 0.2)
    monkeypatch.setattr(ray_head, "ABSENCE_PAUSE", 0.05)
    host, port = listener.getsockname()
    listener.close()
    assert not answers((host, port))
    with pytest.raises(ConnectionError, match=f"does not answer at {host}:{port}"):
        require_head((host, port))


def test_a_head_that_restarts_is_waited_for(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_head, "ABSENCE_PAUSE", 0.01)
    address = listener.getsockname()
    listener.close()
    waiter = threading.Thread(target=require_head, args=(address,))
    waiter.start()
    with socket.create_server(address):
        waiter.join(60)
        assert not waiter.is_alive()


@pytest.mark.parametrize(("state", "code"), [("stuck", 2), ("stopped", 0)])
def test_a_call_that_never_returns_is_ended(state: str, code: int) -> None:
    process = subprocess.run(
        [sys.executable, "-c", STUCK, state], capture_output=True, text=True, timeout=50
    )
    assert process.returncode == code
    message = "mutransfer: error: --executor ray: the cluster is gone: its head does not answer"
    assert process.stderr.startswith(message) is (state == "stuck")


@pytest.mark.slow
def test_a_cluster_that_is_killed_ends_the_sweep(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    (tmp_path / "slow.py").write_text(SLOW)
    changes = {"{build: mlp}": '{build: "slow:build"}', "{width: 8, depth: 1": "{width: 8"}
    path, run = write_recipe(tmp_path, 20, **changes), tmp_path / "run"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert holder.stdin is not None and holder.stdout is not None
    address = holder.stdout.readline().strip()
    options = ["--executor", "ray", "--ray-address", address, "--engine", "one-by-one"]
    sweep = subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, "sweep", str(path), "--run", str(run), *options],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert wait_until(lambda: has_ended_a_trial(run), 240)
    assert sweep.poll() is None
    holder.stdin.write("\n")
    holder.stdin.flush()
    _, errors = sweep.communicate(timeout=120)
    holder.communicate(timeout=60)
    assert sweep.returncode == 2, errors
    assert "the cluster is gone: its head does not answer" in errors.splitlines()[-1]
    records = Run.open(run).records
    assert 0 < len(records) < TRIALS
    assert {r.outcome for r in records} == {"finished"}
