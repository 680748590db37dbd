"""What a question forbids and needs: found wherever an answer uses it, told by `check`, and judged by the grader."""

import functools
import json

import numpy as np
import pytest
from bs4 import BeautifulSoup

from cnnlib.grading import check, marking, sheet
from cnnlib.grading.batch import reports
from cnnlib.grading.batch.reports import Result, explain
from cnnlib.grading.marking import mark
from cnnlib.grading.names import LENGTH, MOST, used
from cnnlib.grading.sandbox import Sandbox, SandboxUnavailable, TrustingSandbox, check_available
from tests.grading.cells import FIND, notebook
from tests.grading.own import FORBIDS, NEEDS, ask, by_hand, by_spectrum
from tests.marked import backticks

LOOP = """
def by_hand(x, w):
    out = np.zeros(len(x) + len(w) - 1)
    for k, weight in enumerate(w):
        out[k:k + len(x)] += weight * x
    return out
"""
SPECTRUM = """
def by_spectrum(x, w):
    n = len(x) + len(w) - 1
    return np.fft.irfft(np.fft.rfft(x, n) * np.fft.rfft(w, n), n)
"""


def defined(source, name="by_hand"):
    """What a notebook with this cell has under a name."""
    namespace = {"__name__": "__main__", "np": np, "functools": functools}
    exec(compile(source, "<cell>", "exec"), namespace)
    return namespace[name]


@pytest.fixture(autouse=True)
def questions(monkeypatch):
    ask(monkeypatch, by_hand, by_spectrum)
    yield
    marking._cases.cache_clear()


# ---- names

FOUND = {
    "an attribute": "def by_hand(x, w): return np.convolve(x, w)",
    "another name": "from numpy import convolve as c\ndef by_hand(x, w): return c(x, w)",
    "an alias": "c = np.convolve\ndef by_hand(x, w): return c(x, w)",
    "the function itself": "by_hand = np.convolve",
    "a function that is called": "def helper(x, w): return np.convolve(x, w)\ndef by_hand(x, w): return helper(x, w)",
    "one further": "def a(x, w): return np.convolve(x, w)\nb = lambda *s: a(*s)\ndef by_hand(x, w): return b(x, w)",
    "a function inside": "def by_hand(x, w):\n    def inner(): return np.convolve(x, w)\n    return inner()",
    "a lambda": "by_hand = lambda x, w: np.convolve(x, w)",
    "a comprehension": "def by_hand(x, w): return [np.convolve(x, w) for _ in '1'][0]",
    "partial": "by_hand = functools.partial(np.convolve, mode='full')",
    "partial that is called": "c = functools.partial(np.convolve)\ndef by_hand(x, w): return c(x, w)",
    "partial with a function": "by_hand = functools.partial(lambda f, x, w: f(x, w), np.convolve)",
    "a default": "def by_hand(x, w, f=np.convolve): return f(x, w)",
    "a default by name": "def by_hand(x, w, *, f=np.convolve): return f(x, w)",
    "a closure": "def make(f):\n    return lambda x, w: f(x, w)\nby_hand = make(np.convolve)",
    "a decorator": """
def twice(f):
    def wrapper(*args):
        return f(*args)
    return wrapper
@twice
def by_hand(x, w): return np.convolve(x, w)""",
    "a decorator that tells": """
def twice(f):
    @functools.wraps(f)
    def wrapper(*args): return f(*args)
    return wrapper
@twice
def by_hand(x, w): return np.convolve(x, w)""",
    "a cache": "@functools.lru_cache\ndef by_hand(x, w): return np.convolve(x, w)",
    "an object": "class C:\n    def __call__(self, x, w): return np.convolve(x, w)\nby_hand = C()",
    "a method": "class C:\n    def do(self, x, w): return np.convolve(x, w)\nby_hand = C().do",
    "a class that is used": """
class C:
    def do(self, x, w): return np.convolve(x, w)
def by_hand(x, w): return C().do(x, w)""",
    "a class that inherits": """
class A:
    @staticmethod
    def do(x, w): return np.convolve(x, w)
class C(A): pass
def by_hand(x, w): return C.do(x, w)""",
    "a property": """
class C:
    @property
    def do(self): return np.convolve
def by_hand(x, w): return C().do(x, w)""",
    "vectorized": "row = np.vectorize(lambda x, w: np.convolve(x, w), signature='(n),(k)->(m)')\n"
                  "def by_hand(x, w): return row(x, w)",
    "imported inside": "def by_hand(x, w):\n    from numpy import convolve as c\n    return c(x, w)",
    "another library": "def by_hand(x, w):\n    import scipy.signal\n    return scipy.signal.fftconvolve(x, w)",
    "another library by name": "from scipy.signal import fftconvolve as f\ndef by_hand(x, w): return f(x, w)",
    "a polynomial": "P = np.polynomial.Polynomial\ndef by_hand(x, w): return (P(x) * P(w)).coef",
    "itself": "def by_hand(x, w, n=0): return by_hand(x, w, 1) if n == 0 else np.convolve(x, w)",
}


