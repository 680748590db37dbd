"""The autograder's zip, unpacked and run as in Gradescope, with the packages that setup.sh installs and no others."""

import importlib.metadata
import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import numpy as np
import pytest
from typer.testing import CliRunner

from cnnlib.grading import gradescope, sandbox
from cnnlib.grading.__main__ import app
from cnnlib.grading.questions import MODULES, WEEKS
from tests.grading.bare import make_environment
from tests.paths import ROOT

MOST = sum(question.points for question in WEEKS[1])
FORBIDDEN = "this container cannot run a submission safely"


def need_sandbox():
    try:
        sandbox.check_available()
    except sandbox.SandboxUnavailable as error:
        pytest.skip(str(error))


def sheet(folder, **answers):
    """The bytes of a week's sheet from solutions or exercises, with some functions replaced by other source code."""
    notebook = nbformat.read(ROOT / folder / "week1.ipynb", as_version=4)
    for cell in notebook.cells:
        for name, source in answers.items():
            if f"def {name}(" in cell.source:
                cell.source = source
    return nbformat.writes(notebook).encode()


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """/autograder after setup.sh, but for run_autograder's sources."""
    root = tmp_path_factory.mktemp("autograder")
    make_environment(root / "venv", map(importlib.metadata.distribution, gradescope.PACKAGES))
    return root


@pytest.fixture
def autograder(installed, tmp_path):
    """Unpacks the zip into a fresh root; → function that hands in files and returns what results.json says."""
    root = tmp_path / "autograder"
    root.mkdir()
    shutil.copytree(installed / "venv", root / "venv", symlinks=True)

    def run(files, no_sandbox=False, start=(), at=root):
        gradescope.write_zip(1, tmp_path / "autograder.zip", no_sandbox)
        shutil.rmtree(root / "source", ignore_errors=True)
        shutil.rmtree(root / "submission", ignore_errors=True)
        unpack(tmp_path / "autograder.zip", root / "source")
        shutil.copy(root / "source" / "run_autograder", root)            # as Gradescope does
        (root / "results").mkdir(exist_ok=True)
        (root / "submission").mkdir()
        for name, content in files.items():
            path = root / "submission" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        run.shown = subprocess.run(
            [*start, f"{at}/run_autograder"], cwd=root, capture_output=True, text=True, timeout=120,
            env={"PATH": os.environ["PATH"], "AUTOGRADER_ROOT": str(at)})
        assert run.shown.returncode == 0, run.shown.stderr
        return json.loads((root / "results" / "results.json").read_text())

    run.root = root
    return run


def unpack(archive, folder):
    with zipfile.ZipFile(archive) as files:
        for entry in files.infolist():
            files.extract(entry, folder)
            (folder / entry.filename).chmod(entry.external_attr >> 16)


def test_the_zip_holds_what_marking_needs_and_nothing_else(tmp_path):
    gradescope.write_zip(1, tmp_path / "a.zip", secret="s")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        names = archive.namelist()
        assert names == sorted(set(names)) and not archive.testzip()
        modes = {name: stat.S_IMODE(archive.getinfo(name).external_attr >> 16) for name in names}
        pins = archive.read("requirements.txt").decode().split()
    top = [name for name in names if "/" not in name]
    assert top == ["requirements.txt", "run_autograder", "secret", "setup.sh"]
    assert all(modes[name] == (0o755 if name in ("setup.sh", "run_autograder") else 0o644) for name in names)
    rest = [name for name in names if "/" in name]
    assert all(name.startswith("cnnlib/") and name.endswith((".py", ".txt.jinja")) for name in rest)
    assert {"cnnlib/grading/sandbox/inside.py", "cnnlib/grading/names.py", "cnnlib/grading/questions/cases.py"} <= set(
        names)
    assert all(f"{part.__name__.replace('.', '/')}.py" in names for part in MODULES[1].NOTEBOOKS)
    assert not [name for name in rest if name.split("/")[1] in ("figures", "blocks", "data.py", "testing.py")]
    assert "cnnlib/grading/__main__.py" not in names and "cnnlib/grading/sheet.py" not in names
    frozen = (ROOT / "constraints.txt").read_text().lower().split()
    assert len(pins) == len(gradescope.PACKAGES) and set(pins) <= set(frozen)
    assert (tmp_path / "a.zip").stat().st_size < 1 << 20
    gradescope.write_zip(1, tmp_path / "b.zip", secret="s")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_each_zip_and_each_content_has_cases_of_its_own(tmp_path):
    seeds = set()
    for name in ("a", "b"):
        gradescope.write_zip(1, tmp_path / f"{name}.zip")
        unpack(tmp_path / f"{name}.zip", tmp_path / name / "source")
        seeds |= {gradescope.cases_seed(tmp_path / name, content) for content in (b"x", b"y", b"x")}
    assert len(seeds) == 4


