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
from pathlib import Path

import numpy as np

from .submission import show

MEMORY = 3 << 29                 # bytes of address space; pipes, /tmp and what is watched come on top: 2 GB together
SECONDS = 200                    # of processor time; above marking.TOTAL_SECONDS, so that only what is slow is lost
TMP = 16 << 20                   # bytes of /tmp
FILES = 4096                     # of /tmp; each takes 1 kB of the kernel's memory
PAGE_TABLES = 64 << 10           # kB; a page of a sparse mapping takes two or three pages of them
WATCH = 0.1                      # seconds between two looks at the last two
REPLY = 32 << 20                 # bytes of an answer
DTYPES = {f"{order}{kind}{size}" for order in "<|=" for kind, sizes in (("f", (2, 4, 8)), ("i", (1, 2, 4, 8)),
                                                                        ("u", (1, 2, 4, 8))) for size in sizes}


class SandboxUnavailable(RuntimeError):
    """This system cannot run a student's code safely; the text says what to do."""


class Stopped(Exception):
    """The student's process is gone or was stopped. status: "timeout", "limit" or "crash"; reason: a sentence.

    statement: of a cell, the number of the one that was running.
    """

    def __init__(self, status, reason):
        super().__init__(reason)
        self.status, self.reason, self.statement = status, reason, 0


def check_available():
    """Raise SandboxUnavailable unless a sandbox can be started here."""
    advice = ("Grade on Linux with bubblewrap (Debian: apt-get install bubblewrap), or in the container of "
              "`Containerfile`: see the page for instructors.")
    if sys.platform != "linux" or shutil.which("bwrap") is None:
        raise SandboxUnavailable("bubblewrap (bwrap) is not installed here, and without it a submission could read "
                                 f"and change everything that you can. {advice}")
    if platform.machine() not in _ARCHITECTURES:
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
        os.write(rules, _filter())
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
        return [*_LIMITS, *_bubblewrap(rules, self._info), *_python(inbox, outbox)]

    def wait_ready(self, seconds=30):
        """Wait until NumPy is imported. Raises Stopped."""
        if not self._ready:
            header, _ = self._receive(time.monotonic() + seconds)
            if header != {"ready": True}:
                raise Stopped("crash", "the process inside said something else than that it is ready")
            self._watch()
            self._ready = True

    def run_cell(self, number, source, seconds, skip=()):
        """Execute a cell but for the statements with the numbers to skip.

        → the first error, {"text": …, "line": …}, or None.  Raises Stopped, which says at which statement.
        """
        self.wait_ready()
        deadline, statement = time.monotonic() + seconds, 0
        try:
            self._send({"cell": number, "skip": sorted(skip)}, source.encode("utf-8", "replace"), deadline)
            while True:
                header, _ = self._receive(deadline)
                if "ran" in header:
                    break
                statement = header["at"] if type(header.get("at")) is int else statement
        except Stopped as stop:
            stop.statement = statement
            raise
        error = header["ran"]
        return {key: _text(error.get(key)) for key in ("text", "line")} if isinstance(error, dict) and error else None

    def call(self, name, arguments, seconds):
        """Call the student's function. → (array, None, changed inputs), or (None, what came instead, []).

        arguments: numbers, text, tuples of them, and NumPy arrays.  What came instead is a dict: {"missing": True},
        {"returned": type}, or {"error": type, "text": …, "line": …}; all of it is text to be shown, never to be
        believed.  Raises Stopped.
        """
        self.wait_ready()
        described, data = [], []
        for value in arguments:
            if isinstance(value, np.ndarray):
                data.append(np.ascontiguousarray(value).tobytes())
                described.append({"dtype": value.dtype.str, "shape": value.shape, "bytes": len(data[-1])})
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
        if header_size > 1 << 16 or data_size > REPLY:
            raise Stopped("limit", f"the answer is larger than {REPLY >> 20} MB")
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
            some = selector.select(min(remaining, WATCH) if self._watched else remaining)
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
            if files.f_files - files.f_ffree > FILES:
                raise Stopped("limit", f"it made more than {FILES} files and was stopped")
            with contextlib.suppress(ProcessLookupError):                # it has ended
                tables = re.search(rb"^VmPTE:\s*(\d+) kB", os.pread(self._watched[1], 8192, 0), re.MULTILINE)
                if tables and int(tables[1]) > PAGE_TABLES:
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
            not all(type(n) is int and 0 <= n <= REPLY for n in shape) or \
            math.prod(n for n in shape if n) > REPLY or math.prod(shape) * np.dtype(dtype).itemsize != len(data):
        raise Stopped("crash", "what came from the process was no array")
    return np.frombuffer(data, dtype).reshape(shape)


