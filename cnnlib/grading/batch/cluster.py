"""Workers on a Dask cluster that mark submissions."""

import contextlib
import logging
import queue
import re
import threading
import time
import warnings

from ..sandbox import Sandbox
from .attempt import BatchError, Judge, Warm, attempt, versions

CONNECT = 20                     # seconds to wait for a scheduler and its first worker
NOBODY = 120                     # seconds to wait for a worker in the middle of a run


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
        self.judge = Judge(week, questions)
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