def test_the_command_writes_the_zip(tmp_path):
    target = tmp_path / "autograder.zip"
    result = CliRunner().invoke(app, ["gradescope", "--week", "1", "--out", str(target)])
    assert result.exit_code == 0 and str(target) in result.output.replace("\n", "")
    assert "no-sandbox" not in zipfile.ZipFile(target).namelist()
    options = ["gradescope", "--week", "1", "--out", str(target), "--no-sandbox"]
    refused = CliRunner().invoke(app, options)
    assert refused.exit_code == 2 and "--i-trust-these-submissions" in refused.output
    assert CliRunner().invoke(app, [*options, "--i-trust-these-submissions"]).exit_code == 0
    assert "no-sandbox" in zipfile.ZipFile(target).namelist()
    for week in ("0", "99"):
        result = CliRunner().invoke(app, ["gradescope", "--week", week, "--out", str(tmp_path / "no.zip")])
        assert result.exit_code == 2 and f"got {week}" in result.output and "Traceback" not in result.output
    assert not (tmp_path / "no.zip").exists()


def test_setup_installs_bubblewrap_a_new_python_and_the_pins(tmp_path):
    """setup.sh with an apt-get and a Python that write down how they were called."""
    tools, log, root = tmp_path / "tools", tmp_path / "log", tmp_path / "autograder"
    tools.mkdir()
    gradescope.write_zip(1, tmp_path / "a.zip")
    unpack(tmp_path / "a.zip", root / "source")
    stub(tools / "apt-get", f'echo "apt-get $*" >> {log}; case "$*" in *python3.13*|*python3.12*) exit 100;; esac')
    stub(tools / "python3.11", f'echo "python3.11 $*" >> {log}; mkdir -p "$3/bin"; '
                               f'printf \'#!/bin/sh\\necho "venv $*" >> {log}\\n\' > "$3/bin/python"; '
                               'chmod +x "$3/bin/python"')
    subprocess.run([root / "source" / "setup.sh"], check=True,
                   env={"PATH": f"{tools}:/usr/bin:/bin", "AUTOGRADER_ROOT": str(root)})
    calls = log.read_text().splitlines()
    assert calls[:2] == ["apt-get update", "apt-get install -y --no-install-recommends bubblewrap"]
    assert calls[-3:] == ["apt-get install -y --no-install-recommends python3.11 python3.11-venv",
                          f"python3.11 -m venv {root}/venv",
                          f"venv -m pip install --no-cache-dir -r {root}/source/requirements.txt"]
    stub(tools / "apt-get", "exit 100")
    assert subprocess.run([root / "source" / "setup.sh"], env={"PATH": f"{tools}:/usr/bin:/bin"}).returncode == 100


def stub(path, line):
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def test_a_solved_a_wrong_and_an_empty_sheet(autograder):
    need_sandbox()
    results = autograder({"week1.ipynb": sheet("solutions")})
    assert results["score"] == MOST == sum(test["max_score"] for test in results["tests"])
    assert {test["score"] for test in results["tests"]} == {question.points for question in WEEKS[1]}
    assert "without bubblewrap" not in results["output"]

    results = autograder({"Week 1 (final).ipynb": sheet(
        "solutions", convolve1d_full="def convolve1d_full(x, w):\n    return np.convolve(x, w[::-1])")})
    lost = [test for test in results["tests"] if test["score"] < test["max_score"]]
    assert any("the kernel is not flipped" in test["output"] for test in lost)
    assert results["score"] == MOST - sum(test["max_score"] for test in lost) < MOST

    results = autograder({"handed in/week1.ipynb": sheet("exercises"), "handed in/notes.ipynb": b"{}",
                          "__MACOSX/week1.ipynb": b"x", ".ipynb_checkpoints/week1.ipynb": b"x"})
    assert results["score"] == 0 and len(results["tests"]) == len(WEEKS[1])


def test_what_is_no_notebook_gets_nothing_and_says_why(autograder):
    need_sandbox()
    for files, reason in [({}, "no notebook was handed in"), ({"notes.txt": b"x"}, "no notebook was handed in"),
                          ({"a.ipynb": b"{}", "b.ipynb": b"{}"}, "name the one to be marked week1.ipynb"),
                          ({"week1.ipynb": b"{]"}, "not JSON")]:
        results = autograder(files)
        assert results["score"] == 0 and reason in json.dumps(results)