def _indices(value, count):
    return [i for i in value if type(i) is int and 0 <= i < count] if isinstance(value, list) else []


def _text(value, limit=400):
    return show(value[:limit]) if isinstance(value, str) else ""


# ---- the walls

# Both limits of each: soft and hard. Virtual memory and file size in kB or blocks of 512 bytes, as POSIX has it.
_LIMITS = ["/bin/sh", "-c", f"ulimit -v {MEMORY >> 10} && ulimit -t {SECONDS} && ulimit -f {TMP >> 9} && ulimit -c 0 "
                            '&& ulimit -n 64 && exec "$@"', "sh"]
_PACKAGES = "/packages"
TRANSFORMER = ("IPython/core/inputtransformer2.py", "IPython/utils/tokenutil.py")    # all of IPython that is inside


def _bubblewrap(rules, info):
    """The command without the program: an empty root, and into it only what Python and NumPy need.

    Started by root, the process inside is root's in all but its capabilities: what it may do to a file that root owns
    is decided by the mount alone. So all of them are read-only, /proc too, in which lies /proc/sys.
    """
    site = Path(np.__file__).parent.parent
    names = [name for name in ("numpy", "numpy.libs", *TRANSFORMER) if (site / name).exists()]
    packages = [part for name in names for part in ("--ro-bind", str(site / name), f"{_PACKAGES}/{name}")]
    shown = _shown()
    system = [part for folder in [*shown, "/lib", "/lib64", "/etc/ld.so.cache"] if os.path.exists(folder)
              for part in (("--symlink", os.readlink(folder), folder) if os.path.islink(folder)
                           else ("--ro-bind", folder, folder))]
    hidden = [part for folder in _hidden(shown)
              for part in ("--size", "4096", "--tmpfs", folder, "--remount-ro", folder)]
    return ["bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--uid", "65534", "--gid", "65534",
            "--hostname", "sandbox", "--die-with-parent", "--new-session", "--cap-drop", "ALL", *system, *packages,
            *hidden, "--ro-bind", str(Path(__file__).with_name("inside.py")), f"{_PACKAGES}/inside.py",
            "--proc", "/proc", "--remount-ro", "/proc", "--size", str(1 << 20), "--tmpfs", "/dev",
            "--dev-bind", "/dev/null", "/dev/null", "--dev-bind", "/dev/zero", "/dev/zero",
            "--dev-bind", "/dev/urandom", "/dev/urandom",
            "--dev-bind", "/dev/random", "/dev/random", "--remount-ro", "/dev",
            "--size", str(TMP), "--tmpfs", "/tmp", "--chdir", "/tmp", "--remount-ro", "/",
            "--seccomp", str(rules), "--info-fd", str(info), "--"]


def _shown():
    """The folders of libraries and the Python program itself."""
    prefix = os.path.realpath(sys.base_prefix)
    folders = dict.fromkeys(f"{parent}/{name}"
                            for parent in ("/usr", "/usr/local", prefix) for name in ("lib", "lib64"))
    return [folder for folder in folders if os.path.isdir(folder)] + [os.path.realpath(sys.executable)]


def _hidden(shown):
    """Folders of other packages and of this project that lie within what is shown: covered with nothing."""
    candidates = [Path(__file__).resolve().parents[2], *map(Path, sys.path)]
    candidates += [path for folder in shown for path in Path(folder).glob("python3*/*-packages")]
    stdlib = Path(os.__file__).parent
    return sorted({str(path) for path in candidates if path.is_dir() and path != stdlib and stdlib not in path.parents
                   or path.name in ("site-packages", "dist-packages") and path.is_dir()
                   if any(str(path).startswith(f"{folder}/") for folder in shown)
                   and not str(stdlib).startswith(f"{path}/")})


def _python(inbox, outbox):
    executable = os.path.realpath(sys.executable)
    # -P -s -S is -I without -E: PYTHONHASHSEED of the environment that we made counts, so that sets have one order
    return [executable, "-P", "-s", "-S", f"{_PACKAGES}/inside.py", str(inbox), str(outbox), _PACKAGES]


# ---- seccomp