@pytest.mark.parametrize("name", FOUND)
def test_what_is_used_is_found(name):
    assert set(FORBIDS) & used(defined(FOUND[name])), sorted(used(defined(FOUND[name])))


NOT_FOUND = {
    "a function of one's own": "def convolve(x, w): return x\ndef by_hand(x, w): return convolve(x, w)",
    "one's own by a cache": "@functools.lru_cache\ndef convolve(x): return x\ndef by_hand(x, w): return convolve(x)",
    "one's own partial": "convolve = functools.partial(lambda x: x)\ndef by_hand(x, w): return convolve(x)",
    "one's own class": "class Polynomial: pass\ndef by_hand(x, w): return Polynomial()",
    "one's own object": "class C:\n    def __call__(self, x): return x\nconvolve = C()\n"
                        "def by_hand(x, w): return convolve(x)",
    "a function inside": "def by_hand(x, w):\n    def convolve(y): return y\n    return convolve(x)",
    "a number": "correlate = 3\ndef by_hand(x, w): return correlate",
    "a local name": "def by_hand(x, w):\n    convolve = x\n    return convolve",
    "a text": "def by_hand(x, w):\n    'Without np.convolve.'\n    return 'convolve'",
    "another function of the notebook": "def other(x, w): return np.convolve(x, w)\ndef by_hand(x, w): return x",
    "the loop": LOOP,
}


@pytest.mark.parametrize("name", NOT_FOUND)
def test_what_is_not_used_is_not_found(name):
    assert not set(FORBIDS) & used(defined(NOT_FOUND[name])), sorted(used(defined(NOT_FOUND[name])))


CNNLIB = {
    "imported inside": "def by_hand(x, w):\n    from cnnlib.scratch.signal import convolve\n    return convolve(x, w)",
    "imported": "from cnnlib.scratch.signal import convolve\ndef by_hand(x, w): return convolve(x, w)",
    "under another name": "from cnnlib.scratch.signal import convolve as c\ndef by_hand(x, w): return c(x, w)",
    "the function itself": "from cnnlib.scratch.signal import convolve as by_hand",
    "a default": "from cnnlib.scratch import signal\ndef by_hand(x, w, f=signal.convolve): return f(x, w)",
}


@pytest.mark.parametrize("name", CNNLIB)
def test_what_cnnlib_has_is_not_ones_own(name):
    assert {"convolve", "cnnlib"} <= used(defined(CNNLIB[name]))


def test_an_answer_in_a_questions_file_is_looked_into():
    source = "def by_hand(x, w): return np.convolve(x, w)"
    namespace = {"__name__": "cnnlib.grading.questions.week1.somewhere", "np": np}
    exec(compile(source, "<file>", "exec"), namespace)
    assert "convolve" in used(namespace["by_hand"])


def test_a_function_of_ones_own_does_not_hide_the_attribute():
    source = "def convolve(x, w): return np.convolve(x, w)\ndef by_hand(x, w): return convolve(x, w)"
    assert "convolve" in used(defined(source))
    source = "def convolve(x, w): return x\ndef by_hand(x, w): return np.convolve(x, convolve(w, x))"
    assert "convolve" in used(defined(source))


def test_the_chain_of_attributes_is_used_and_the_module_behind_an_alias():
    assert {"np", "numpy", "fft", "rfft", "irfft"} <= used(defined(SPECTRUM, "by_spectrum"))
    assert {"f", "numpy", "fft", "fft2"} <= used(defined("import numpy.fft as f\ndef by_hand(x): return f.fft2(x)"))


class _Raises:
    def __getattribute__(self, name):
        raise RuntimeError

    def __call__(self):
        pass


def test_nothing_that_is_no_function_of_a_student_raises():
    for value in (None, 5, "text", np, np.add, sum, len, print, int, object(), type, _Raises(), Exception, np.ones(3),
                  np.random.default_rng, [].append, functools.partial(sum)):
        assert isinstance(used(value), set)


def test_a_loop_of_functions_ends_and_names_are_bounded():
    def f():
        return g()

    def g():
        return f()
    f.__wrapped__, g.__wrapped__ = g, f
    used(f)
    many = "def by_hand(x): return (" + ", ".join(f"x.a{i}" for i in range(3000)) + f", x.{'y' * 200}, x.ä)"
    found = used(defined(many))
    assert len(found) == MOST and all(len(name) <= LENGTH and name.isascii() for name in found)


