"""The pages of the API hold every public name of cnnlib, once the book's own extension has made them."""

import importlib
import inspect
import pkgutil
import re

import pytest
from bs4 import BeautifulSoup
from sphinx.testing.util import SphinxTestApp

import cnnlib
from tests.paths import ROOT

PAGES = sorted(ROOT.glob("chapters/reference/api*.md"))
# What is reached through the names that a package exports, and is not called by a reader.
INTERNAL = ("cnnlib.scratch.fast", "cnnlib.scratch.from_torch.", "cnnlib.grading.", "cnnlib.torchvision_compat",
            "cnnlib.figures.", "cnnlib.interpret.probing", "cnnlib.summary.costs", "cnnlib.summary.receptive_field")
BOOK = """import sys
sys.path.insert(0, {extensions!r})
extensions = ["myst_parser", "api_docs"]
root_doc = "api"
html_theme = "basic"
add_module_names = False
myst_enable_extensions = ["dollarmath"]
nitpick_ignore_regex = [("py:.*", ".*")]
suppress_warnings = ["myst.xref_missing"]             # the links to chapters, which are not here
"""


def public_names():
    """→ {where a name stands: what it is}: functions and classes of `__all__`, or else those of the file"""
    found = {}
    for module in pkgutil.walk_packages(cnnlib.__path__, "cnnlib."):
        if module.name.startswith(INTERNAL):
            continue
        loaded = importlib.import_module(module.name)
        names = getattr(loaded, "__all__", None)
        if names is None:
            names = [name for name, value in vars(loaded).items() if not name.startswith("_") and
                     (inspect.isfunction(value) or inspect.isclass(value)) and value.__module__ == module.name]
        found |= {f"{module.name}.{name}": getattr(loaded, name) for name in names}
    return {name: value for name, value in found.items() if inspect.isfunction(value) or inspect.isclass(value)}


def lookup(name):
    """What an id of a page names, or None: `cnnlib.training.fit` is the function."""
    module, _, last = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), last, None)
    except ImportError:                                  # a method of a class
        return None


def missing_names(ids, names):
    """Of the public names, those that no page shows, under their own or another module's name."""
    shown = {id(value) for value in map(lookup, ids) if value is not None}
    return [name for name, value in names.items() if name not in ids and id(value) not in shown]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The pages, built alone: → {name of the page: (its size, its HTML)}"""
    folder = tmp_path_factory.mktemp("api")
    (folder / "conf.py").write_text(BOOK.format(extensions=str(ROOT / "_ext")))
    for path in PAGES:
        (folder / path.name).write_text(path.read_text())
    others = "\n".join(path.stem for path in PAGES if path.stem != "api")
    with (folder / "api.md").open("a") as file:
        file.write(f"\n```{{toctree}}\n{others}\n```\n")
    app = SphinxTestApp("html", srcdir=folder, confoverrides={"nitpicky": True})
    app.build()
    warnings = app.warning.getvalue()
    app.cleanup()
    assert not warnings, warnings
    files = {path.stem: folder / "_build" / "html" / f"{path.stem}.html" for path in PAGES}
    return {name: (file.stat().st_size, BeautifulSoup(file.read_text(), "html.parser")) for name, file in files.items()}


def ids_of(built):
    return {sign["id"] for _, soup in built.values() for sign in soup.select("dt.sig[id]")}


def test_every_public_name_stands_on_a_page(built):
    names, ids = public_names(), ids_of(built)
    assert len(names) > 500
    missing = missing_names(ids, names)
    assert not missing, f"in no `automodule` of chapters/reference/api*.md: {missing}"
    assert set(missing_names(ids - {"cnnlib.training.fit"}, names)) == {
        "cnnlib.training.classification.fit", "cnnlib.training.fit"}
    assert not missing_names({"cnnlib.training.fit"}, {"cnnlib.training.classification.fit": cnnlib.training.fit})


def test_a_docstring_stands_as_it_is_written(built):
    from cnnlib.scratch import functional

    _, soup = built["api_functional"]
    for name in ("conv2d", "cross_entropy", "gelu_backward", "max_pool2d"):
        sign = soup.find(id=f"cnnlib.scratch.functional.{name}")
        shown = sign.find_next_sibling("dd").select_one("pre.docstring").get_text()
        assert shown.strip() == inspect.getdoc(getattr(functional, name)).strip()


def test_a_signature_stands_as_it_is_written(built):
    def shown(page, name):
        return re.sub(r"\s+", " ", built[page][1].find(id=name).get_text()).strip(" ¶")

    assert shown("api_blocks", "cnnlib.blocks.attention.SqueezeExcitation") == (
        "class SqueezeExcitation(channels: Positive, hidden: Positive | None = None, "
        "activation: Maker | None = nn.ReLU)")
    assert shown("api_functional", "cnnlib.scratch.functional.pixel_shuffle") == "pixel_shuffle(input, upscale_factor)"
    text = " ".join(sign.get_text() for _, soup in built.values() for sign in soup.select("dt.sig"))
    assert not re.search(r"Annotated|0x[0-9a-f]{6}| at 0x|\(self", text)


def test_what_pytorch_s_modules_bring_along_is_left_out(built):
    ids = ids_of(built)
    methods = {name.rpartition(".")[2] for name in ids if name.startswith("cnnlib.blocks.")}
    assert {"SelfAttention2d", "windows"} <= methods
    assert not {"register_buffer", "state_dict", "named_parameters", "forward", "training"} & methods
    text = " ".join(soup.get_text() for _, soup in built.values())
    assert "should be overridden by all subclasses" not in text


def test_no_page_is_heavy(built):
    for name, (size, _) in built.items():
        assert size < 2**20, f"{name} has {size / 2**20:.1f} MiB before its frame"
