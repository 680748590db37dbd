"""Processes that mark submissions, here or on a Dask cluster, and what happens when one of them dies.

A worker holds the answers and never runs a student's code: it starts sandboxes and compares. The next sandbox is always
started while the last one is in use, and each is given to one submission only.
"""

import contextlib
import json
import logging
import multiprocessing
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from multiprocessing.connection import wait
from pathlib import Path

import numpy as np

from .marking import TOTAL_SECONDS, lost, mark
from .questions import WEEKS
from .sandbox import SECONDS, Sandbox, SandboxUnavailable, Stopped

TRIES = 2                        # of a submission whose worker dies
HANGS = 2 * TOTAL_SECONDS + 60   # seconds after which a worker counts as dead
CONNECT = 20                     # seconds to wait for a scheduler and its first worker
NOBODY = 120                     # seconds to wait for a worker in the middle of a run


class BatchError(Exception):
    """What stops a run; one sentence for the terminal. What is marked already is kept."""


class TrustingSandbox(Sandbox):
    """The same process without any wall: it can do whatever the one who starts it can do.

    For submissions that somebody has read, on systems without bubblewrap.
    """

    def __init__(self):
        ours, theirs = os.pipe(), os.pipe()
        self._errors = os.open(os.devnull, os.O_RDONLY)
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        inside, packages = Path(__file__).with_name("inside.py"), Path(np.__file__).parent.parent
        self.process = subprocess.Popen(                                 # the limit ends what outlives a killed grader
            ["/bin/sh", "-c", f'ulimit -t {SECONDS} && exec "$@"', "sh", sys.executable, "-I", "-S", inside,
             str(ours[0]), str(theirs[1]), packages], cwd=self.folder.name,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=(ours[0], theirs[1]), start_new_session=True)
        os.close(ours[0])
        os.close(theirs[1])
        self._to, self._from = ours[1], theirs[0]
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)
        self._ready = False

    def _watch(self):
        """There is no wall to look behind."""

    def close(self):
        """Kill the process, and remove the folder that it worked in."""
        super().close()
        self.folder.cleanup()


class Warm:
    """Makes sandboxes, and has the next one started before it is asked for. Each is given out once."""

    def __init__(self, make=Sandbox):
        self.make, self.next = make, None

    def __call__(self):
        """A sandbox that is ready and was never used. Raises SandboxUnavailable when none starts."""
        for pause in (0.5, 2, 0):
            sandbox, self.next = self.next or self.make(), None
            try:
                self.next = self.make()
                sandbox.wait_ready()
                if sandbox.process.poll() is None:                       # it may have died while it waited
                    return sandbox
                problem = "it ended while it waited"
            except Stopped as error:
                problem = f"{error.reason} {sandbox.complaint()}"
            except OSError as error:                                     # no more processes, descriptors or memory
                problem = str(error)
            sandbox.close()
            time.sleep(pause)
        raise SandboxUnavailable(f"no sandbox starts any more: {problem}")

    def prepare(self):
        """Start the first one."""
        with contextlib.suppress(Exception):                             # told when it is asked for
            self.next = self.make()

    def close(self):
        """End the sandbox that waits."""
        if self.next is not None:
            self.next.close()
            self.next = None


def attempt(content, week, questions, start, seed):
    """Mark one submission in this process; never raises.

    start: makes a sandbox.  seed: draws the cases.
    → JSON: a record, or {"failed": why}, or {"unavailable": why} when no sandbox starts.
    """
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")                              # a student's numbers are no news here
            record = mark(content, week, questions, start, seed)
        return to_json(record)
    except SandboxUnavailable as error:
        return to_json({"unavailable": str(error)})
    except Exception as error:
        return to_json({"failed": f"{type(error).__name__}: {error}"[:300]})


