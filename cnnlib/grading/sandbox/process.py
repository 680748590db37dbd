"""A process of its own for a student's code, of which it can reach nothing and keep nothing.

bubblewrap gives it namespaces of its own (no network, no other processes), the system's libraries read-only, and 16 MB
of /tmp. A seccomp filter refuses what could make more processes, threads, sockets or hidden memory; so one process, one
thread and the limit of its address space bound the whole submission. What the kernel keeps for it beyond that, page
tables and the records of files, is watched from here. `inside.py` runs there, and the process here only reads numbers
from it.
"""

import contextlib
import json
import math
import os
import platform
import re
import selectors
import shutil
import signal
import struct
import subprocess
import sys
import time

import numpy as np

from ..names import LENGTH, MOST
from ..submission import show
from . import bubblewrap, limits, seccomp
from .errors import SandboxUnavailable, Stopped

DTYPES = {f"{order}{kind}{size}" for order in "<|=" for kind, sizes in (("f", (2, 4, 8)), ("i", (1, 2, 4, 8)),
                                                                        ("u", (1, 2, 4, 8))) for size in sizes}


def check_available():
    """Raise SandboxUnavailable unless a sandbox can be started here."""
    advice = ("Grade on Linux with bubblewrap (Debian: apt-get install bubblewrap), or in the container of "
              "`Containerfile`: see the page for instructors.")
    if sys.platform != "linux" or shutil.which("bwrap") is None:
        raise SandboxUnavailable("bubblewrap (bwrap) is not installed here, and without it a submission could read "
                                 f"and change everything that you can. {advice}")
    if platform.machine() not in seccomp.ARCHITECTURES:
        raise SandboxUnavailable(f"there is no list of system calls for {platform.machine()}. {advice}")
    with contextlib.closing(Sandbox()) as sandbox:
        try:
            sandbox.wait_ready()
        except Stopped as error:
            raise SandboxUnavailable(f"bubblewrap does not start here: {error.reason} {sandbox.complaint()} In a "
                                     f"container it needs user namespaces. {advice}") from None


