"""The walls of the sandbox, one by one: each is there, and without it something comes through."""

import contextlib
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from cnnlib.grading import marking
from cnnlib.grading.marking import mark
from cnnlib.grading.sandbox import Sandbox, SandboxUnavailable, Stopped, bubblewrap, check_available, limits, process
from tests.grading.cells import FIND, QUESTIONS, attack, left_in, notebook, passed, process_of, space
from tests.grading.classes import need_sandbox

need_sandbox()


@pytest.fixture
def sandbox():
    with contextlib.closing(Sandbox()) as started:
        started.wait_ready()
        yield started


def run(sandbox, source, seconds=20):
    """Execute a cell; what it raises is raised here."""
    text = sandbox.run_cell(0, source, seconds)
    assert not text, text


# ---- what comes back

class Reader(Sandbox):
    """A Sandbox at whose other end this test sits."""

    def __init__(self):
        self.outbox, self._to = os.pipe()
        self._from, self.inbox = os.pipe()
        for descriptor in (self._to, self._from):
            os.set_blocking(descriptor, False)
        self._ready = True
        self.process = subprocess.Popen(["true"])
        self._errors = os.open(os.devnull, os.O_RDONLY)

    def close(self):
        super().close()
        os.close(self.outbox)
        with contextlib.suppress(OSError):
            os.close(self.inbox)


def frame(header, data=b"", header_size=None, data_size=None):
    """A reply, in which the sizes may be wrong."""
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<IQ", header_size or len(header), data_size or len(data)) + header + data


