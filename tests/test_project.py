"""The form of the project: notebooks, imports, pins, the rules that no other test would notice."""

import ast
import graphlib
import re
import subprocess
import sys

import nbformat
import pytest
import yaml

from tests.paths import ROOT

# Pages to look things up in. They ask no question and give the reader no turn: the form of a chapter is not theirs.
REFERENCE = sorted(ROOT.glob("chapters/reference/*.ipynb"))
CHAPTERS = sorted(set(ROOT.glob("chapters/*/*.ipynb")) - set(REFERENCE))
SHEETS = sorted([*ROOT.glob("solutions/*.ipynb"), *ROOT.glob("exercises/*.ipynb")])
NOTEBOOKS = CHAPTERS + REFERENCE + SHEETS
PAGES = sorted(ROOT.glob("chapters/**/*.md"))


def ids(path):
    return str(path.relative_to(ROOT))


def cells(path, kind):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def test_there_are_notebooks():
    assert len(CHAPTERS) >= 5 and SHEETS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_outputs_are_stored_only_where_they_are_compared(path):
    for number, cell in enumerate(cells(path, "code")):
        compared = "nbval-check-output" in cell.metadata.get("tags", [])
        assert bool(cell.outputs) == compared, f"code cell {number}: run scripts/clean_notebooks.py --execute"
        assert cell.execution_count == (1 if compared else None), f"code cell {number}: run scripts/clean_notebooks.py"
        assert all(output.output_type == "stream" for output in cell.outputs), f"code cell {number}: compare text only"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_cells_fit_a_screen_and_install_nothing(path):
    for number, cell in enumerate(cells(path, "code")):
        lines = cell.source.split("\n")
        long = [line for line in lines if len(line) > 80]
        assert not long, f"code cell {number}: more than 80 columns: {long}"
        folded = "hide-input" in cell.metadata.get("tags", [])
        assert len(lines) <= (50 if folded else 32), f"code cell {number} has {len(lines)} lines"
        assert not re.search(r"^\s*[%!]|sys\.path|\bpip install\b|urlretrieve|rcParams", cell.source, re.MULTILINE)


@pytest.mark.parametrize("path", CHAPTERS, ids=ids)
def test_a_chapter_opens_as_it_should(path):
    opening = cells(path, "markdown")[0].source
    assert opening.startswith("# ")
    for part in ("**You will be able to**", "**You should know**", "**Time**"):
        assert part in opening, f"the opening lacks {part}"
    assert re.search(r"\*\*Time\*\* \d+ minutes to read and (about )?\d+ to do", opening)


