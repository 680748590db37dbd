"""Gradescope: the zip that makes an autograder of a week, and what runs in Gradescope's container.

Gradescope unpacks the zip into /autograder/source and runs setup.sh there once, as root; then, in a fresh container for
each submission, run_autograder, which reads /autograder/submission and writes /autograder/results/results.json.
https://gradescope-autograders.readthedocs.io/en/latest/specs/
"""

import contextlib
import hashlib
import importlib.metadata
import json
import os
import secrets
import shutil
import sys
import tempfile
import traceback
import zipfile
from modulefinder import ModuleFinder
from pathlib import Path

import numpy as np

from . import sandbox
from .batch import reports
from .marking import lost, mark
from .questions import WEEKS
from .sandbox import files, limits
from .submission import read_submission, show

PACKAGES = ["numpy", "jinja2", "markupsafe", "ipython"]      # what marking needs beside the standard library and cnnlib
READ = ["sandbox/inside.py", "batch/report_question.txt.jinja"]    # what it takes of cnnlib without an import
NO_SANDBOX = "no-sandbox"                            # the file in the zip that lets run_autograder do without
SECRET = "secret"                                    # the file in the zip that, with a submission, draws its cases
USER = 64999                                         # who runs a submission then; no other process is theirs

SETUP = """\
#!/bin/sh
# Gradescope runs this once, as root, when it builds the image.
set -e
root=${{AUTOGRADER_ROOT:-/autograder}}
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends bubblewrap
# Python 3.11 or newer; the python3 of Ubuntu 22.04 is 3.10.
for python in python3.13 python3.12 python3.11; do
  if apt-get install -y --no-install-recommends "$python" "$python-venv"; then break; fi
done
"$python" -m venv "$root/venv"
"$root/venv/bin/python" -m pip install --no-cache-dir -r "$root/source/requirements.txt"
"""

RUN = """\
#!/bin/sh
# Gradescope runs this for each submission.
root=${{AUTOGRADER_ROOT:-/autograder}}
cd "$root/source" && exec "$root/venv/bin/python" -m cnnlib.grading.gradescope "$root" {week}
"""


def write_zip(week, path, no_sandbox=False, secret=None):
    """Write the autograder of a week as a zip to upload.

    no_sandbox: let it mark without bubblewrap where Gradescope's container forbids namespaces (see NobodysProcess).
    secret: text that decides the cases; drawn anew unless given.
    Raises ValueError when there is no such week.
    """
    if week not in WEEKS:
        raise ValueError(f"write_zip: week must be one of {', '.join(map(str, WEEKS))}; got {week!r}")
    versions = {name: importlib.metadata.version(name).split("+")[0] for name in PACKAGES}
    files = {"setup.sh": SETUP.format(**versions), "run_autograder": RUN.format(week=week),
             SECRET: secret or secrets.token_hex(16),
             "requirements.txt": "".join(f"{name}=={version}\n" for name, version in versions.items()),
             **{name: file.read_text(encoding="utf-8") for name, file in _modules().items()}}
    if no_sandbox:
        files[NO_SANDBOX] = "While this file is here, run_autograder marks without bubblewrap where it cannot start.\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(files.items()):
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))         # the same files give the same zip
            entry.external_attr = (0o755 if name in ("setup.sh", "run_autograder") else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, text)


def _modules():
    """What marking needs of cnnlib: path in the zip → file."""
    class Finder(ModuleFinder):
        def import_hook(self, name, caller=None, fromlist=None, level=-1):
            if level > 0 or name.partition(".")[0] == "cnnlib":
                return super().import_hook(name, caller, fromlist, level)
            return None

    root = Path(__file__).resolve().parents[2]
    finder = Finder([str(root)])
    finder.import_hook(__name__ if __name__ != "__main__" else "cnnlib.grading.gradescope")
    found = [Path(module.__file__) for module in finder.modules.values() if module.__file__]
    found += [Path(__file__).resolve().parent / name for name in READ]
    return {file.relative_to(root).as_posix(): file for file in found}


# ---- in Gradescope's container

def run(root, week):
    """Mark root/submission and write root/results/results.json, whatever happens."""
    root = Path(root)
    try:
        results = grade(root, week)
    except Exception:
        traceback.print_exc()                                            # shown to instructors, not to students
        results = _not_graded("the autograder itself failed. Its output, which instructors see, says where.")
    target = root / "results" / "results.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(results, allow_nan=False))


