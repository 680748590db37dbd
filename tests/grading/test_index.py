"""The page of all questions: it counts as the questions do, leads where they stand, and gives nothing away.

That the committed page is what `make exercises` writes is asserted with the sheets, in test_sheet.py.
"""

import copy
import re

import pytest

from cnnlib.grading.index import questions_page
from cnnlib.grading.question import KINDS
from cnnlib.grading.questions import MODULES, WEEKS
from cnnlib.grading.text import LEVELS, answer, label_of
from tests.grading import own

ASKED = [week for week in WEEKS if WEEKS[week]]


@pytest.fixture
def page(root):
    return (root / "chapters" / "reference" / "questions.md").read_text()


def section(page, week):
    """What the page says of a week, between its heading and the next."""
    part, = re.findall(rf"^## Week {week} · .*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return part


def rows(text, head):
    """The rows of all tables with this head.  → list of lists of cells"""
    tables = re.findall(rf"^{re.escape(head)}\n\|[-|]+\|\n((?:\|.*\|\n?)*)", text, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for table in tables for line in table.splitlines()]


@pytest.mark.parametrize("week", ASKED)
def test_each_question_has_its_row_with_its_numbers(page, week):
    found = rows(section(page, week), "| question | kind, level | minutes | points |")
    assert len(found) == len(WEEKS[week])
    for number, (question, row) in enumerate(zip(WEEKS[week], found, strict=True), start=1):
        practice = ", practice" if question.practice else ""
        name = f"[{question.title}](#{label_of(question)})" if question.practice else question.title
        assert row == [f"{number} · {name}", f"{question.kind} {LEVELS[question.level]}", str(question.minutes),
                       f"{question.points}{practice}"]


@pytest.mark.parametrize("week", ASKED)
def test_a_weeks_kinds_add_up(page, week):
    found = {name: list(map(int, numbers))
             for name, *numbers in rows(section(page, week), "| kind | questions | minutes | points |")}
    assert list(found) == [*KINDS, "all", "of these practice"]
    assert found["all"] == [sum(column) for column in zip(*(found[kind] for kind in KINDS), strict=True)]
    assert found["all"][::2] == [len(WEEKS[week]), sum(question.points for question in WEEKS[week])]
    assert found["of these practice"][0] == sum(question.practice for question in WEEKS[week])


def test_the_weeks_add_up(page):
    *weeks, last = rows(page, "| week | questions | minutes | points |")
    assert len(weeks) == len(ASKED) and last[0] == "all"
    for column in (1, 2, 3):
        assert int(last[column]) == sum(int(week[column]) for week in weeks)


@pytest.mark.parametrize("week", ASKED)
def test_every_notebook_is_linked_and_so_is_the_sheet(page, root, week):
    text = section(page, week)
    names = [part.__name__.rpartition(".")[2] for part in MODULES[week].NOTEBOOKS]
    assert re.findall(r"\[the notebook\]\(\.\./week\d_\w+/(\w+)\.ipynb\)", text) == names
    assert text.count(f"[the sheet](../../exercises/week{week}.ipynb)") == len(names)
    for link in re.findall(r"\]\((\.\./[^)]*)\)", text):
        assert (root / "chapters" / "reference" / link).exists(), link


def test_nothing_is_given_away(page):
    for question in (question for questions in WEEKS.values() for question in questions):
        body = answer(question).split("\n", 1)[1].strip()
        assert body not in page
        assert not any(hint.strip() in page for hint in question.hints.values()), question.name
        assert not any(mistake.hint in page for mistake in question.mistakes), question.name


def test_a_week_without_questions_is_left_out_and_a_notebook_without_a_page_is_not_linked():
    first, second = copy.copy(own.by_hand), copy.copy(own.by_spectrum)
    first.practice = True
    one = [("By hand", None, [first, second]), ("Empty", "empty.ipynb", [])]
    text = questions_page([("Week 1 · One", "one.ipynb", one), ("Week 2 · Two", "two.ipynb", [("No", "no.ipynb", [])])])
    assert "Two" not in text and "Empty" not in text and "explained in the notebook." in text
    assert f"| 1 · [{first.title}](#ex-by-hand) |" in text and f"| 2 · {second.title} |" in text
