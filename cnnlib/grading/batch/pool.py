"""Processes on this machine that mark submissions."""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from multiprocessing.connection import wait

from ..marking import TOTAL_SECONDS
from ..sandbox import Sandbox
from .attempt import Judge, Warm, attempt

HANGS = 2 * TOTAL_SECONDS + 60   # seconds after which a worker counts as dead


def in_processes(submissions, week, questions=None, jobs=1, make=Sandbox, seed=0):
    """Mark submissions in processes of this machine.

    submissions: an iterable of Submission with content; the next is asked for when a process is free.
    jobs: how many processes.  make: makes a sandbox.  seed: draws the cases.
    Yields (submission, record) as they are done.  Raises BatchError when no sandbox starts.
    """
    judge, submissions, again = Judge(week, questions), iter(submissions), []
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