def to_json(value):
    """JSON as text that is UTF-8: a student's half of a surrogate pair becomes a question mark."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()


class _Judge:
    """What all attempts have in common: which of the answers is a record, and what becomes of a submission without."""

    def __init__(self, week, questions):
        self.week, self.questions = week, questions
        self.tries = {}                                                  # name of a submission → attempts that died

    def record(self, submission, answer):
        """The record, or None when the submission is to be tried again. answer: JSON, or None when the worker died."""
        result = {"failed": ""} if answer is None else json.loads(answer)
        if "unavailable" in result:
            raise BatchError(result["unavailable"])
        if "failed" not in result:
            return result
        self.tries[submission.name] = self.tries.get(submission.name, 0) + 1
        if self.tries[submission.name] < TRIES:
            return None
        reason = "the grader's own process died twice"
        if result["failed"]:
            reason = f"the grader failed twice: {result['failed']}"
        return lost(self.week, "crash", reason, self.questions)


def versions(week):
    """Question → what changes when its marks might. Two runs with the same versions mark alike."""
    return {question.name: question.version for question in WEEKS[week]}


# ---- processes on this machine

def in_processes(submissions, week, questions=None, jobs=1, make=Sandbox, seed=0):
    """Mark submissions in processes of this machine.

    submissions: an iterable of Submission with content; the next is asked for when a process is free.
    jobs: how many processes.  make: makes a sandbox.  seed: draws the cases.
    Yields (submission, record) as they are done.  Raises BatchError when no sandbox starts.
    """
    judge, submissions, again = _Judge(week, questions), iter(submissions), []
    workers = []
    try:
        while True:
            for _ in range(jobs - sum(worker.submission is not None for worker in workers)):
                submission = again.pop() if again else next(submissions, None)
                if submission is None:
                    break
                free = next((worker for worker in workers if worker.submission is None), None)
                if free is None:
                    free = _Process(week, questions, make, seed)
                    workers.append(free)
                free.give(submission)
            busy = [worker for worker in workers if worker.submission is not None]
            if not busy:
                return
            ready = wait([worker.connection for worker in busy], timeout=min(10, HANGS))
            for worker in busy:
                if worker.connection in ready:
                    answer = worker.take()
                elif time.monotonic() - worker.since > HANGS:
                    answer = None
                else:
                    continue
                submission, worker.submission = worker.submission, None
                if answer is None:
                    workers.remove(worker)
                    worker.kill()
                record = judge.record(submission, answer)
                if record is None:
                    again.append(submission)
                else:
                    yield submission, record
    finally:
        for worker in workers:
            worker.kill()


class _Process:
    """A worker process and the submission that it has."""

    def __init__(self, week, questions, make, seed):
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, week, questions, make, seed), daemon=True)
        with _without_interrupts():
            self.process.start()
        theirs.close()
        self.submission, self.since = None, 0.0

    def give(self, submission):
        self.submission, self.since = submission, time.monotonic()
        with contextlib.suppress(OSError):                               # it died: `take` will notice
            self.connection.send_bytes(submission.content)

    def take(self):
        """The answer as JSON, or None when the process is gone."""
        try:
            return self.connection.recv_bytes().decode()
        except (EOFError, OSError):
            return None

    def kill(self):
        """End the process; its sandboxes end with it."""
        self.process.kill()
        self.process.join()
        self.connection.close()


@contextlib.contextmanager
def _without_interrupts():
    """What is started here starts with Ctrl-C held back: _serve lets it through when it no longer harms."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection, week, questions, make, seed):
    """A worker's life: contents come, records go, until the other end is closed."""
    signal.signal(signal.SIGINT, lambda *_: None)                        # Ctrl-C is for the process that we work for
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process().sentinel,), daemon=True).start()
    start = Warm(make)
    try:
        start.prepare()
        while True:
            content = connection.recv_bytes()
            connection.send_bytes(attempt(content, week, questions, start, seed).encode())
    except (EOFError, OSError):
        pass
    finally:
        start.close()


def _end_with(sentinel):
    wait([sentinel])
    os._exit(1)                                                          # the sandboxes end with this process


# ---- processes on a Dask cluster

