"""Questions of the kind "design": judged by properties, and told by properties wherever a verdict is told."""

import copy
import json

import numpy as np
import pytest
from bs4 import BeautifulSoup

from cnnlib.grading import check, marking, verdict
from cnnlib.grading.batch import reports
from cnnlib.grading.batch.reports import Result, explain
from cnnlib.grading.marking import mark
from cnnlib.grading.sandbox import SandboxUnavailable, check_available
from tests.grading import own
from tests.grading.cells import notebook

RIGHT = "def low_pass(n): return np.r_[0.5, 0.5, np.zeros(n - 2)]"
WRONG = "def low_pass(n): return np.r_[0.5, 0.25, np.zeros(n - 2)]"
PROPERTIES = ["sum", "fastest oscillation", "numbers"]


@pytest.fixture
def question(monkeypatch):
    """A design that is asked in week 1, which a test may change."""
    question = copy.copy(own.low_pass)
    own.ask(monkeypatch, question)
    yield question
    marking._cases.cache_clear()


def checked(source):
    namespace = {"__name__": "__main__", "np": np, "check": check}
    exec(compile(f"{source}\nverdict = check(low_pass)", "<cell>", "exec"), namespace)
    return namespace["verdict"]


def graded(source):
    """The row of the grader's record; JSON has been through it."""
    try:
        check_available()
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    record = json.loads(json.dumps(mark(notebook("import numpy as np", source), 1, ["low_pass"]), allow_nan=False))
    return record, record["questions"][0]


def test_another_design_with_the_same_properties_is_right(question):
    assert checked(RIGHT).passed and graded(RIGHT)[0]["total"] == 2
    assert checked("def low_pass(n): return [0.25, 0.5, 0.25] + [0] * (n - 3)").passed


def test_a_verdict_shows_what_is_judged(question):
    told = checked(WRONG)
    assert told.case.problem == "2 of 3 properties are not as wanted. The first is sum: got 0.75, wanted 1"
    assert [(name, right) for name, _, _, right in told.case.properties] == list(
        zip(PROPERTIES, [False, False, True], strict=True))
    text = repr(told)
    assert "  * sum: wanted 1, yours 0.75" in text and "    numbers: wanted 3, yours 3" in text
    assert "expected, shape" not in text and "got, shape (3,)" in text
    page = BeautifulSoup(told._repr_html_(), "html.parser")
    table = next(table for table in page.find_all("table") if "what is judged" in table.text)
    assert [[cell.text for cell in row.find_all(["th", "td"])] for row in table.find_all("tr")] == [
        ["what is judged", "wanted", "yours"], ["sum", "1", "0.75"], ["fastest oscillation", "0", "0.25"],
        ["numbers", "3", "3"]]
    assert [cell.text for cell in table.find_all("td", style=lambda style: "bold" in style or "700" in style)] == [
        "0.75", "0.25"]


def test_a_mistake_is_known_by_its_properties(question):
    told = checked("def low_pass(n): return 2.0 ** (n - 1) * np.r_[0.5, 0.5, np.zeros(n - 2)]")
    assert told.mistake.name == "the sum is not 1"
    assert graded("def low_pass(n): return 2.0 ** (n - 1) * np.r_[0.5, 0.5, np.zeros(n - 2)]")[1]["hint"]
    assert checked(WRONG).mistake is None and checked("def low_pass(n): return np.zeros(n)").mistake is None