# ---- check

def test_right_numbers_by_a_forbidden_way_do_not_pass():
    verdict = check(defined("def by_hand(x, w): return np.convolve(x, w)"))
    assert not verdict.passed and verdict.status == "wrong" and verdict.case is None and verdict.failed == 0
    assert verdict.headline == "not yet: the numbers are right, but it uses `convolve`, which is not allowed here"
    for text in (repr(verdict), backticks(verdict._repr_html_())):
        assert "the numbers are right, but it uses `convolve`" in text
        assert "Write it without `convolve`, `correlate`, `polymul`, `Polynomial` or `fftconvolve`" in text
        assert "smallest failing case" not in text
    assert check(defined(LOOP)).passed


def test_right_numbers_by_another_way_than_was_asked_do_not_pass():
    verdict = check(defined(LOOP.replace("by_hand", "by_spectrum"), "by_spectrum"))
    assert verdict.headline == ("not yet: the numbers are right, but it does not use `fft`, `fft2`, `rfft` or `rfft2`")
    assert "asks for this way, not only for the numbers" in repr(verdict)
    assert check(defined(SPECTRUM, "by_spectrum")).passed


def test_wrong_numbers_are_told_first_and_the_rule_too():
    verdict = check(defined("def by_hand(x, w): return -np.convolve(x, w)"))
    assert verdict.headline.startswith("not yet: wrong in 20 of 20") and verdict.case is not None
    assert verdict.mistake.name == "the sign is reversed"
    for text in (repr(verdict), backticks(verdict._repr_html_())):
        assert text.index("the sign is reversed") < text.index("Whatever the numbers: it uses `convolve`")
    assert "Whatever" not in repr(check(defined("def by_hand(x, w): return -x")))
    assert "Whatever" not in repr(check(defined("def by_hand(x, w): return np.convolve(x, w)[99]")))


@pytest.mark.parametrize("source", [
    "from cnnlib.scratch.signal import convolve as c\ndef convolve1d_full(x, w): return c(x, w)",
    "from cnnlib.scratch import signal\n"
    "def convolve1d_full(x, w): return signal.convolution_matrix(w, len(x)) @ x",
])
def test_convolve1d_full_is_not_to_be_had_from_cnnlib(source):
    verdict = check(defined(source, "convolve1d_full"))
    assert not verdict.passed and verdict.failed == 0 and "`cnnlib`, which is not allowed here" in verdict.headline


@pytest.mark.parametrize("name", FOUND)
def test_whatever_passes_keeps_the_rules(name):
    cell = "\nverdict = check(by_hand)"
    assert not defined("from cnnlib.grading import check\n" + FOUND[name] + cell, "verdict").passed


def test_a_sheet_on_ones_own_machine_says_so():
    namespace = {"by_hand": defined("def by_hand(x, w): return np.convolve(x, w)"),
                 "by_spectrum": defined(SPECTRUM, "by_spectrum")}
    rows = {row["question"]: row for row in sheet.mark_namespace(namespace, 1).rows}
    assert rows["by_spectrum"]["passed"] and not rows["by_hand"]["passed"]
    assert "it uses `convolve`" in rows["by_hand"]["note"]


# ---- the grader

def need_bubblewrap():
    try:
        check_available()
    except SandboxUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(params=[Sandbox, TrustingSandbox])
def start(request):
    if request.param is Sandbox:
        need_bubblewrap()
    return request.param


def rows(start, *cells):
    record = mark(notebook("import numpy as np, functools", *cells), 1, ["by_hand", "by_spectrum"], start)
    json.dumps(record, allow_nan=False)
    return record, {row["name"]: row for row in record["questions"]}


def test_the_grader_keeps_the_rules(start):
    record, found = rows(start, LOOP, SPECTRUM)
    assert record["status"] == "ok" and record["total"] == record["max"] == 5, record["reason"]
    record, found = rows(start, "def by_hand(x, w): return np.convolve(x, w)",
                         LOOP.replace("by_hand", "by_spectrum"))
    assert record["total"] == 0 and record["status"] == "ok"
    assert found["by_hand"]["status"] == "wrong" and found["by_hand"]["case"] is None
    assert found["by_hand"]["headline"] == "not yet: the numbers are right, but it uses `convolve`, which is not " \
                                           "allowed here"
    assert found["by_hand"]["hint"].startswith("Write it without `convolve`")
    assert "by_hand: not yet: the numbers are right, but it uses `convolve`" in record["reason"]
    assert "it does not use `fft`, `fft2`, `rfft` or `rfft2`" in found["by_spectrum"]["headline"]
    record, found = rows(start, "def by_hand(x, w): return 2 * np.convolve(x, w)")
    assert found["by_hand"]["mistake"].startswith("every number is too large")
    assert found["by_hand"]["note"].startswith("Whatever the numbers: it uses `convolve`") and found["by_hand"]["case"]


