"""The walls: bubblewrap's command line (man 1 bwrap), and the program that it starts."""

import os
import sys
from pathlib import Path

import numpy as np

from . import files, limits

PACKAGES = "/packages"


def command(rules, info):
    """What is started before the program inside: an empty root, and into it only what Python and NumPy need.

    Started by root, the process inside is root's in all but its capabilities: what it may do to a file that root owns
    is decided by the mount alone. So all of them are read-only, /proc too, in which lies /proc/sys.
    """
    site = Path(np.__file__).parent.parent
    names = [name for name in ("numpy", "numpy.libs") if (site / name).exists()]
    packages = [part for name in names for part in ("--ro-bind", str(site / name), f"{PACKAGES}/{name}")]
    program = [part for name, file in files.inside().items() for part in ("--ro-bind", str(file), f"{PACKAGES}/{name}")]
    shown = _shown()
    system = [part for folder in [*shown, "/lib", "/lib64", "/etc/ld.so.cache"] if os.path.exists(folder)
              for part in (("--symlink", os.readlink(folder), folder) if os.path.islink(folder)
                           else ("--ro-bind", folder, folder))]
    hidden = [part for folder in _hidden(shown)
              for part in ("--size", "4096", "--tmpfs", folder, "--remount-ro", folder)]
    return ["bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--uid", "65534", "--gid", "65534",
            "--hostname", "sandbox", "--die-with-parent", "--new-session", "--cap-drop", "ALL", *system, *packages,
            *hidden, *program, "--proc", "/proc", "--remount-ro", "/proc", "--size", str(1 << 20), "--tmpfs", "/dev",
            "--dev-bind", "/dev/null", "/dev/null", "--dev-bind", "/dev/zero", "/dev/zero",
            "--dev-bind", "/dev/urandom", "/dev/urandom",
            "--dev-bind", "/dev/random", "/dev/random", "--remount-ro", "/dev",
            "--size", str(limits.TMP), "--tmpfs", "/tmp", "--chdir", "/tmp", "--remount-ro", "/",
            "--seccomp", str(rules), "--info-fd", str(info), "--"]


def _shown():
    """The folders of libraries and the Python program itself."""
    prefix = os.path.realpath(sys.base_prefix)
    folders = dict.fromkeys(f"{parent}/{name}"
                            for parent in ("/usr", "/usr/local", prefix) for name in ("lib", "lib64"))
    return [folder for folder in folders if os.path.isdir(folder)] + [os.path.realpath(sys.executable)]


def _hidden(shown):
    """Folders of other packages and of this project that lie within what is shown: covered with nothing."""
    candidates = [Path(__file__).resolve().parents[3], *map(Path, sys.path)]
    candidates += [path for folder in shown for path in Path(folder).glob("python3*/*-packages")]
    stdlib = Path(os.__file__).parent
    return sorted({str(path) for path in candidates if path.is_dir() and path != stdlib and stdlib not in path.parents
                   or path.name in ("site-packages", "dist-packages") and path.is_dir()
                   if any(str(path).startswith(f"{folder}/") for folder in shown)
                   and not str(stdlib).startswith(f"{path}/")})


def python(inbox, outbox):
    """The program inside. inbox, outbox: descriptors of the pipes."""
    executable = os.path.realpath(sys.executable)
    # -P -s -S is -I without -E: PYTHONHASHSEED of the environment that we made counts, so that sets have one order
    return [executable, "-P", "-s", "-S", f"{PACKAGES}/inside.py", str(inbox), str(outbox), PACKAGES]