# What makes processes or threads, sockets, or memory that no limit counts (vmsplice: pages of 2 MB held by pipes); what
# looks into or reshapes the system; what changes a file that is open already, such as the /dev/null that we pass on.
# Behind each list the number of fcntl, of which only the locks of _LOCKS are refused: no limit counts them either.
_REFUSED = {
    "x86_64": (0xC000003E, {
        "clone": 56, "fork": 57, "vfork": 58, "clone3": 435, "socket": 41, "socketpair": 53, "memfd_create": 319,
        "memfd_secret": 447, "shmget": 29, "shmat": 30, "semget": 64, "msgget": 68, "mq_open": 240,
        "io_uring_setup": 425, "io_setup": 206, "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311,
        "pidfd_getfd": 438, "mount": 165, "umount2": 166, "pivot_root": 155,
        "chroot": 161, "unshare": 272, "setns": 308, "open_tree": 428, "fsopen": 430,
        "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "keyctl": 250, "add_key": 248, "request_key": 249,
        "open_by_handle_at": 304, "personality": 135, "inotify_init": 253, "inotify_init1": 294, "fanotify_init": 300,
        "splice": 275, "tee": 276, "vmsplice": 278, "landlock_create_ruleset": 444, "syslog": 103,
        "chmod": 90, "fchmod": 91, "fchmodat": 268, "chown": 92, "fchown": 93, "lchown": 94,
        "fchownat": 260, "utime": 132, "utimes": 235, "futimesat": 261, "utimensat": 280, "setxattr": 188,
        "lsetxattr": 189, "fsetxattr": 190, "removexattr": 197, "lremovexattr": 198, "fremovexattr": 199}, 72),
    "aarch64": (0xC00000B7, {
        "clone": 220, "clone3": 435, "socket": 198, "socketpair": 199, "memfd_create": 279, "memfd_secret": 447,
        "shmget": 194, "shmat": 196, "semget": 190, "msgget": 186, "mq_open": 180, "io_uring_setup": 425, "io_setup": 0,
        "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "pidfd_getfd": 438, "mount": 40,
        "umount2": 39, "pivot_root": 41, "chroot": 51, "unshare": 97, "setns": 268, "open_tree": 428, "fsopen": 430,
        "bpf": 280,
        "perf_event_open": 241, "userfaultfd": 282, "keyctl": 219, "add_key": 217, "request_key": 218,
        "open_by_handle_at": 265, "personality": 92, "inotify_init1": 26, "fanotify_init": 262,
        "splice": 76, "tee": 77, "vmsplice": 75, "landlock_create_ruleset": 444, "syslog": 116,
        "fchmod": 52, "fchmodat": 53, "fchown": 55, "fchownat": 54, "utimensat": 88, "setxattr": 5, "lsetxattr": 6,
        "fsetxattr": 7, "removexattr": 14, "lremovexattr": 15, "fremovexattr": 16}, 25),
}
_LOCKS = (6, 7, 37, 38, 1024)    # F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW, F_SETLEASE
_NEWER = 452                     # calls from Linux 6.6 on, at which nobody has looked: as if there were none
_ARCHITECTURES = set(_REFUSED)


def _filter():
    """The program of the kernel's packet filter (man 2 seccomp): refused calls give EPERM, foreign ones the end.

    An instruction: operation, jump if true, jump if false, number. 0x20 loads a word of (call number, architecture, …),
    0x15 compares, 0x35 compares for ≥, 0x06 returns.
    """
    architecture, calls, fcntl = _REFUSED[platform.machine()]
    numbers = sorted(set(calls.values()))
    allow, refuse, unknown, kill = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 38, 0x80000000
    program = [(0x20, 0, 0, 4), (0x15, 1, 0, architecture), (0x06, 0, 0, kill),
               (0x20, 0, 0, 0), (0x35, 0, 1, 0x40000000), (0x06, 0, 0, kill),                # x32 calls on x86_64
               (0x35, 0, 1, _NEWER), (0x06, 0, 0, unknown)]
    size = len(numbers) + 2 + len(_LOCKS)                                # to `allow`, behind it `refuse`
    program += [(0x15, size - i, 0, number) for i, number in enumerate(numbers)]
    program += [(0x15, 0, len(_LOCKS) + 1, fcntl), (0x20, 0, 0, 24)]     # its second argument
    program += [(0x15, len(_LOCKS) - i, 0, command) for i, command in enumerate(_LOCKS)]
    program += [(0x06, 0, 0, allow), (0x06, 0, 0, refuse)]
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)
