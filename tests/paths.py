"""Where things are."""

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent


def page_names():
    """The pages of the table of contents, as paths inside the built book."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    files = [toc["root"]] + [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return [f"{name}.html" for name in files]