# What comes from an answer → what is said.
STRANGE = {
    "no numbers": ("np.zeros(0)", r"there are no numbers in it: the shape is (0,)"),
    "an empty plane": ("np.zeros((3, 0))", "there are no numbers in it: the shape is (3, 0)"),
    "another rank": ("np.zeros((2, 2))", "what has shape (2, 2) cannot be judged: a kernel has 1 axis"),
    "a number": ("0.5", "what has shape () cannot be judged: a kernel has 1 axis"),
    "a large array": ("np.zeros(10**6)", "the shape is (1000000,), which is too large to be judged"),
    "NaN": ("np.r_[np.nan, np.ones(n)]", "are infinite or not numbers"),
    "infinity": ("np.full(n, np.inf)", "are infinite or not numbers"),
    "numbers too large": ("np.full(n, 1e308)", "it cannot be computed for this answer (inf), wanted 1"),
    "nothing": ("None", "None"),
    "text": ("'kernel'", "str"),
    "complex": ("np.ones(n) + 0j", "complex"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_no_design_is_told_and_breaks_nothing(question, name):
    value, problem = STRANGE[name]
    told = checked(f"def low_pass(n): return {value}")
    assert told.status == "wrong" and problem in told.case.problem.replace("\n", " "), told.case.problem
    assert repr(told) and told._repr_html_()
    _, row = graded(f"def low_pass(n): return {value}")
    assert row["status"] == "wrong" and row["score"] == 0 and problem in row["problem"], row["problem"]
    assert row["case"]["expected"] is None
    text = explain(Result("Ada", "Ada", {"questions": [row], "first_error": ""}), "low_pass")
    assert problem in text
    if row["case"]["properties"]:
        assert "sum: wanted 1, yours " in text and "sum: wanted 1, yours " in repr(told)


def test_small_integers_do_not_overflow_in_a_measure(question):
    question.measure = lambda kernel, n: {"sum": kernel.sum(), "lowest": kernel.min() - 1}
    question.reference = lambda n: np.array([100, 100, 0])
    assert checked("def low_pass(n): return np.array([100, 100, 0], np.uint8)").passed
    assert checked("def low_pass(n): return [100, 100, 0]").passed


MEASURES = {
    "gives NaN": (lambda kernel, n: {"mean": 1.0 if kernel[0] != 7 else np.nan}, "mean: it cannot be computed"),
    "an index": (lambda kernel, n: {"first": kernel[0 if kernel[0] != 7 else 99]}, "cannot be judged: index 99"),
    "two numbers": (lambda kernel, n: {"both": kernel[0] if kernel[0] != 7 else kernel}, "cannot be judged"),
}


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_that_fails_is_told_with_the_wanted_properties(question, name):
    question.measure, problem = MEASURES[name]
    told = checked("def low_pass(n): return 7 * np.ones(n)")
    assert told.status == "wrong" and problem in told.case.problem
    assert problem in graded("def low_pass(n): return 7 * np.ones(n)")[1]["problem"]
    assert ": wanted " in repr(told) and "wanted" in told._repr_html_()


def test_a_measure_that_changes_what_it_is_given_changes_nothing_else(question):
    def measure(kernel, n):
        kernel *= 0
        return own.measure(kernel + 1, n)
    question.measure = measure
    told = checked("def low_pass(n): return np.ones(n + 1)")
    assert told.case is None or (told.case.got == 1).all()


@pytest.mark.parametrize("other", [{"total": 1}, {"sum": 1, "more": 2}, {}])
def test_other_names_than_for_the_reference_are_our_fault(question, other):
    question.measure = lambda kernel, n: other if kernel[0] == 7 else {"sum": 1}
    with pytest.raises(RuntimeError, match=r"low_pass: measure gives the properties \["):
        checked("def low_pass(n): return 7 * np.ones(n)")
    assert checked(RIGHT).passed


def test_a_design_may_have_rules_too(question):
    question.forbids = ("zeros",)
    assert checked(RIGHT).headline.startswith("not yet: the numbers are right, but it uses `zeros`")
    assert graded(RIGHT)[1]["headline"].startswith("not yet: the numbers are right, but it uses `zeros`")


# ---- reports

def test_reports_show_properties(question, tmp_path):
    record, row = graded(WRONG)
    assert row["case"]["properties"] == [["sum", "1", "0.75", False], ["fastest oscillation", "0", "0.25", False],
                                         ["numbers", "3", "3", True]]
    result = Result("Ada", "Ada", record)
    reports.write([result, Result("Bob", "Bob", graded(RIGHT)[0])], tmp_path, 1)
    page = BeautifulSoup((tmp_path / "html" / "students" / "Ada.html").read_text(), "html.parser").find(id="low_pass")
    assert [[cell.text for cell in row(["th", "td"])] for row in page.find(class_="properties")("tr")] == [
        ["what is judged", "wanted", "yours"], ["sum", "1", "0.75"], ["fastest oscillation", "0", "0.25"],
        ["numbers", "3", "3"]]
    assert [cell.text for cell in page.find_all("td", class_="first")] == ["0.75", "0.25"]
    figures = [" ".join(figure.figcaption.text.split()) for figure in page.find_all("figure")]
    assert [figure.split()[0] for figure in figures] == ["n", "got"]
    output = json.loads((tmp_path / "gradescope" / "Ada.json").read_text())["tests"][-1]["output"]
    assert "what is judged:\n  * sum: wanted 1, yours 0.75\n" in output and "expected" not in output
    assert "2 of 3 properties are not as wanted" in (tmp_path / "grades.csv").read_text()
    assert "low_pass" in (tmp_path / "html" / "index.html").read_text()


@pytest.mark.parametrize(("source", "right"), [
    (RIGHT, True), (WRONG, False), ("def low_pass(n): return np.zeros((2, 2))", False)])
def test_a_design_can_be_replayed(question, source, right):
    text = explain(Result("Ada", "Ada", graded(WRONG)[0]), "low_pass")
    assert "  * sum: wanted 1, yours 0.75" in text
    printed = []
    namespace = {"np": np, "print": lambda *values, **options: printed.append(values)}
    exec(source, namespace)
    exec(text[text.index("# To replay"):], namespace)
    assert printed[0][0] == "expected" and list(printed[0][1]) == PROPERTIES and printed[-1] == (right,)


def test_how_large_a_design_may_be(question):
    assert checked(f"def low_pass(n): return np.r_[0.5, 0.5, np.zeros({verdict.LARGER_DESIGN} * n - 2)]").passed
    told = checked(f"def low_pass(n): return np.r_[0.5, 0.5, np.zeros({verdict.LARGER_DESIGN} * n - 1)]")
    assert "too large" in told.case.problem and told.case.got is None
