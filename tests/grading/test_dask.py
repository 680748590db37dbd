"""The same marks from a real Dask cluster, also when a worker dies, and clear words when there is none."""

import json
import subprocess
import sys
import time

import pytest

from cnnlib.grading.batch import cluster as dask
from cnnlib.grading.batch.attempt import BatchError
from cnnlib.grading.submission import Submission
from tests.grading.cells import notebook
from tests.grading.classes import RIGHT, WRONG, command, count, hand_in, need_sandbox, run, same_cases
from tests.paths import ROOT

pytest.importorskip("distributed")
need_sandbox()
SOLUTION = (ROOT / "solutions" / "week1.ipynb").read_bytes()


class Cluster:
    """A scheduler and its workers, each a process."""

    def __init__(self, folder):
        self.folder, self.file, self.workers = folder, folder / "scheduler.json", []
        self.scheduler = self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", self.file)
        self.wait(self.file.exists)
        self.address = json.loads(self.file.read_text())["address"]

    def start(self, *arguments):
        with open(self.folder / "log", "ab") as log:
            return subprocess.Popen([sys.executable, "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:],
                                     "--no-dashboard"], stdout=log, stderr=log, cwd=self.folder)

    def add_worker(self):
        """Two threads, so that both have a sandbox that waits."""
        self.workers.append(self.start("worker", self.address, "--nthreads", "2", "--no-nanny", "--local-directory",
                                       self.folder / f"worker{len(self.workers)}"))

    def wait(self, condition):
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.05)

    def close(self):
        for process in [*self.workers, self.scheduler]:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("dask"))
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def marked_here(tmp_path_factory):
    """A class, and its grades from this machine's own processes."""
    folder = tmp_path_factory.mktemp("class")
    for number in range(30):
        content = (SOLUTION, notebook(WRONG, "import os\ndef p4_lift(x, w):\n    os._exit(3)"), b"{]")[number % 3]
        hand_in(folder / "class", f"student {number}", content)
    hand_in(folder / "class", "large", notebook(RIGHT, "x = '''" + "a" * (10 << 20) + "'''"))
    run("grade", folder / "class", "--out", folder / "out")
    return folder / "class", folder / "out"


# In this order: first there is no worker, then two, then one.

def test_without_a_worker_it_says_so(cluster, monkeypatch):
    monkeypatch.setattr(dask, "CONNECT", 2)
    with pytest.raises(BatchError, match="no worker is connected to it"):
        list(dask.on_cluster([], 1, scheduler=cluster.address))


def test_a_cluster_gives_the_marks_that_this_machine_gives(cluster, marked_here, tmp_path):
    folder, done = marked_here
    grades = same_cases(done, tmp_path)
    cluster.add_worker()
    cluster.add_worker()
    _, errors = run("grade", folder, "--out", tmp_path, "--scheduler", cluster.address)
    assert (tmp_path / "grades.csv").read_bytes() == grades
    assert "Warning" not in errors and "distributed" not in errors
    run("regrade", tmp_path, folder, "--question", "p4_lift", "--scheduler", cluster.address)
    assert (tmp_path / "grades.csv").read_bytes() == grades


def test_a_worker_with_other_questions_is_refused(cluster, monkeypatch):
    monkeypatch.setattr(dask, "versions", lambda week: {"count_weights": "another"})
    with pytest.raises(BatchError, match="workers cannot mark. tcp://.*its cnnlib has other questions"):
        list(dask.on_cluster([], 1, scheduler=cluster.address))


def test_a_worker_killed_in_the_middle_loses_nothing(cluster, marked_here, tmp_path):
    folder, done = marked_here
    grades = same_cases(done, tmp_path)
    with command("grade", folder, "--out", tmp_path, "--scheduler", cluster.address) as process:
        cluster.wait(lambda: count(tmp_path) >= 4)
        cluster.workers[0].kill()
        before = count(tmp_path)
        _, errors = process.communicate(timeout=120)
    assert before < 31 and process.returncode == 0 and "Traceback" not in errors, errors
    assert (tmp_path / "grades.csv").read_bytes() == grades


def test_a_scheduler_that_ends_is_told_and_what_is_done_is_kept(cluster, marked_here, tmp_path, monkeypatch):
    folder, done = marked_here
    grades = same_cases(done, tmp_path)
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT", "2s")
    with command("grade", folder, "--out", tmp_path, "--scheduler", cluster.address) as process:
        cluster.wait(lambda: count(tmp_path) >= 2)
        cluster.scheduler.kill()
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 2 and errors.rstrip().endswith("the same command goes on where it stopped"), errors
    assert "Traceback" not in errors and 2 <= count(tmp_path) < 31
    run("grade", folder, "--out", tmp_path)
    assert (tmp_path / "grades.csv").read_bytes() == grades


@pytest.mark.parametrize("address, text", [
    ("tcp://127.0.0.1:9", "no Dask scheduler answers at tcp://127.0.0.1:9 within 2 seconds"),
    ("tcp://no.such.host.invalid:8786", "no Dask scheduler answers at tcp://no.such.host.invalid:8786"),
    ("127.0.0.1", "must be an address such as"), ("", "must be an address such as")])
def test_a_wrong_address_is_told(address, text, monkeypatch):
    monkeypatch.setattr(dask, "CONNECT", 2)
    with pytest.raises(BatchError, match=text):
        list(dask.on_cluster([], 1, scheduler=address))


class Deadly:
    """In place of a Dask client: every task kills its workers, or there is none."""

    status = "running"

    def __init__(self, threads):
        self.threads, self.submitted = threads, 0

    def submit(self, function, *arguments, pure):
        self.submitted += 1
        self.key = f"task {self.submitted}"
        return self

    def add_done_callback(self, callback):
        if self.threads:
            callback(self)

    def nthreads(self):
        return self.threads

    def cancel(self, futures):
        self.cancelled = futures


def test_what_kills_its_workers_twice_is_given_up():
    client = Deadly({"tcp://127.0.0.1:1": 1})
    run_there = dask._Cluster(client, 1, None, None, 0)
    run_there._answer = lambda future: None                              # KilledWorker
    (submission, record), = run_there.run(iter([Submission(b"a", b"")]))
    assert client.submitted == 2 and record["reason"] == "the grader's own process died twice"


def test_without_workers_it_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr(dask, "NOBODY", -1)
    with pytest.raises(BatchError, match="has had no worker"):
        list(dask._Cluster(Deadly({}), 1, None, None, 0).run(iter([Submission(b"a", b"")])))


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BatchError, match=r"pip install 'cnnlib\[cluster\]'"):
        list(dask.on_cluster([Submission(b"a", notebook(RIGHT))], 1, scheduler="tcp://127.0.0.1:8786"))
