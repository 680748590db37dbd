"""Build the book: nbval runs what changed, in parallel, then Jupyter Book renders it; any warning is an error.

Jupyter Book's cache looks only at the code cells of a notebook. So a stamp over cnnlib, the weights and the pins says
whether the cache still holds: when one of them changed, all notebooks run again.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from address import published, repository
from jupyter_cache import get_cache

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "_build"
CACHE = BUILD / ".jupyter_cache"
TIMEOUT = 600                # seconds a cell may take


def fingerprint(*patterns):
    """A hash over the names and contents of all files that match."""
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def changed(stamp, value):
    """Whether the value differs from the one in the stamp file of the last build."""
    path = BUILD / stamp
    return not path.exists() or path.read_text() != value


def execute_notebooks():
    """Run with nbval what is not in Jupyter Book's cache: as many notebooks as there are cores, one thread each.

    `keep_outputs` puts into the cache what they show, so that none runs once to be tested and once to be rendered.
    """
    os.environ.update(dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1"))
    profile = BUILD / ".ipython" / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.py").write_text("c.IPKernelApp.log_level = 40     # no warning for each kernel\n")
    os.environ["IPYTHONDIR"] = str(BUILD / ".ipython")
    cache = get_cache(str(CACHE))
    for path in sorted([*ROOT.glob("chapters/*/*.ipynb"), *ROOT.glob("exercises/*.ipynb")]):
        cache.add_nb_to_project(str(path))
    waiting = [record.uri for record in cache.list_unexecuted()]
    command = [sys.executable, "-m", "pytest", "-p", "scripts.keep_outputs", "-p", "no:cacheprovider", "--nbval-lax",
               "-n", "auto", "--dist", "loadscope", f"--nbval-cell-timeout={TIMEOUT}", "--quiet", *waiting]
    return not waiting or subprocess.run(command, cwd=ROOT).returncode == 0


def configuration():
    """_config.yml, with the buttons that lead to where the course is published if that is known: → the file's path."""
    config, url = yaml.safe_load((ROOT / "_config.yml").read_text()), repository(ROOT)
    extensions = config["sphinx"].get("local_extensions", {})            # their folders are looked for beside the file
    extensions.update({name: str(ROOT / folder) for name, folder in extensions.items()})
    if not url:
        config.pop("repository", None)
    else:
        buttons = dict.fromkeys(["use_repository_button", "use_issues_button", "use_edit_page_button"], True)
        config.setdefault("html", {}).update(buttons, baseurl=published(url))
        config["launch_buttons"] = {"notebook_interface": "jupyterlab", "binderhub_url": "https://mybinder.org",
                                    "colab_url": "https://colab.research.google.com"}
    path = BUILD / "_config.yml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False))
    return path


def prune_mathjax():
    """The offline MathJax is 22 MB; pages load one script of it and its fonts."""
    for bundle in BUILD.glob("html/_static/mathjax"):
        for path in bundle.rglob("*"):
            if path.is_file() and path.name != "tex-chtml.js" and path.suffix != ".woff":
                path.unlink()


def main():
    BUILD.mkdir(exist_ok=True)
    code = fingerprint("cnnlib/**/*.py", "cnnlib/**/*.jinja", "weights/*.pt", "constraints.txt", "requirements.txt")
    look = fingerprint("_static/**/*", "_ext/*.py", "_config.yml", "_toc.yml", "references.bib", "scripts/*.py") + code
    if changed(".code-stamp", code):
        shutil.rmtree(CACHE, ignore_errors=True)
    if not execute_notebooks():
        sys.exit(1)
    (BUILD / ".code-stamp").write_text(code)

    everything = changed(".look-stamp", look)
    command = [str(Path(sys.executable).parent / "jupyter-book"), "build", str(ROOT), "-W", "-n", "--keep-going",
               "--config", str(configuration())]
    status = subprocess.run(command + ["--all"] * everything, cwd=ROOT).returncode
    if status:
        (BUILD / ".look-stamp").unlink(missing_ok=True)
        sys.exit(f"The book has errors or warnings (exit code {status}); they are above.")
    (BUILD / ".look-stamp").write_text(look)
    prune_mathjax()
    print(f"\nThe book is built. Open {BUILD / 'html' / 'index.html'} or run: make serve")


if __name__ == "__main__":
    main()