EIGHT = bytes(8)
FORGED = {
    "a header of 4 GB": (frame({}, header_size=2**32 - 1), "limit"),
    "data of 16 exabytes": (frame({}, data_size=2**64 - 1), "limit"),
    "data of 33 MB": (frame({"dtype": "<f8", "shape": [1]}, data_size=33 << 20), "limit"),
    "no header": (frame(b""), "crash"),
    "no JSON": (frame(b"\xff\xfe{]"), "crash"),
    "JSON nested deep": (frame(b"[" * 60000), "crash"),
    "objects nested deep": (frame(b'{"shape":' * 6000), "crash"),
    "a list": (frame([1, 2]), "crash"),
    "a number of many digits": (frame(b"9" * 60000), "crash"),
    "nothing at all": (frame({}), "crash"),
    "the reply to a cell": (frame({"ran": ""}), "crash"),
    "ready, again": (frame({"ready": True}), "crash"),
    "passed": (frame({"passed": True, "score": 100}), "crash"),
    "an error without text": (frame({"error": "E"}), "crash"),
    "an error that is a number": (frame({"error": 1, "text": "", "line": ""}), "crash"),
    "an error with a list for text": (frame({"error": "E", "text": ["x"], "line": ""}), "crash"),
    "a name that is a number": (frame({"returned": 5}), "crash"),
    "missing, perhaps": (frame({"missing": "yes"}), "crash"),
    "too few bytes": (frame({"dtype": "<f8", "shape": [2]}, EIGHT), "crash"),
    "too many bytes": (frame({"dtype": "<f8", "shape": []}, EIGHT * 2), "crash"),
    "a negative shape": (frame({"dtype": "<f8", "shape": [-1, -1]}, EIGHT), "crash"),
    "a huge shape": (frame({"dtype": "<f8", "shape": [2**62, 2]}, EIGHT), "crash"),
    "a huge shape of nothing": (frame({"dtype": "<f8", "shape": [0] + [1 << 25] * 20}), "crash"),
    "a huge shape times nothing": (frame({"dtype": "<f8", "shape": [1 << 24, 1 << 24, 0]}), "crash"),
    "a shape that overflows to fit": (frame({"dtype": "<f8", "shape": [2**61, 8]}, b""), "crash"),
    "a hundred axes": (frame({"dtype": "<f8", "shape": [1] * 100}, EIGHT), "crash"),
    "true for a size": (frame({"dtype": "<f8", "shape": [True]}, EIGHT), "crash"),
    "floats for sizes": (frame({"dtype": "<f8", "shape": [1.0]}, EIGHT), "crash"),
    "NaN for a size": (frame(b'{"dtype": "<f8", "shape": [NaN]}', EIGHT), "crash"),
    "infinity for a size": (frame(b'{"dtype": "<f8", "shape": [Infinity]}', EIGHT), "crash"),
    "text for sizes": (frame({"dtype": "<f8", "shape": "1"}, EIGHT), "crash"),
    "null for a shape": (frame({"dtype": "<f8", "shape": None}, EIGHT), "crash"),
    "a dictionary for a shape": (frame({"dtype": "<f8", "shape": {"0": 1}}, EIGHT), "crash"),
    "objects": (frame({"dtype": "|O", "shape": [1]}, EIGHT), "crash"),
    "O8": (frame({"dtype": "O8", "shape": [1]}, EIGHT), "crash"),
    "strings": (frame({"dtype": "<U2", "shape": [1]}, EIGHT), "crash"),
    "bytes": (frame({"dtype": "|S8", "shape": [1]}, EIGHT), "crash"),
    "void": (frame({"dtype": "|V8", "shape": [1]}, EIGHT), "crash"),
    "booleans": (frame({"dtype": "|b1", "shape": [8]}, EIGHT), "crash"),
    "complex numbers": (frame({"dtype": "<c8", "shape": [1]}, EIGHT), "crash"),
    "times": (frame({"dtype": "<M8[s]", "shape": [1]}, EIGHT), "crash"),
    "a record": (frame({"dtype": "f4,O", "shape": [1]}, EIGHT), "crash"),
    "a list for a dtype": (frame({"dtype": [["x", "<f8"]], "shape": [1]}, EIGHT), "crash"),
    "a dictionary for a dtype": (frame({"dtype": {"names": ["x"], "formats": ["O"]}, "shape": [1]}, EIGHT), "crash"),
    "a number for a dtype": (frame({"dtype": 5, "shape": [1]}, EIGHT), "crash"),
    "an import for a dtype": (frame({"dtype": "numpy.float64", "shape": [1]}, EIGHT), "crash"),
    "a pickle": (frame(b"cposix\nsystem\n(S'touch /tmp/x'\ntR."), "crash"),
    "half a frame, and then nothing": (frame({"dtype": "<f8", "shape": [100]}, EIGHT * 100)[:300], "timeout"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_reply_is_refused(name):
    message, status = FORGED[name]
    with contextlib.closing(Reader()) as reader:
        os.write(reader.inbox, message)
        with pytest.raises(Stopped) as stopped:
            reader.call("f", [1], 0.2)
        assert stopped.value.status == status


def test_any_bytes_give_an_array_or_text_or_stop_the_submission():
    rng = random.Random(0)
    keys = [b'"shape"', b'"dtype"', b'"changed"', b'"error"', b'"text"', b'"line"', b'"missing"', b'"returned"']
    values = [b'"<f8"', b'"|u1"', b'"x"', b"true", b"[]", b"[0]", b"[1]", b"[2,1]", b"{}", b"0", b"-1", b"1e400",
              b"null", b'"\\ud800"', b"NaN", b"[[1]]", b"[-1]", b"[null]"]
    for _ in range(300):
        fields = (rng.choice(keys) + b":" + rng.choice(values) for _ in range(rng.randrange(6)))
        header = b"{" + b",".join(fields) + b"}"
        if rng.random() < 0.3:
            header = b"".join(rng.choices([b"[", b"]", b"{", b"}", b":", b",", *keys, *values], k=rng.randrange(12)))
        with contextlib.closing(Reader()) as reader:
            os.write(reader.inbox, frame(header, bytes(rng.choice([0, 1, 2, 8, 16]))))
            os.close(reader.inbox)
            try:
                array, instead, changed = reader.call("f", [1], 1)
                assert (array is None) != (instead is None) and changed in ([], [0])
                json.dumps(instead, ensure_ascii=False).encode()
            except Stopped as stopped:
                assert stopped.status in ("crash", "limit")


def test_text_is_cut_and_without_characters_that_do_something():
    text = "\x1b[31m\0\r\n\u202e\ud800" + "x" * 1000
    with contextlib.closing(Reader()) as reader:
        os.write(reader.inbox, frame({"error": text, "text": text, "line": text, "missing": False}))
        array, instead, _ = reader.call("f", [1], 1)
    assert array is None and set(instead) == {"error", "text", "line"}
    for value in instead.values():
        assert value.startswith("\\x1b[31m\\x00\\x0d\\x0a\\u202e\\ud800xxx")
        assert len(value) < 500 and value.isprintable()


def test_numbers_of_all_kinds_come_back_as_they_are(sandbox):
    run(sandbox, """
import numpy as np
values = [3, 2.5, [1, 2], (1.5, 2), np.float16(1.5), np.int8(-3), np.uint64(2**64 - 1), np.zeros((0, 3)),
          np.arange(6).reshape(2, 3)[:, ::-1], np.asfortranarray(np.eye(3)), np.float32([[1]]), np.array([1, 2], '>f8'),
          np.array([1, 2], '>i4'), np.longdouble([1.5]), np.ones((1,) * 40)]
def f(i):
    return values[i]
""")
    expected = [3, 2.5, [1, 2], [1.5, 2], 1.5, -3, 2**64 - 1, np.zeros((0, 3)), np.arange(6).reshape(2, 3)[:, ::-1],
                np.eye(3), [[1]], [1, 2], [1, 2], [1.5], np.ones((1,) * 40)]
    for i, want in enumerate(expected):
        got, instead, changed = sandbox.call("f", [i], 5)
        assert instead is None and changed == []
        np.testing.assert_array_equal(got, want)
        assert got.shape == np.shape(want) and not got.flags.writeable


def test_inputs_arrive_as_they_are_sent(sandbox):
    run(sandbox, """
def f(number, array, flag, text, pair):
    assert type(number) is float and number == 1.5 and flag is True and text == 'same' and pair == (1, 2)
    assert array.dtype == 'float32' and array.flags.writeable and array.flags.c_contiguous
    return array * 2
""")
    array = np.arange(6, dtype=np.float32).reshape(2, 3)[:, ::-1]
    got, instead, _ = sandbox.call("f", [1.5, array, True, "same", (1, 2)], 5)
    assert instead is None and got.tolist() == (array * 2).tolist()


# ---- time

def test_the_end_comes_at_once_when_the_time_is_over(sandbox):
    inside = space(sandbox)
    began = time.monotonic()
    with pytest.raises(Stopped) as stopped:
        sandbox.run_cell(0, "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", 0.3)
    assert stopped.value.status == "timeout" and 0.3 <= time.monotonic() - began < 1.5
    began = time.monotonic()
    sandbox.close()
    assert not left_in({inside}) and time.monotonic() - began < 1.5


def test_a_slow_trickle_of_bytes_does_not_stretch_the_time(sandbox):
    began = time.monotonic()
    with pytest.raises(Stopped) as stopped:
        sandbox.run_cell(0, FIND + """
os.write(outbox, bytes([255]) + bytes(11))
while True:
    os.write(outbox, b' ')
    time.sleep(0.05)
""", 0.5)
    assert stopped.value.status == "timeout" and time.monotonic() - began < 2


def test_a_process_that_does_not_read_does_not_hold_up_the_grader(sandbox):
    run(sandbox, FIND + "frame.f_globals['receive'] = lambda stream: time.sleep(100)")
    began = time.monotonic()
    with pytest.raises(Stopped) as stopped:
        sandbox.run_cell(1, "x = 1\n" * 10**6, 0.5)                      # more than a pipe takes
    assert stopped.value.status == "timeout" and time.monotonic() - began < 2


def test_processor_time_is_limited_too(monkeypatch):
    lower = [part.replace(f"ulimit -t {limits.SECONDS}", "ulimit -t 1") for part in limits.ULIMIT]
    monkeypatch.setattr(limits, "ULIMIT", lower)
    with contextlib.closing(Sandbox()) as sandbox, pytest.raises(Stopped) as stopped:
        sandbox.run_cell(0, "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass", 20)
    assert stopped.value.status == "limit"


def test_when_the_grader_dies_its_sandboxes_die(tmp_path):
    script = ("import sys, time\nfrom cnnlib.grading.sandbox import Sandbox\nfrom tests.grading.cells import space\n"
              "sandboxes = [Sandbox() for _ in range(2)]\nprint(*[space(s) for s in sandboxes], flush=True)\n"
              "sandboxes[0].run_cell(0, 'while True: pass', 60)")
    grader = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True,
                              env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    spaces = set(grader.stdout.readline().split())
    assert len(spaces) == 2 and left_in(spaces, 0)
    grader.send_signal(signal.SIGKILL)
    grader.wait()
    assert not left_in(spaces)


# ---- memory

def test_all_memory_of_a_submission_stays_below_2_gb():
    """The worst that the attacks found, together: what the kernel counts for the process, its files and its pipes."""
    hoard = """
import fcntl, os
import numpy as np
kept = []
try:
    for i in range(4000):
        open(f"/tmp/{'x' * 200}{i}", "w").close()
    file = open("/tmp/full", "wb", buffering=0)
    while file.write(bytes(1 << 16)):
        pass
except OSError:
    pass
try:
    while True:
        kept.append(os.pipe())
        os.set_blocking(kept[-1][1], False)
        try:
            fcntl.fcntl(kept[-1][1], 1031, 1 << 20)                      # F_SETPIPE_SZ
            while True:
                os.write(kept[-1][1], bytes(1 << 16))
        except (BlockingIOError, PermissionError):
            pass
except OSError:
    pass
for size in (1 << 27, 1 << 22, 1 << 18):
    try:
        while True:
            kept.append(np.ones(size, np.uint8))
    except MemoryError:
        pass
"""
    with contextlib.closing(Sandbox()) as sandbox:
        root = f"/proc/{process_of(sandbox)}/root"
        run(sandbox, hoard)
        status = Path(f"{root}/proc/2/status").read_text()
        process = sum(int(number) for number in re.findall(r"^Vm(?:RSS|PTE|Swap):\s*(\d+)", status, re.MULTILINE)) << 10
        files = os.statvfs(f"{root}/tmp")
        files = (files.f_blocks - files.f_bfree) * files.f_frsize + 2000 * (files.f_files - files.f_ffree)
        assert 1 << 30 < process + files + (32 << 20) < 2 << 30, (process, files)
        assert files < 32 << 20


def test_what_no_limit_counts_is_watched(sandbox):
    run(sandbox, "for i in range(1000): open(f'/tmp/{i}', 'w').close()")
    with pytest.raises(Stopped, match="files") as stopped:
        run(sandbox, "for i in range(10**8): open(f'/tmp/{i}', 'w').close()")
    assert stopped.value.status == "limit"
    files = os.fstatvfs(sandbox._watched[0])
    assert files.f_files - files.f_ffree < 100_000


def test_descriptors_and_processes_of_the_grader_do_not_pile_up():
    def used():
        return len(os.listdir("/proc/self/fd")), len(os.listdir(f"/proc/self/task/{os.getpid()}"))
    mark(notebook("1"), 1, QUESTIONS)
    before = used()
    for _ in range(3):
        mark(notebook("import os\nos._exit(0)", *attack("exit_answer")), 1, QUESTIONS)
    assert used() == before


# ---- no sandbox

def test_without_bubblewrap_nothing_is_run_and_it_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable, match="bubblewrap.*not installed.*apt-get install bubblewrap"):
        check_available()
    monkeypatch.undo()
    monkeypatch.setattr(process.platform, "machine", lambda: "mips")
    with pytest.raises(SandboxUnavailable, match="no list of system calls for mips"):
        check_available()
    monkeypatch.undo()
    monkeypatch.setattr(process.sys, "platform", "darwin")
    with pytest.raises(SandboxUnavailable, match="container"):
        check_available()


def test_a_sandbox_that_does_not_start_is_no_students_fault(monkeypatch):
    check_available()
    monkeypatch.setattr(bubblewrap, "python", lambda inbox, outbox: ["/no/python"])
    with pytest.raises(SandboxUnavailable, match="does not start.*no/python"):
        check_available()
    with pytest.raises(SandboxUnavailable, match="no/python"):
        mark(notebook("x = 1"), 1, QUESTIONS)


def test_limits_that_cannot_be_set_stop_the_start(monkeypatch):
    monkeypatch.setattr(limits, "ULIMIT", [part.replace("ulimit -n 64", "ulimit -n x") for part in limits.ULIMIT])
    with contextlib.closing(Sandbox()) as sandbox, pytest.raises(Stopped):
        sandbox.wait_ready()


# ---- each wall is needed: without it one of the attacks gets through

def no_filter(command):
    start = command.index("--seccomp")
    return command[:start] + command[start + 2:]


def shares(*names):
    """All namespaces are its own but these."""
    own = [f"--unshare-{name}" for name in ("user", "ipc", "pid", "net", "uts", "cgroup-try") if name not in names]
    return lambda command: [part for whole in command for part in (own if whole == "--unshare-all" else [whole])]


def shown(folder):
    """Put a folder of this machine into the sandbox."""
    return lambda command: [part for whole in command
                            for part in (["--ro-bind", folder, folder, whole] if whole == "--chdir" else [whole])]


def writable(folder):
    """Leave out the --remount-ro of a folder."""
    def change(command):
        start = next(i for i, pair in enumerate(zip(command, command[1:], strict=False))
                     if pair[0] == "--remount-ro" and re.fullmatch(folder, pair[1]))
        return command[:start] + command[start + 2:]
    return change


def limit(old, new):
    return lambda command: [part.replace(old, new) for part in command]


ROOT = str(Path(__file__).resolve().parents[2])
WALLS = {
    "processes: no filter": ("processes", no_filter),
    "memory outside of the address space: no filter": ("memory_elsewhere", no_filter),
    "ptrace: no filter": ("ptrace", no_filter),
    "the /dev/null of root: no filter": ("writing", no_filter),
    "namespaces: no filter and no --disable-userns": (
        "privileges", lambda command: [part for part in no_filter(command) if part != "--disable-userns"]),
    "memory: a limit of 5 GB": ("memory", limit(f"ulimit -v {limits.MEMORY >> 10}", f"ulimit -v {5 << 20}")),
    "disk: 64 MB": ("disk", limit(str(limits.TMP), str(64 << 20))),
    "core dumps": ("privileges", limit("ulimit -c 0", "ulimit -c 1024")),
    "reading: the repository is shown": ("reading", shown(ROOT)),
    "reading: the system's settings are shown": ("reading", shown("/etc")),
    "/proc is writable": ("proc", writable("/proc")),
    "the cover of other packages is writable": ("writing", writable(".*-packages")),
    "the empty root is writable": ("writing", writable("/")),
    "other processes are seen": ("proc", shares("pid")),
}


@pytest.mark.parametrize("name", WALLS)
def test_without_one_of_the_walls_an_attack_gets_through(name, tmp_path):
    attacker, weaken = WALLS[name]
    if "of root" in name and os.geteuid() != 0:
        pytest.skip("only root's own sandbox could change the files of root")

    class Weak(Sandbox):
        def command(self, *descriptors):
            return weaken(super().command(*descriptors))

        def _watch(self):
            pass

    words = {"SECRET": "unknown", "OTHER": tmp_path, "ROOT": ROOT}
    record = mark(notebook(*attack(attacker, **words)), 1, QUESTIONS, Weak)
    assert "count_weights" not in passed(record) and "reached" in record["reason"], record


def test_without_its_own_network_and_the_filter_a_listener_is_reached():
    class Weak(Sandbox):
        def command(self, *descriptors):
            return shares("net")(no_filter(super().command(*descriptors)))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        mark(notebook(*attack("network", PORT=listener.getsockname()[1], ABSTRACT="nobody")), 1, QUESTIONS, Weak)
        listener.accept()[0].close()


@pytest.mark.parametrize("name", ["many_files", "page_tables"])
def test_without_the_watch_nothing_stops_what_no_limit_counts(name, monkeypatch):
    monkeypatch.setattr(limits, "FILES", 10**9)
    monkeypatch.setattr(limits, "PAGE_TABLES", 10**9)
    monkeypatch.setattr(marking, "CELL_SECONDS", 1)
    assert mark(notebook(*attack(name)), 1, QUESTIONS)["status"] == "timeout"


def test_arguments_arrive_as_what_they_are(sandbox):
    run(sandbox, "kinds = [int, float, str, tuple, list]\ndef f(*a): return [kinds.index(type(x)) for x in a]")
    array, instead, _ = sandbox.call("f", [2, 0.5, "same", (1, 2), [1, 2], [0.5], np.int64(3), np.float32(1)], 20)
    assert instead is None and array.tolist() == [0, 1, 2, 3, 4, 4, 0, 1]
