"""A Python environment that holds a few of the installed packages and nothing else, made without a download."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path


def closure(names):
    """The packages and all that they need, as they are installed here."""
    found, left = {}, list(names)
    while left:
        name = re.sub(r"[-_.]+", "-", left.pop()).lower()
        if name not in found:
            found[name] = importlib.metadata.distribution(name)
            left += [re.match(r"[\w.-]+", line)[0] for line in found[name].requires or () if needed(line)]
    return found


def needed(line):
    from packaging.requirements import Requirement

    requirement = Requirement(line)
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def make_environment(folder, distributions):
    """A virtual environment in which the distributions are links to those of this one. → its python"""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = next(Path(folder).glob("lib/python3*/site-packages"))
    for distribution in distributions:
        for name in {file.parts[0] for file in distribution.files} - {"..", "__pycache__"}:
            if not (site / name).exists():
                (site / name).symlink_to(distribution.locate_file(name))
    return Path(folder) / "bin" / "python"