def test_the_grader_finds_what_check_finds(start):
    for name in list(FOUND)[:18] if start is Sandbox else list(FOUND)[18:]:
        if "scipy" not in FOUND[name] and "lru" not in FOUND[name]:
            record, found = rows(start, FOUND[name])
            assert "`convolve`" in found["by_hand"]["headline"] or "Polynomial" in found["by_hand"]["headline"], name


def test_helpers_of_other_cells_are_looked_into(start):
    _, found = rows(start, "def transform(x, n):\n    return np.fft.rfft(x, n)",
                    SPECTRUM.replace("np.fft.rfft", "transform").replace("np.fft.irfft", "back"), "back = np.fft.irfft")
    assert found["by_spectrum"]["status"] == "passed"


LIES = {
    "no list": ("'fft2'", False), "a number": ("5", False), "numbers": ("[1, 2]", False),
    "one is a list": ("['fft2', ['x']]", False), "a long name": ("['fft2', 'x' * 1000]", False),
    "very many": ("['fft2'] * 2000", False), "nothing": ("None", False), "the right ones": ("['fft2']", True),
}


@pytest.mark.parametrize("name", LIES)
def test_what_is_claimed_is_taken_for_names_or_for_none(name):
    """A lie about the names is worth what an honest call would be, and what is no list of names is nothing."""
    need_bubblewrap()
    claim, passes = LIES[name]
    lie = FIND + f"""
while frame.f_back is not None:
    frame = frame.f_back
program = frame.f_globals
program['names'] = lambda *arguments: {claim}
"""
    record, found = rows(Sandbox, LOOP, LOOP.replace("by_hand", "by_spectrum"), lie)
    assert record["status"] == "ok" and found["by_hand"]["status"] == "passed"
    assert (found["by_spectrum"]["status"] == "passed") == passes
    assert all(word not in json.dumps(record) for word in ("xxxx",))


def test_an_object_that_lets_nobody_look_costs_only_itself(start):
    _, found = rows(start, LOOP, """
class Closed:
    def __getattribute__(self, name): raise SystemExit
    def __call__(self, x, w): return np.convolve(x, w)
by_spectrum = Closed()""")
    assert found["by_hand"]["status"] == "passed" and found["by_spectrum"]["status"] == "wrong"


# ---- reports

def test_reports_tell_the_rule(tmp_path):
    need_bubblewrap()
    record, _ = rows(Sandbox, "def by_hand(x, w): return np.convolve(x, w)",
                     "def by_spectrum(x, w): return 2 * np.convolve(x, w)")
    result = Result("Ada", "Ada", json.loads(json.dumps(record)))
    reports.write([result], tmp_path, 1)
    told = "not yet: the numbers are right, but it uses `convolve`, which is not allowed here"
    page = BeautifulSoup(backticks((tmp_path / "html" / "students" / "Ada.html").read_text()), "html.parser")
    section = " ".join(page.find(id="by_hand").text.split())
    assert told in section and "Write it without `convolve`" in section and "smallest failing case" not in section
    assert "Whatever the numbers: it does not use" in page.find(id="by_spectrum").text
    page = BeautifulSoup(backticks((tmp_path / "html" / "index.html").read_text()), "html.parser")
    mistakes = page.find(attrs={"aria-label": "The most common mistakes"}).text
    assert "it uses `convolve`, which is not allowed here" in mistakes and "like none of the known" not in page.text
    tests = {test["name"]: test for test in json.loads((tmp_path / "gradescope" / "Ada.json").read_text())["tests"]}
    assert tests["by_hand"]["score"] == 0 and told in tests["by_hand"]["output"]
    assert "Hint: Write it without" in tests["by_hand"]["output"]
    assert "Whatever the numbers: it does not use" in tests["by_spectrum"]["output"]
    assert told in (tmp_path / "grades.csv").read_text()
    assert told in explain(result, "by_hand") and "# To replay" not in explain(result, "by_hand")
    assert "# To replay" in explain(result, "by_spectrum")


def test_needs_and_forbids_of_a_question_name_what_is_meant():
    assert by_spectrum.broken_rule({"rfft"}) is None and by_spectrum.broken_rule(set()).name == (
        "it does not use " + ", ".join(f"`{name}`" for name in NEEDS[:-1]) + f" or `{NEEDS[-1]}`")
    assert by_hand.broken_rule(set()) is None
    assert by_hand.broken_rule({"polymul", "convolve", "x"}).name.startswith("it uses `convolve` and `polymul`")
