"""The errata lead to the cells that prove them; where networks are used, each row leads to what builds it."""

import importlib
import pkgutil
import re

import nbformat
import pytest

from cnnlib import blocks
from tests.paths import ROOT, page_names

CHAPTERS = sorted(ROOT.glob("chapters/week*/*.ipynb"))
REFERENCE = ROOT / "chapters" / "reference"


def rows(text, head):
    """The rows of all tables with this head.  → list of lists of cells"""
    tables = re.findall(rf"^{re.escape(head)}\n\|[-|]+\|\n((?:\|.*\|\n?)*)", text, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for table in tables for line in table.splitlines()]


# ---- errata

HEAD = "| said | right, and when | shown in |"
# Of each section that the page leads to, what proves it: a line of a code cell that asserts.
PROOFS = {
    "corr-flip": "assert symmetric == (largest < 1e-12)",
    "frequency-padding": "assert_close(circular, folded)",
    "matrix-gauss": "assert_close(np.convolve(x, [1, 2, 1]).sum(), 4 * x.sum())",
    "spectral-bias-photo": "assert_close(sines[:, 2 * j:2 * j + 2], np.sin(2**j * np.pi * q))",
    "equi-mean": 'assert change["zero border"][:, 1:].min() > 1e-3',
    "pooling-shift": "assert change.min() > 0.2",
    "up-rule": "assert off.mean() > 0.5 if s > 1 else not off.any()",
    "corr-even": "assert (height, width) == ((8, 11) if k % 2 else (9, 12))",
    "pooling-adaptive": "assert adaptive_windows(10, 4)[-1].tolist() == [7, 10]",
    "pooling-edge": "assert plain.shape[-1] == 55 and padded.shape[-1] == ceil.shape[-1] == 56",
    "lav-alexnet": "assert sides(224, 0) == [54, 26, 12, 5]",
    "conv-cost": "assert count(five) == 25 * C**2 and count(two(C)) == 18 * C**2",
    "gradlayers-max": "assert t.grad.flatten().tolist() == [0, 2, 0, 0, 1]",
    "gradlayers-batchnorm": "assert_close((dy * hat).sum(axes), leaves[1].grad)",
    "mp-checkpoint": "assert np.all((used > 1.5 * root) & (used < 2.5 * root))",
    "generalization-dropout": "assert set(draws.unique().tolist()) == {0.0, torch.tensor(4 / 3).item()}",
    "segmentation-traps": "assert np.isclose(batch, 1 - dice)",
    "segmentation-scores": "assert np.isclose(summed, dice / (2 - dice))",
    "small-distill": "assert (off < 1e-10) == (a is q)",
}
# The second thing that a section proves for another row.
ALSO = {"conv-cost": "counter.get_total_flops() == 2 * macs"}


def sections():
    """The code of every labelled section of the chapters.  → {label: list of sources}

    A section goes from its heading to the next one of its level. Exercises and their answers are left out: what they
    assert is the reader's.
    """
    found = {}
    for path in CHAPTERS:
        labels = []
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                for above in re.findall(r"((?:^\([\w-]+\)=\n+)*)^## ", cell.source, re.MULTILINE):
                    labels = re.findall(r"\(([\w-]+)\)=", above)
            elif not {"exercise", "solution"} & set(cell.metadata.get("tags", [])):
                for label in labels:
                    found.setdefault(label, []).append(cell.source)
    return found


def unproved(page, code):
    """What is wrong with a page of errata.  → list of sentences

    page: its Markdown.  code: what `sections` gives.
    """
    found, labels = [], []
    for row in rows(page, HEAD):
        if len(row) != 3:
            found.append(f"not three cells: {row}")
            continue
        led = re.findall(r"\]\(#([\w-]+)\)", row[2])
        found += [] if led else [f"no link: {row[0]}"]
        for label in led:
            if not any(re.search(r"\bassert(_close)?\b", source) for source in code.get(label, [])):
                found.append(f"no section {label} with an assertion: {row[0]}")
            elif label not in PROOFS:
                found.append(f"PROOFS does not say what proves {label}")
            elif not any(PROOFS[label] in source for source in code[label]):
                found.append(f"{label} no longer has its proof, {PROOFS[label]}")
            elif label in ALSO and not any(ALSO[label] in source for source in code[label]):
                found.append(f"{label} no longer has its proof, {ALSO[label]}")
        labels += led
    return found + [f"nothing leads to {label}" for label in PROOFS if label not in labels]


@pytest.fixture(scope="module")
def code():
    return sections()


@pytest.fixture
def errata():
    return (REFERENCE / "errata.md").read_text()


def test_there_are_eighteen_errata(errata):
    said = [row[0] for row in rows(errata, HEAD)]
    assert len(said) == len(set(said)) == 18
    assert len(re.findall(r"^\| (?!said )", errata, re.MULTILINE)) == 18, "a row stands in no table, or in a broken one"


def test_each_erratum_leads_to_a_section_with_a_cell_that_proves_it(errata, code):
    assert unproved(errata, code) == []