def on_cluster(submissions, week, questions=None, scheduler="", make=Sandbox, seed=0):
    """Mark submissions on the workers of a Dask scheduler.

    submissions: an iterable of Submission with content; at most a few for each thread are under way.
    scheduler: its address, such as tcp://10.0.0.1:8786.  make: makes a sandbox there.  seed: draws the cases.
    Yields (submission, record) as they are done.  Raises BatchError when the package distributed is not there, nothing
    answers at the address, or a worker cannot mark.
    """
    try:
        import distributed
    except ImportError:
        raise BatchError("--scheduler needs the package distributed: pip install 'cnnlib[cluster]'") from None
    if not re.fullmatch(r"(\w+://)?[^/\s]+:\d+", scheduler):
        raise BatchError(f"--scheduler must be an address such as tcp://10.0.0.1:8786, got {scheduler[:100]!r}")
    for name in [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]:
        logging.getLogger(name).setLevel(logging.CRITICAL)               # what fails is said here
    try:
        client = distributed.Client(scheduler, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        detail = str(error).split("\n")[0][:200]
        raise BatchError(f"--scheduler: no Dask scheduler answers at {scheduler} within {CONNECT} seconds: "
                         f"{detail}") from None
    try:
        _check_workers(client, week, make)
        yield from _Cluster(client, week, questions, make, seed).run(iter(submissions))
    finally:
        with contextlib.suppress(Exception):
            client.close(timeout=5)


def _check_workers(client, week, make):
    try:
        client.wait_for_workers(1, timeout=CONNECT)
    except TimeoutError:
        raise BatchError(f"--scheduler: no worker is connected to it (waited {CONNECT} seconds)") from None
    answers = client.run(_ready, week, versions(week), make, on_error="return")
    problems = {address: str(answer)[:300] for address, answer in answers.items() if answer}
    if problems:
        address, problem = min(problems.items())
        raise BatchError(f"--scheduler: {len(problems)} of {len(answers)} workers cannot mark. {address}: {problem}")


def _ready(week, wanted, make):
    """Runs in a Dask worker: "" when it can mark, or why not."""
    if versions(week) != wanted:
        return "its cnnlib has other questions than the one here; install the same"
    try:
        with contextlib.closing(make()) as sandbox:
            sandbox.wait_ready()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


_THREAD = threading.local()


def _attempt_there(content, week, questions, make, seed):
    """Runs in a Dask worker. A sandbox ends with the thread that started it, so each thread has its own."""
    starts = vars(_THREAD).setdefault("starts", {})
    return attempt(content, week, questions, starts.setdefault(make, Warm(make)), seed)


class _Cluster:
    """A run on a cluster: which futures are under way for which submission."""

    def __init__(self, client, week, questions, make, seed):
        self.client, self.task = client, (week, questions, make, seed)
        self.judge = _Judge(week, questions)
        self.futures = {}                                                # key → (future, submission)
        self.done = queue.SimpleQueue()                                  # keys

    def run(self, submissions):
        alone_since = None
        try:
            while True:
                while len(self.futures) < 2 * max(1, sum(self._threads().values())) + 2:
                    submission = next(submissions, None)
                    if submission is None:
                        break
                    self._submit(submission)
                if not self.futures:
                    return
                try:
                    key = self.done.get(timeout=5)
                except queue.Empty:
                    alone_since = None if self._threads() else alone_since or time.monotonic()
                    if alone_since and time.monotonic() - alone_since > NOBODY:
                        raise BatchError(f"the scheduler has had no worker for {NOBODY} seconds") from None
                    continue
                future, submission = self.futures.pop(key)
                try:
                    answer = self._answer(future)
                except TimeoutError:                                     # lost with its worker: it is computed again
                    self.futures[key] = future, submission
                    self.done.put(key)
                    continue
                record = self.judge.record(submission, answer)
                if record is None:
                    self._submit(submission)
                else:
                    yield submission, record
        finally:
            with contextlib.suppress(Exception):
                self.client.cancel([future for future, _ in self.futures.values()])

    def _submit(self, submission):
        # the scheduler gives it to another worker when one dies, up to three times; pure=False: nothing is remembered
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")                              # a large content is meant
            future = self.client.submit(_attempt_there, submission.content, *self.task, pure=False)
        self.futures[future.key] = future, submission
        future.add_done_callback(lambda future: self.done.put(future.key))

    def _answer(self, future):
        """The answer as JSON, or None when the workers died over it. Raises TimeoutError, BatchError."""
        if self.client.status != "running":
            raise self._gone()
        if future.status == "finished":
            try:
                return future.result(timeout=10)
            except TimeoutError:
                raise
            except Exception:                                            # lost on its way
                return None
        return None                                                      # "error": KilledWorker; "lost", "cancelled"

    def _threads(self):
        """Address of a worker → its threads."""
        try:
            return self.client.nthreads()
        except Exception:
            raise self._gone() from None

    def _gone(self):
        return BatchError("the connection to the scheduler is lost; the same command goes on where it stopped")