@pytest.mark.parametrize("path", CHAPTERS, ids=ids)
def test_a_chapter_closes_as_it_should(path):
    text = "\n\n".join(cell.source for cell in cells(path, "markdown"))
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings[-5:] == ["In short", "What can go wrong", "Where generative models use this", "On the sheet",
                             "References"]
    assert not {"Introduction", "Overview", "Conclusion", "Summary", "Background", "Exercises"} & set(headings)
    parts = dict(re.findall(r"^## (In short|What can go wrong)$(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL))
    for name, header in [("In short", "| claim | holds when | checked in |"),
                         ("What can go wrong", "| symptom | cause | shown in |")]:
        assert header in parts[name], f"{name} lacks its table"
        rows = [line for line in parts[name].split(header)[1].split("\n") if line.startswith("|")][1:]
        assert len(rows) >= 3 and all(re.search(r"\]\(#[\w-]+\)|\{ref\}|\{numref\}", row) for row in rows), \
            f"{name}: three rows, and in each a link to the section that shows it"
    places = [cell.source for cell in nbformat.read(path, as_version=4).cells]
    start, stop = (next(i for i, source in enumerate(places) if re.search(rf"^## {name}$", source, re.MULTILINE))
                   for name in ("Where generative models use this", "On the sheet"))
    code = "\n".join(source for source in places[start:stop])
    assert re.search(r"plt\.|image_row\(|draw_\w+\(|sweep\(", code), "the connection has no picture"


@pytest.mark.parametrize("path", CHAPTERS, ids=ids)
def test_the_reader_has_a_turn_before_the_reveal(path):
    markdown = [cell.source for cell in cells(path, "markdown")]
    predictions = [source for source in markdown if "**Predict.**" in source]
    assert len(predictions) >= 2 and all("```{dropdown}" in source for source in predictions)
    starts = re.findall(r"^```\{exercise-start\}.*\n:label: ([\w-]+)", "\n".join(markdown), re.MULTILINE)
    assert len(starts) >= 2, "at least two questions in the flow"
    assert starts == re.findall(r"^```\{solution-start\} ([\w-]+)\n:class: dropdown", "\n".join(markdown), re.MULTILINE)


# Beside exercises and what is optional.
BUDGET = {"cells": 50, "words": 2_000, "lines": 350}
ABOUT = 1.1


def size(path):
    """What a reader of a chapter has before her.  → {"cells", "words", "lines": of code that are not folded}"""
    counts, counted, exercise = dict.fromkeys(BUDGET, 0), True, False
    for cell in nbformat.read(path, as_version=4).cells:
        heading = re.search(r"^## (.+)$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else None
        if cell.source.startswith("```{exercise-start}"):
            exercise = True
        if heading:
            counted = not heading[1].startswith("★")
        if counted and not exercise:
            counts["cells"] += 1
            if cell.cell_type == "markdown":
                text = re.sub(r"\$\$.*?\$\$|\$[^$]*\$|```\{prf.*?\n", "", cell.source, flags=re.DOTALL)
                counts["words"] += len(re.findall(r"\b[^\W\d_][\w'’-]*", text))
            elif "hide-input" not in cell.metadata.get("tags", []):
                counts["lines"] += sum(bool(line.strip()) for line in cell.source.split("\n"))
        if cell.source.startswith("```{solution-end}"):
            exercise = False
    return counts


def test_the_sizes_of_chapters_are_printed(capsys):
    with capsys.disabled():
        print()
        for path in CHAPTERS:
            print(f"{path.parent.name}/{path.stem:<28}" + "  ".join(f"{n:>5} {what}" for what, n in size(path).items()))


@pytest.mark.parametrize("path", CHAPTERS, ids=ids)
def test_a_chapter_keeps_to_its_budget(path):
    for what, count in size(path).items():
        assert count <= ABOUT * BUDGET[what], f"{count} {what}, the budget is {BUDGET[what]}: split, cut or mark with ★"


@pytest.mark.parametrize("path", CHAPTERS, ids=ids)
def test_a_chapter_asserts_its_claims_and_meets_torch(path):
    code = "\n".join(cell.source for cell in cells(path, "code"))
    assert len(re.findall(r"\bassert(_close)?\b", code)) >= 12
    assert "torch" in code and "sweep(" in code


@pytest.mark.parametrize("path", CHAPTERS + REFERENCE, ids=ids)
def test_every_static_figure_has_alt_text_caption_and_name(path):
    for number, cell in enumerate(cells(path, "code")):
        options = cell.metadata.get("mystnb", {})
        draws = re.search(r"plt\.(subplots|figure)\(|image_row\(", cell.source)
        if not draws or "sweep(" in cell.source or re.search(r"^def draw_\w+\(", cell.source, re.MULTILINE):
            continue
        alt = options.get("image", {}).get("alt", "")
        assert len(alt) >= 40 and alt.rstrip().endswith("."), f"code cell {number}: no sentence as alt text: {alt!r}"
        assert options.get("figure", {}).get("caption") and options["figure"].get("name", "").startswith("fig-")


@pytest.mark.parametrize("path", NOTEBOOKS + PAGES, ids=ids)
def test_prose_is_plain(path):
    text = path.read_text() if path.suffix == ".md" else "\n".join(cell.source for cell in cells(path, "markdown"))
    text = re.sub(r"\$\$.*?\$\$|```.*?```", "", text, flags=re.DOTALL)
    for line in text.split("\n"):
        words = re.sub(r"`[^`]*`|\$[^$]*\$|\{[^}]*\}", "", line)
        found = re.findall(
            r"\b(?:simply|obviously|trivially|of course|let's|basically)\b|!(?!\[)|[\U0001F300-\U0001FAFF]",
            words, flags=re.IGNORECASE)
        assert not found, f"{found}: {line}"


# What "Words" in CONTRIBUTING replaces.
OTHER_WORDS = re.compile("|".join([
    r"\beven numbers\b", r"\blearns? not\b", r"\bin use mode\b", r"\bwhat is no \w+", r"\b(?:is|are) no ints?\b",
    r"\bno ints? ≥", r"\bare no (?:modules|tensors|arrays)\b", r"\bis no (?:module|tensor|array|network|notebook)\b",
    r"(?<!_)\bweights\(x\)", r"\b(?:take|takes|taking|taken) the \w+ off\b", r"\bfilter size\b", r"\bread_box\b",
    r"\bmemory=",
]), re.IGNORECASE)


@pytest.mark.parametrize("path", [*sorted(ROOT.glob("cnnlib/**/*.py")), *NOTEBOOKS, *PAGES], ids=ids)
def test_one_word_for_one_thing(path):
    if path.suffix == ".ipynb":
        text = "\n".join(cell.source for kind in ("markdown", "code") for cell in cells(path, kind))
    else:
        text = path.read_text()
    found = [(match[0], text[:match.start()].count("\n") + 1) for match in OTHER_WORDS.finditer(text)]
    assert not found, f"words and lines: {found}; see Words in CONTRIBUTING.md"


def test_labels_are_unique():
    seen = {}
    for path in CHAPTERS + REFERENCE + PAGES:
        text = path.read_text()
        for label in re.findall(r":label: ([\w-]+)|\(((?:eq|fig)-[\w-]+)\)|\"name\": \"(fig-[\w-]+)\"", text):
            label = "".join(label)
            assert seen.setdefault(label, path) == path, f"{label} stands in {seen[label].name} and {path.name}"


def test_the_table_of_contents_holds_every_page_and_no_other():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    listed = {toc["root"]} | {chapter["file"] for part in toc["parts"] for chapter in part["chapters"]}
    exercises = [path for path in SHEETS if path.parent.name == "exercises"]
    assert listed == {str(p.relative_to(ROOT).with_suffix("")) for p in CHAPTERS + REFERENCE + PAGES + exercises}


# What each part of cnnlib may import of it, itself apart; a new part needs its line. Nobody imports the grader.
MAY_IMPORT = {
    "__init__": {"torchvision_compat"},
    **dict.fromkeys(["checks", "modes", "testing", "torchvision_compat"], set()),
    **dict.fromkeys(["boxes", "data", "figures", "geometry", "tensors"], {"checks"}),
    "scratch": {"checks"},                       # NumPy only, and no word of what is made of torch
    "metrics": {"boxes", "checks"},
    **dict.fromkeys(["quantization", "weights"], {"checks", "tensors"}),
    "losses": {"boxes", "checks", "tensors"},
    "summary": {"checks", "modes", "tensors"},
    "blocks": {"checks", "scratch", "tensors"},
    "training": {"blocks", "checks", "geometry", "losses", "metrics", "modes", "tensors"},
    "architectures": {"blocks", "boxes", "checks", "modes", "tensors"},
}
MAY_IMPORT |= dict.fromkeys(["adversarial", "generative", "interpret"],
                            MAY_IMPORT["training"] | MAY_IMPORT["architectures"] | {"architectures", "training"})
MAY_IMPORT["generative"] = MAY_IMPORT["generative"] | {"data", "interpret", "weights"}   # digits; waves
MAY_IMPORT["grading"] = set(MAY_IMPORT)


def imports(path):
    """The parts of cnnlib that a file imports: by `import cnnlib.x`, `from cnnlib import x`, `from ..x import y`, …

    Or whose names it knows as strings, "cnnlib.x".
    """
    package = ["cnnlib", *path.relative_to(ROOT / "cnnlib").parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[:len(package) - node.level + 1] if node.level else []
            base = [*base, *(node.module or "").split(".")] if node.module else base
            names = [[*base, alias.name] for alias in node.names]
        elif isinstance(node, ast.Constant) and str(node.value).startswith("cnnlib."):
            names = [node.value.split(".")]
        else:
            continue
        yield from (name[1] for name in names if name[0] == "cnnlib" and len(name) > 1)


def part(path):
    return path.relative_to(ROOT / "cnnlib").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", sorted(ROOT.glob("cnnlib/**/*.py")), ids=ids)
def test_imports_run_one_way(path):
    assert part(path) in MAY_IMPORT, f"cnnlib/{part(path)} is a new part: say in MAY_IMPORT what it may import"
    for name in imports(path):
        assert name == part(path) or name in MAY_IMPORT[part(path)], f"{path.relative_to(ROOT)} imports cnnlib.{name}"


def test_no_two_parts_may_import_each_other():
    graphlib.TopologicalSorter(MAY_IMPORT).prepare()                     # raises CycleError


@pytest.mark.parametrize(("line", "found"), [
    ("import cnnlib.blocks", ["blocks"]), ("import cnnlib.blocks.conv as c", ["blocks"]), ("import numpy, cnnlib", []),
    ("from cnnlib import data, losses", ["data", "losses"]), ("from cnnlib.losses import dice_loss", ["losses"]),
    ("from . import tensor", ["scratch"]), ("from .. import blocks", ["blocks"]),
    ("from ..metrics import iou", ["metrics"]),
    ("def f():\n    from ..blocks.conv import x", ["blocks"]), ("from torch import nn", []),
    ("f.__module__.startswith('cnnlib.blocks.')", ["blocks"]),
])
def test_every_form_of_import_is_seen(line, found, tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / "cnnlib" / "scratch" / "new.py"
    path.parent.mkdir(parents=True)
    path.write_text(line)
    assert list(imports(path)) == found


def test_pins_ranges_and_the_frozen_set_agree():
    from packaging.requirements import Requirement

    def read(name):
        lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
        return {r.name.lower().replace("_", "-"): r.specifier for r in map(Requirement, filter(None, lines))}
    import tomllib

    pins, frozen = read("requirements.txt"), read("constraints.txt")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for name, pin in pins.items():
        assert frozen[name] == pin, f"{name}: requirements.txt {pin}, constraints.txt {frozen[name]}: run make lock"
    ranges = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    for requirement in map(Requirement, ranges):
        version = str(pins[requirement.name.lower()]).removeprefix("==")
        assert requirement.specifier.contains(version), f"{requirement} does not allow the pinned {version}"
    assert len(ranges) == len(pins), "requirements.txt and pyproject.toml do not list the same packages"


def test_the_linter_is_content():
    result = subprocess.run([sys.executable, "-m", "ruff", "check", "."], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_no_machine_is_named():
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    for name in files:
        path = ROOT / name
        if not path.exists() or path.suffix in (".png", ".pt") or "hostile" in path.parts or path.samefile(__file__):
            continue
        assert not re.search(r"/work/|/root/|/opt/|/tmp/author|shared/(design|style|syllabus)", path.read_text()), name