@pytest.mark.parametrize(("old", "new", "problem"), [
    ("](#corr-flip)", "](#corr-flop)", "no section corr-flop"),
    ("](#corr-flip)", "](#corr-short)", "no section corr-short"),          # a section of words alone
    ("](#corr-flip)", "](#corr-rules)", "PROOFS does not say what proves corr-rules"),
    ("[the flip](#corr-flip)", "the flip", "no link"),
    (" | [the flip](#corr-flip) |", " |", "not three cells"),
    ("[adaptive pooling](#pooling-adaptive)", "[small moves](#pooling-shift)", "nothing leads to pooling-adaptive"),
])
def test_a_page_that_lacks_a_proof_is_told(errata, code, old, new, problem):
    assert errata.count(old) == 1
    assert any(problem in sentence for sentence in unproved(errata.replace(old, new), code))


def test_a_proof_that_was_taken_out_is_told(errata, code):
    for label, line in {**PROOFS, **ALSO}.items():
        spoiled = {**code, label: [source.replace(line, "") for source in code[label]]}
        assert any(label in sentence for sentence in unproved(errata, spoiled)), label


# ---- where networks are used

HEADS = "| use | what does it | built in |", "| block | used by | built in |"
GROUPS = ["Vision tasks", "Medicine", "Driving", "Audio, text and sequences", "Generation",
          "Attacks, and safety against them", "Science and others"]
# What lecture notes name as uses, as users and as parts; each is to stand in a row, beside the links.
NAMED = """
    detection; segmentation; diagnosis; face; street; caption; super-resolution; inpainting; style transfer;
    video; graph; YOLO; Faster R-CNN; LeNet; AlexNet; VGG; ResNet; DenseNet; MobileNet; Xception; EfficientNet;
    SE-Net; U-Net; HRNet; ViT; CLIP; DCGAN; growing; StyleGAN; DDPM; Stable Diffusion; pix2pix; CycleGAN; SRGAN;
    ESRGAN; VAE; WaveNet; perceptual loss; FID; Gram; discriminators; PatchGAN; skips; ASPP; convolution; 1 × 1
    convolution; transposed convolution; dilated convolution; pooling; global average pooling; residual blocks;
    batch norm; layer norm; instance norm; group norm; AdaIN; mapping network; features for another task"""


@pytest.fixture
def applications():
    return (REFERENCE / "applications.md").read_text()


def lost_rows(page):
    """The rows whose last cell leads to no page of the book, or to a page that is not there.  → list of rows"""
    lost = []
    for head in HEADS:
        for row in rows(page, head):
            links = re.findall(r"\]\(\.\./(week\d_\w+/\w+)\.ipynb\)", row[-1])
            if len(row) != 3 or not links or any(f"chapters/{link}.html" not in page_names() for link in links):
                lost.append(row)
    return lost


def modules_without_a_row(page):
    """The files of cnnlib.blocks of which no block is named in the table of blocks, sorted."""
    first = " ".join(row[0] for row in rows(page, HEADS[1]))
    named = set(re.findall(r"`(\w+)`", first))
    assert all(hasattr(blocks, name) for name in named), named
    modules = [importlib.import_module(f"cnnlib.blocks.{info.name}") for info in pkgutil.iter_modules(blocks.__path__)]
    return sorted(module.__name__.rpartition(".")[2] for module in modules if not named & set(module.__all__))


def test_every_use_and_every_block_leads_to_a_page(applications):
    assert lost_rows(applications) == []
    assert len(re.findall(r"^\| (?!use |block )", applications, re.MULTILINE)) == sum(
        len(rows(applications, head)) for head in HEADS)
    assert re.findall(r"^## (.*)", applications, re.MULTILINE) == [*GROUPS, "Block by block"]


def test_every_file_of_blocks_has_a_row(applications):
    assert modules_without_a_row(applications) == []


def test_what_tables_of_uses_name_is_there(applications):
    words = " ".join(cell for head in HEADS for row in rows(applications, head) for cell in row[:-1])
    names = [" ".join(name.split()) for name in NAMED.split(";")]
    assert [name for name in names if not re.search(rf"\b{name}\b", words)] == []


def test_a_broken_page_of_uses_is_told(applications):
    broken = applications.replace("week5_generative/video.ipynb", "week5_generative/film.ipynb")
    assert len(lost_rows(broken)) == applications.count("week5_generative/video.ipynb") > 1
    assert lost_rows(applications.replace("[GANs](../week5_generative/gans.ipynb)", "GANs"))
    assert modules_without_a_row(applications.replace("`DeformConv2d`", "deformable")) == ["deformable"]


@pytest.mark.parametrize("name", ["errata", "applications"])
def test_every_source_is_in_the_bibliography(name):
    cited = re.findall(r"\{cite:[pt]\}`([^`]*)`", (REFERENCE / f"{name}.md").read_text())
    known = re.findall(r"^@\w+\{([^,]+),", (ROOT / "references.bib").read_text(), re.MULTILINE)
    assert cited and not {key for keys in cited for key in keys.split(",")} - set(known)
    assert len(known) == len(set(known))
