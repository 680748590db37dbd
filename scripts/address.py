"""Where the course is published: one setting, `repository.url` in _config.yml, empty until its owner is known.

python scripts/address.py          writes it where files must name it themselves, or takes it out of them

A reader installs and launches from that address, so nothing names one that is not the course's own. The buttons of the
built book come from the setting as they are (scripts/build_book.py). Notebooks, CITATION.cff, pyproject.toml and the
first page cannot read it: each has one line that this script writes, and a test says when it was forgotten.
"""

import re
from pathlib import Path
from urllib.parse import urlparse

import nbformat
import yaml

ROOT = Path(__file__).resolve().parent.parent
COLAB = "On Colab, first run `%pip install git+{url}` in a cell of its own."
LAUNCH = "The rocket at the top of a page opens the notebook on Binder or Colab. " + COLAB


def repository(root=ROOT):
    """→ the address of the repository, "" where it is not known.  Raises ValueError for one that is not https."""
    url = (yaml.safe_load((root / "_config.yml").read_text()).get("repository") or {}).get("url") or ""
    if url and (urlparse(url).scheme != "https" or not re.fullmatch(r"https://[\w.-]+/[\w.-]+/[\w.-]+", url)):
        raise ValueError(f"_config.yml: repository.url must be empty or https://HOST/OWNER/NAME, got {url!r}")
    return url


def published(url):
    """→ the address of the built book on GitHub's pages, "" for another host."""
    host, owner, name = url.removeprefix("https://").split("/") if url else ("", "", "")
    return f"https://{owner}.github.io/{name}/" if host == "github.com" else ""


def with_line(text, line, url):
    """A text in which the line `line` (of any address) is the last one where url is given, and is not otherwise."""
    any_address = re.escape(line).replace(re.escape("{url}"), r"https://\S+?")
    text = re.sub(rf"\n+{any_address}(?=\n|$)", "", text)
    return f"{text.rstrip()}\n{line.format(url=url)}" if url else text


def texts(root, url):
    """→ {path: what the file must be}: the files that name the address themselves."""
    result = {}
    for path in sorted(root.glob("chapters/*/*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        notebook.cells[0].source = with_line(notebook.cells[0].source, COLAB, url)
        result[path] = nbformat.writes(notebook) + "\n"
    for name, line in {"CITATION.cff": "repository-code: {url}", "pyproject.toml": 'urls.Repository = "{url}"'}.items():
        text = (root / name).read_text()
        if name == "pyproject.toml":                                     # the last line of its table [project]
            before, *after = re.split(r"\n\n(?=\[project\.optional-dependencies\])", text)
            result[root / name] = "\n\n".join([with_line(before, line, url), *after])
        else:
            result[root / name] = with_line(text.rstrip(), line, url) + "\n"
    intro = root / "chapters" / "intro.md"
    before, after = intro.read_text().split("\n\n**To teach.**")
    result[intro] = with_line(before, LAUNCH, url) + "\n\n**To teach.**" + after
    return result


def main():
    url = repository()
    for path, text in texts(ROOT, url).items():
        if path.read_text() != text:
            path.write_text(text)
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