def test_a_link_is_not_followed(autograder, tmp_path):
    need_sandbox()
    results = autograder({"x": b""})
    (tmp_path / "secret").write_bytes(sheet("solutions"))
    (autograder.root / "submission" / "week1.ipynb").symlink_to(tmp_path / "secret")
    gradescope.run(autograder.root, 1)
    results = json.loads((autograder.root / "results" / "results.json").read_text())
    assert results["score"] == 0 and "it is a link" in json.dumps(results)


def test_a_failure_of_ours_is_said_without_a_mark(autograder, monkeypatch):
    monkeypatch.setattr(gradescope, "grade", lambda root, week: 1 / 0)
    gradescope.run(autograder.root, 1)
    results = json.loads((autograder.root / "results" / "results.json").read_text())
    assert results == {"score": 0, "tests": [], "output": results["output"]} and "failed" in results["output"]


def test_without_namespaces_it_refuses_and_runs_nothing(autograder):
    """Inside a sandbox that allows no further ones, as Gradescope's container may be."""
    need_sandbox()
    start = ["bwrap", "--unshare-user", "--disable-userns", "--uid", "1000", "--dev-bind", "/", "/"]
    touched = autograder.root / "touched"
    notebook = sheet("exercises", count_weights=f"open({str(touched)!r}, 'w')")
    for no_sandbox in (False, True):                                     # without being root there, the file is no help
        results = autograder({"week1.ipynb": notebook}, no_sandbox, start)
        assert results["score"] == 0 and results["tests"] == [] and FORBIDDEN in results["output"]
        assert "bubblewrap does not start here" in autograder.shown.stderr
    assert not touched.exists()


SPY = '''
import os, socket, threading
refused = []

def attempt(name, way, *args):
    try:
        way(*args)
    except (OSError, RuntimeError):
        refused.append(name)

for name in ("source/cnnlib/scratch/signal.py", "results/results.json", "submission/week1.ipynb"):
    attempt(name[:3], open, "/autograder/" + name)
attempt("list", os.listdir, "/autograder/source")
attempt("write", open, "/autograder/results/results.json", "w")
attempt("fork", os.fork)
attempt("thread", threading.Thread(target=print).start)
attempt("root", os.setuid, 0)
attempt("environ", lambda: open("/proc/%d/environ" % os.getppid()).read())
attempt("socket", socket.socket)
attempt("kill", os.kill, os.getppid(), 0)

def count_weights(height, width, kernel_height, kernel_width):
    raise ValueError(os.getuid(), *refused)
'''
ALL_REFUSED = "('sou', 'res', 'sub', 'list', 'write', 'fork', 'thread', 'root', 'environ', 'socket', 'kill')"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can change to another user, as in Gradescope's container")
def test_the_opt_in_marks_as_a_user_who_may_read_nothing(autograder):
    """In a container like Gradescope's: root, all in /autograder, no bubblewrap."""
    need_sandbox()
    site = Path(np.__file__).parent.parent
    seen = [Path(sys.base_prefix), site]                                 # Python and the packages, readable by all
    parents = sorted({parent for folder in seen for parent in folder.parents} - {Path("/"), Path("/usr")})
    start = ["bwrap", "--unshare-pid", "--unshare-net", "--cap-add", "ALL", "--perms", "1777", "--tmpfs", "/tmp",
             "--proc", "/proc", "--dev", "/dev", "--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc",
             *(part for folder in ("/bin", "/lib", "/lib64") if os.path.exists(folder)
               for part in ("--symlink", f"usr{folder}", folder)),
             *(part for parent in parents if Path("/usr") not in parent.parents
               for part in ("--perms", "0755", "--dir", str(parent))),
             *(part for folder in seen for part in ("--ro-bind", str(folder), str(folder))),
             "--ro-bind", "/dev/null", shutil.which("bwrap"), "--bind", str(autograder.root), "/autograder"]
    files = {"week1.ipynb": sheet("solutions", count_weights=SPY)}
    results = autograder(files, False, start, "/autograder")
    assert results["tests"] == [] and FORBIDDEN in results["output"]
    results = autograder(files, True, start, "/autograder")
    assert results["score"] == MOST - 1 and "Marked without bubblewrap." in results["output"], results
    said = next(test["output"] for test in results["tests"] if test["score"] == 0)
    assert f"ValueError: ({gradescope.USER}, {ALL_REFUSED[1:]}" in said, said