def grade(root, week):
    """→ what results.json says on root/submission."""
    start, note = sandbox.Sandbox, ""
    try:
        sandbox.check_available()
    except sandbox.SandboxUnavailable as error:
        print(error, file=sys.stderr)
        if not (root / "source" / NO_SANDBOX).exists() or os.getuid() != 0:
            return _not_graded("this container cannot run a submission safely, so it was not run. Instructors: the "
                               "autograder's output says why, the course's page for instructors what can be done.")
        for folder in ("source", "results", "submission"):
            with contextlib.suppress(FileNotFoundError):
                (root / folder).chmod(0o700)
        start, note = NobodysProcess, "Marked without bubblewrap."
        with contextlib.closing(start()) as process:
            process.wait_ready()
    file, problem = find_notebook(root / "submission", week)
    if problem:
        record = lost(week, "missing", problem)
    else:
        handed_in = read_submission(root, b"submission", week, file)
        record = lost(week, "invalid", handed_in.problem) if handed_in.content is None else mark(
            handed_in.content, week, start=start, seed=cases_seed(root, handed_in.content))
    results = reports.gradescope(record)
    results["output"] = "\n".join(filter(None, [results["output"], note]))
    return results


def cases_seed(root, content):
    """The seed of a submission's cases: the same content gets the same, and a student who tries again gets others.

    A report shows one case; with the same cases for all tries a table of answers could be collected.
    """
    secret = (root / "source" / SECRET).read_bytes()
    return int.from_bytes(hashlib.sha256(secret + content).digest()[:8])


def find_notebook(folder, week):
    """→ (the path of the notebook inside the folder, as bytes, ""), or (None, what is wrong).

    weekN.ipynb, or else the only notebook there is: Gradescope keeps the names that students gave their files.
    """
    wanted, found = b"week%d.ipynb" % week, []
    for place, folders, names in os.walk(os.fsencode(folder)):
        folders[:] = [name for name in folders if not name.startswith((b".", b"__"))]
        found += [os.path.relpath(os.path.join(place, name), os.fsencode(folder))
                  for name in names if name.endswith(b".ipynb") and not name.startswith(b".")]
    named = [path for path in found if os.path.basename(path) == wanted]
    if wanted in named:
        return wanted, ""
    if len(named or found) == 1:
        return (named or found)[0], ""
    if not found:
        return None, f"no notebook was handed in; week{week}.ipynb is needed"
    names = ", ".join(show(os.fsdecode(path)) for path in sorted(found)[:5])
    return None, f"{len(found)} notebooks were handed in ({names}); name the one to be marked week{week}.ipynb"


def _not_graded(reason):
    return {"score": 0, "output": f"Not graded: {reason}", "tests": []}


# Puts the seccomp filter in force (prctl 22: PR_SET_SECCOMP, 2: SECCOMP_MODE_FILTER), which bubblewrap else does.
_WITH_FILTER = """
import ctypes, os, sys
rules = os.read(int(sys.argv[1]), 1 << 16)
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]
if ctypes.CDLL(None).prctl(22, 2, ctypes.byref(Program(len(rules) // 8, rules)), 0, 0):
    sys.exit("seccomp is forbidden here")
os.execv(sys.argv[2], sys.argv[2:])
"""


class NobodysProcess(sandbox.Sandbox):
    """A student's process without bubblewrap: a user of its own in the container, the same list of calls and limits.

    What is lost: it sees every file of the container that others may read, and /tmp is not its own. What stays: no
    network, no further process, nothing that only root may read or write. Needs to be started by root.
    """

    def __init__(self):
        self.packages = Path(tempfile.mkdtemp(prefix="packages-"))
        self.packages.chmod(0o755)
        files.copy_to(self.packages)
        site = Path(np.__file__).parent.parent
        for name in ("numpy", "numpy.libs"):
            if (site / name).is_dir():
                (self.packages / name).symlink_to(site / name)
        super().__init__()

    def command(self, rules, inbox, outbox):
        python = os.path.realpath(sys.executable)
        return [*limits.ULIMIT, "prlimit", "--nproc=1", "setpriv", f"--reuid={USER}", f"--regid={USER}",
                "--clear-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all",
                python, "-I", "-S", "-c", _WITH_FILTER, str(rules),
                python, "-I", "-S", str(self.packages / "inside.py"), str(inbox), str(outbox), str(self.packages)]

    def close(self):
        super().close()
        shutil.rmtree(self.packages, ignore_errors=True)


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]))