class Sandbox:
    """One student's process. It starts at once, imports NumPy and waits; `close` ends it and all that it left.

    Raises SandboxUnavailable when bubblewrap is not there.
    """

    _info, _watched = -1, ()

    def __init__(self):
        ours, theirs = os.pipe(), os.pipe()                              # what we say, what it says
        errors = os.memfd_create("errors")
        rules = os.memfd_create("seccomp")
        os.write(rules, seccomp.rules())
        os.lseek(rules, 0, os.SEEK_SET)
        self._errors, self._info = errors, os.memfd_create("info")
        try:
            self.process = subprocess.Popen(
                self.command(rules, ours[0], theirs[1]), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=errors, pass_fds=(ours[0], theirs[1], rules, self._info), cwd="/",
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/tmp", "OPENBLAS_NUM_THREADS": "1",
                     "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
                start_new_session=True)
        except FileNotFoundError:
            raise SandboxUnavailable("bubblewrap (bwrap) is not installed here") from None
        finally:
            for descriptor in (ours[0], theirs[1], rules):
                os.close(descriptor)
        self._to, self._from = ours[1], theirs[0]
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)
        self._ready = False

    def command(self, rules, inbox, outbox):
        """What is started. rules, inbox, outbox: descriptors of the seccomp filter and of the pipes."""
        return [*limits.ULIMIT, *bubblewrap.command(rules, self._info), *bubblewrap.python(inbox, outbox)]

    def wait_ready(self, seconds=30):
        """Wait until NumPy is imported. Raises Stopped."""
        if not self._ready:
            header, _ = self._receive(time.monotonic() + seconds)
            if header != {"ready": True}:
                raise Stopped("crash", "the process inside said something else than that it is ready")
            self._watch()
            self._ready = True

    def run_cell(self, number, source, seconds, skip=(), rest=None):
        """Execute a cell.

        skip: numbers of statements to leave out.  rest: from this one on only what defines and imports is executed.
        → the first error, {"text": …, "line": …}, or None.  Raises Stopped, which says at which statement.
        """
        self.wait_ready()
        deadline, statement = time.monotonic() + seconds, None
        try:
            command = {"cell": number, "skip": sorted(skip), "rest": rest}
            self._send(command, source.encode("utf-8", "replace"), deadline)
            while True:
                header, _ = self._receive(deadline)
                if "ran" in header:
                    break
                if type(header.get("at")) is not int:
                    raise Stopped("crash", "what came from the process was no answer")
                statement = header["at"]
        except Stopped as stop:
            stop.statement = statement
            raise
        error = header["ran"]
        return {key: _text(error.get(key)) for key in ("text", "line")} if isinstance(error, dict) and error else None

    def call(self, name, arguments, seconds):
        """Call the student's function. → (array, None, changed inputs), or (None, what came instead, []).

        arguments: numbers, text, tuples and lists of them, and NumPy arrays.  What came instead is a dict:
        {"missing": True}, {"returned": type}, or {"error": type, "text": …, "line": …}; all of it is text to be shown,
        never to be believed.  Raises Stopped.
        """
        self.wait_ready()
        described, data = [], []
        for value in arguments:
            if isinstance(value, np.ndarray):
                data.append(np.ascontiguousarray(value).tobytes())
                described.append({"dtype": value.dtype.str, "shape": value.shape, "bytes": len(data[-1])})
            elif isinstance(value, list):
                described.append({"list": value})
            else:
                described.append(value.item() if isinstance(value, np.generic) else value)
        deadline = time.monotonic() + seconds
        self._send({"call": name, "arguments": described}, b"".join(data), deadline)
        header, data = self._receive(deadline)
        if "shape" in header:
            return _array(header, data), None, _indices(header.get("changed"), len(arguments))
        if header.get("missing") is True:
            return None, {"missing": True}, []
        for keys in (("returned",), ("error", "text", "line")):
            if all(isinstance(header.get(key), str) for key in keys):
                return None, {key: _text(header[key]) for key in keys}, []
        raise Stopped("crash", "what came from the process was no answer")

    def names(self, name, seconds):
        """The names that the student's function uses, as it is claimed inside. → list; [] for anything but names.

        Raises Stopped.
        """
        self.wait_ready()
        deadline = time.monotonic() + seconds
        self._send({"names": name}, b"", deadline)
        claimed = self._receive(deadline)[0].get("names")
        fits = isinstance(claimed, list) and len(claimed) <= MOST and all(
            isinstance(one, str) and len(one) <= LENGTH for one in claimed)
        return claimed if fits else []

    def complaint(self):
        """What bubblewrap or Python wrote to standard error, the last line."""
        os.lseek(self._errors, 0, os.SEEK_SET)
        lines = os.read(self._errors, 4096).decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else ""

    def close(self):
        """Kill the process and everything in its namespace."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for descriptor in (self._to, self._from, self._errors, self._info, *self._watched):
            with contextlib.suppress(OSError):
                os.close(descriptor)

    # ---- messages, see inside.py

    def _send(self, header, data, deadline):
        header = json.dumps(header).encode()
        message = memoryview(struct.pack("<IQ", len(header), len(data)) + header + data)
        with selectors.DefaultSelector() as selector:
            selector.register(self._to, selectors.EVENT_WRITE)
            while message:
                self._wait(selector, deadline)
                try:
                    message = message[os.write(self._to, message):]
                except BlockingIOError:
                    continue
                except BrokenPipeError:
                    raise self._ended() from None

    def _receive(self, deadline):
        header_size, data_size = struct.unpack("<IQ", self._read(12, deadline))
        if header_size > 1 << 16 or data_size > limits.REPLY:
            raise Stopped("limit", f"the answer is larger than {limits.REPLY >> 20} MB")
        try:
            header = json.loads(self._read(header_size, deadline))
        except (ValueError, RecursionError):
            header = None
        if not isinstance(header, dict):
            raise Stopped("crash", "what came from the process was no answer")
        return header, self._read(data_size, deadline)

    def _read(self, count, deadline):
        parts = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(self._from, selectors.EVENT_READ)
            while len(parts) < count:
                self._wait(selector, deadline)
                try:
                    part = os.read(self._from, min(count - len(parts), 1 << 20))
                except BlockingIOError:
                    continue
                if not part:
                    raise self._ended()
                parts += part
        return bytes(parts)

    def _wait(self, selector, deadline):
        while (remaining := deadline - time.monotonic()) > 0:
            some = selector.select(min(remaining, limits.WATCH) if self._watched else remaining)
            self._check_watched()
            if some:
                return
        raise Stopped("timeout", "it took too long and was stopped")

    # ---- what no limit of the system bounds

    def _watch(self):
        """Open the /tmp and the status of the process inside, whose number bubblewrap has told."""
        info = os.pread(self._info, 4096, 0)
        if info:
            root = f"/proc/{json.loads(info)['child-pid']}/root"
            self._watched = [os.open(f"{root}/tmp", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)]
            self._watched.append(os.open(f"{root}/proc/2/status", os.O_RDONLY | os.O_CLOEXEC))

    def _check_watched(self):
        """Raise Stopped when the process has more files or page tables than it may."""
        if self._watched:
            files = os.fstatvfs(self._watched[0])
            if files.f_files - files.f_ffree > limits.FILES:
                raise Stopped("limit", f"it made more than {limits.FILES} files and was stopped")
            with contextlib.suppress(ProcessLookupError):                # it has ended
                tables = re.search(rb"^VmPTE:\s*(\d+) kB", os.pread(self._watched[1], 8192, 0), re.MULTILINE)
                if tables and int(tables[1]) > limits.PAGE_TABLES:
                    raise Stopped("limit", "its memory is scattered too widely, and it was stopped")

    def _ended(self):
        """Why the process is gone, from the exit status that bubblewrap passes on: 128 + signal."""
        try:
            code = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return Stopped("crash", "it closed its connection")
        killed = code - 128 if code > 128 else -code if code < 0 else 0
        if killed in (signal.SIGXCPU, signal.SIGXFSZ, signal.SIGKILL):
            return Stopped("limit", "it used more processor time, memory or disk than is allowed and was stopped")
        if killed:
            return Stopped("crash", f"the process died of signal {killed}")
        return Stopped("crash", f"the process ended by itself, with exit status {code}")


# ---- what came, as numbers and text

def _array(header, data):
    """The claimed array, from bytes that are exactly as many as shape and dtype need."""
    dtype, shape = header.get("dtype"), header.get("shape")
    if not isinstance(dtype, str) or dtype not in DTYPES or not isinstance(shape, list) or len(shape) > 64 or \
            not all(type(n) is int and 0 <= n <= limits.REPLY for n in shape) or \
            math.prod(n for n in shape if n) > limits.REPLY or math.prod(shape) * np.dtype(dtype).itemsize != len(data):
        raise Stopped("crash", "what came from the process was no array")
    return np.frombuffer(data, dtype).reshape(shape)


def _indices(value, count):
    return [i for i in value if type(i) is int and 0 <= i < count] if isinstance(value, list) else []


def _text(value, limit=400):
    return show(value[:limit]) if isinstance(value, str) else ""
