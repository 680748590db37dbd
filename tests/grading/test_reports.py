"""The reports on a class: right, complete, and indifferent to what a student wrote."""

import copy
import csv
import html.parser
import io
import json
import math
import os
import random
import re
import time
import urllib.parse

import numpy as np
import pandas
import pytest
from bs4 import BeautifulSoup

from cnnlib.grading.batch import reports
from cnnlib.grading.batch.reports import Result, explain, write
from cnnlib.grading.marking import lost
from cnnlib.grading.questions import WEEKS, find
from cnnlib.grading.submission import Submission
from tests import marked

NAMES = [question.name for question in WEEKS[1]]
MOST = sum(question.points for question in WEEKS[1])
SECOND = NAMES.index("correlate2d_valid")
TITLE = find("correlate2d_valid").title
FLIPPED = marked.mistaken("correlate2d_valid", "the kernel is flipped")
HOSTILE = [
    '<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "' onmouseover='alert(1)", "{{7*7}}{% raw %}",
    '=HYPERLINK("http://example.org")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "a,b", 'quote " and \'', "two\nlines",
    "[bold red]rich[/]", "\x1b[31mred\x1b]0;title\x07", "\x9b31m", "right\u202eleft", "line\u2028break", "nul\0",
    "\ud800lone", "\udc80", "&amp;", "<!-- ", "]]>", "</style><script>", "javascript:alert(1)", "%s %d %(x)s", "李小龍",
    "é" * 120, "nan", "../../etc/passwd", "\\x41"]


@pytest.fixture(scope="module")
def records():
    return {"right": marked.record(), "wrong": marked.record(
        correlate2d_valid=FLIPPED, im2col=marked.unanswered, binomial_kernel=marked.ended, p4_lift=lambda x, w: x[100],
        toeplitz_matrix=lambda w, n: np.full((2, 2), np.nan), fft_convolve2d=lambda x, w: np.float64(3),
        doubly_block_toeplitz=lambda *a: find("doubly_block_toeplitz").reference(*a) + np.inf),
        "missing": lost(1, "missing", "there is no week1.ipynb"), "invalid": lost(1, "invalid", "the file is not JSON")}


def result(name, record, finished="2027-01-08T14:03:00+00:00"):
    submission = Submission(os.fsencode(name) if isinstance(name, str) else name, b"")
    return Result(submission.student, submission.stem, record, finished)


def read(folder):
    with open(folder / "grades.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def poisoned(record, text):
    """The record with the text wherever a student's could be."""
    record = copy.deepcopy(record)
    record.update(reasons=[text], reason=text, first_error=text)
    for row in record["questions"]:
        if row["status"] != "passed":
            row.update(problem=text, line=text, headline=text, mistake=text, hint=text)
    return record


def parse(path):
    """The page, by the rules of HTML 5; nothing in it runs or is fetched."""
    text = path.read_text(encoding="utf-8")
    page = Balanced()
    page.feed(text)
    assert not page.open
    soup = BeautifulSoup(text, "html.parser")
    assert text.startswith("<!doctype html>") and soup.html["lang"] == "en" and soup.title.text.strip()
    assert soup.find("meta", {"name": "viewport"})
    assert "default-src 'none'" in soup.find("meta", {"http-equiv": "Content-Security-Policy"})["content"]
    assert not soup.find_all(["script", "iframe", "object", "embed", "img", "form", "base", "svg"])
    assert len(soup.find_all("style")) == 1
    for tag in soup.find_all(True):
        for name, value in tag.attrs.items():
            assert not name.startswith("on"), (tag.name, name)
            if name in ("href", "src", "action"):
                assert re.match(r"data:,$|students/[^/:?#]+\.html$", value), value
            if name == "style":
                assert re.fullmatch(r"width:[\d.]+%(;max-width:\d+rem)?", value), value
    levels = [int(tag.name[1]) for tag in soup.find_all(re.compile(r"^h\d$"))]
    assert levels[0] == 1 and levels.count(1) == 1 and set(levels[1:]) <= {2}
    assert path.stat().st_size <= 2 << 20
    return soup


class Balanced(html.parser.HTMLParser):
    """Complains of an element that is not closed where it should be."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        assert len({name for name, _ in attrs}) == len(attrs), f"{tag} has an attribute twice"
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> in line {self.getpos()[0]}"


# ---- grades.csv

def test_the_grades_have_the_sheets_columns_and_read_back(tmp_path, records):
    write([result(name, record) for name, record in records.items()], tmp_path, 1)
    rows = read(tmp_path)
    assert list(rows[0]) == ["student", *NAMES, "total", "max", "status", "reason"]
    right, wrong, missing, invalid = rows
    assert right["total"] == right["max"] == str(MOST) and right["reason"] == "" and right["status"] == "ok"
    assert wrong["correlate2d_valid"] == "0" and wrong["match_template"] == "3" and wrong["status"] == "crash"
    assert wrong["reason"].startswith("binomial_kernel: the process ended") and len(wrong["reason"]) <= 500
    assert missing["status"] == "missing" and missing["reason"] == "there is no week1.ipynb"
    assert {row["max"] for row in rows} == {str(MOST)} and missing["total"] == invalid["total"] == "0"
    table = pandas.read_csv(tmp_path / "grades.csv")
    assert list(table["total"]) == [int(row["total"]) for row in rows]
    assert (table[NAMES].sum(axis=1) == table["total"]).all()


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_name_or_text_is_a_formula_or_breaks_a_row(tmp_path, records, text):
    name = text.replace("\0", "").replace("/", "_").encode("utf-8", "surrogatepass")
    write([result(name, poisoned(records["wrong"], text)), Result(text, "x", poisoned(records["missing"], text))],
          tmp_path, 1)
    content = (tmp_path / "grades.csv").read_bytes()
    assert len(content.split(b"\n")) == 4 and not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", content)
    rows = read(tmp_path)
    assert len(rows) == 2
    for row in rows:
        for column in ("student", "reason"):
            assert row[column] and row[column][0] not in "=+-@\t\r" and len(row["reason"]) <= 500
    if text[0] in "=+-@":
        assert rows[1]["student"] == f"'{text}"
    pandas.read_csv(tmp_path / "grades.csv")


def test_a_reason_is_never_missing_where_points_are(tmp_path, records):
    record = copy.deepcopy(records["wrong"])
    record.update(reasons=[], reason="")
    silent = lost(1, "timeout", "")
    long = poisoned(records["wrong"], "=" + "x" * 1_000_000)
    write([Result("a", "a", record), Result("b", "b", silent), Result("c", "c", long)], tmp_path, 1)
    rows = read(tmp_path)
    assert "correlate2d_valid" in rows[0]["reason"] and all(row["reason"] for row in rows)
    assert rows[2]["reason"].startswith("'=x") and len(rows[2]["reason"]) == 500


def test_the_first_error_of_the_sheet_is_shown_where_points_are_missing(tmp_path, records):
    first = "cell 2, line 1: import nowhere: ModuleNotFoundError: No module named 'nowhere'"
    told = {name: {**records[name], "first_error": first, "reasons": [first, *records[name]["reasons"]]}
            for name in ("wrong", "right")}
    told["stopped"] = {**told["wrong"], "status": "timeout"}
    told["right"]["reasons"] = []
    write([result(name, record) for name, record in told.items()], tmp_path, 1)
    for name, record in told.items():
        page = html.unescape((tmp_path / "html" / "students" / f"{name}.html").read_text())
        output = json.loads((tmp_path / "gradescope" / f"{name}.json").read_text())["output"]
        assert page.count(first) == output.count(first) == (name != "right")
        assert (first in explain(result(name, record), "correlate2d_valid")) == (name != "right")
    assert first in html.unescape((tmp_path / "html" / "index.html").read_text())
    assert [row["reason"].startswith(first) for row in read(tmp_path)] == [True, False, True]


def test_a_question_that_the_record_lacks_is_left_empty(tmp_path, records):
    record = copy.deepcopy(records["right"])
    del record["questions"][3]
    write([Result("a", "a", record)], tmp_path, 1)
    row = read(tmp_path)[0]
    assert row[NAMES[3]] == "" and row["max"] == str(MOST) and NAMES[3] in row["reason"]


# ---- Gradescope

def test_gradescope_reads_the_results(tmp_path, records):
    write([result(name, record) for name, record in records.items()], tmp_path, 1)
    for name, record in records.items():
        text = (tmp_path / "gradescope" / f"{name}.json").read_text()
        results = json.loads(text, parse_constant=pytest.fail)            # no NaN
        assert results == json.loads(json.dumps(reports.gradescope(record)))
        assert results["score"] == record["total"] == sum(test["score"] for test in results["tests"])
        assert [test["name"] for test in results["tests"]] == NAMES
        assert [test["max_score"] for test in results["tests"]] == [question.points for question in WEEKS[1]]
        assert all(test["output"] and test["status"] in ("passed", "failed") for test in results["tests"])
    wrong = json.loads((tmp_path / "gradescope" / "wrong.json").read_text())
    output = wrong["tests"][SECOND]["output"]
    assert "The mistake: the kernel is flipped." in output and "Hint: This is convolution." in output
    assert "crash" not in wrong["output"] and "the process ended by itself" in wrong["output"]


def test_numbers_that_are_none_are_no_points(tmp_path, records):
    record = copy.deepcopy(records["wrong"])
    record["questions"][0]["score"] = math.nan
    record["questions"][2]["score"] = math.inf
    record["total"] = math.nan
    write([Result("a", "a", record)], tmp_path, 1)
    results = json.loads((tmp_path / "gradescope" / "a.json").read_text(), parse_constant=pytest.fail)
    lost = sum(records["wrong"]["questions"][number]["score"] for number in (0, 2))
    assert lost and results["score"] == records["wrong"]["total"] - lost
    assert "nan" not in (tmp_path / "grades.csv").read_text().split("crash")[0]


# ---- pages

def test_a_students_page_says_what_was_wrong(tmp_path, records):
    write([result("Ada", records["wrong"])], tmp_path, 1)
    soup = parse(tmp_path / "html" / "students" / "Ada.html")
    text = " ".join(soup.text.split())
    assert "Week 1: Ada" in text and f"{records['wrong']['total']} of {MOST} points" in text
    assert "Reason binomial_kernel: the process ended by itself, with exit status 3" in text
    assert "Marked 2027-01-08 14:03:00 UTC." in text
    section = soup.find(id="correlate2d_valid")
    text = " ".join(section.text.split())
    assert "not yet: wrong in 20 of 20 random cases" in text and "0 of 2 points" in text
    written = BeautifulSoup(marked.backticks(str(section)), "html.parser").text
    assert f"Asked {find('correlate2d_valid').asks}" in " ".join(written.split())
    assert "The smallest failing case 15 of 15" in text
    assert "The mistake: the kernel is flipped." in text and "This is convolution." in text
    case = records["wrong"]["questions"][SECOND]["case"]
    tables = section.find_all("table")
    assert [[[cell.text for cell in row("td")] for row in table("tr")] for table in tables] == [
        [[cell for cell, _ in row] for row in shown["cells"]]
        for shown in (*case["inputs"].values(), case["expected"], case["got"])]
    framed = section.find_all("td", class_="first")
    assert [cell.text for cell in framed] == ["5.5", "-6.125"]            # of expected, and of got
    for cell in section.find_all("td"):                                   # colour says sign
        assert (float(cell.text) > 0) == any(name[0] == "p" for name in cell["class"])
    assert "line 3: return x[100]" in soup.find(id="p4_lift").pre.text
    assert "not answered yet" in soup.find(id="im2col").text and not soup.find(id="im2col").find("table")
    assert "passed on 20 random cases" in soup.find(id="match_template").text
    assert "class" not in soup.find(id="toeplitz_matrix").find("td", string="nan").attrs


def test_large_arrays_show_the_same_part_of_expected_and_got(tmp_path):
    reference = find("doubly_block_toeplitz").reference

    def last_wrong(*arguments):
        out = np.array(reference(*arguments))
        out[-1, -1] += 1
        return out
    record = marked.record(doubly_block_toeplitz=last_wrong)
    row = next(row for row in record["questions"] if row["name"] == "doubly_block_toeplitz")
    for shown in (row["case"]["expected"], row["case"]["got"]):
        assert sum(first for line in shown["cells"] for _, first in line) == 1
    assert row["case"]["expected"]["note"] == row["case"]["got"]["note"]


def test_the_page_of_the_class_counts(tmp_path, records):
    students = [result(f"wrong{i}", records["wrong"]) for i in range(4)] + [
        result(f"right{i}", records["right"]) for i in range(9)] + [
        result("absent", records["missing"]), result("broken", records["invalid"])]
    write(students, tmp_path, 1)
    soup = parse(tmp_path / "html" / "index.html")
    tables = {box["aria-label"]: box.table for box in soup.find_all(class_="scroll")}
    rows = {name: [[" ".join(cell.text.split()) for cell in row(["td", "th"])] for row in table.tbody("tr")]
            for name, table in tables.items()}
    assert "15 students" in soup.text and "the 13 sheets that could be read" in soup.text
    bars = rows["Histogram of the totals"]
    width = math.ceil((MOST + 1) / 11)
    assert sum(int(row[1]) for row in bars) == 13 and bars[-1][1] == "9" and bars[-1][0].endswith(str(MOST))
    assert bars[0][0] == f"0–{width - 1}" and len(bars) == math.ceil((MOST + 1) / width)
    question = rows["Points per question"][SECOND]
    assert question[:3] == [str(SECOND + 1), f"{TITLE} correlate2d_valid", "69 %"] and question[5] == "4"
    assert rows["The most common mistakes"][0] == [
        "31 %", "the kernel is flipped", "4", f"{TITLE} correlate2d_valid"]
    assert [row[:3] for row in rows["Submissions that need a person"]][-2:] == [
        ["absent", "missing", "0"], ["broken", "invalid", "0"]]
    assert len(rows["Submissions that need a person"]) == 6 and len(rows["All students"]) == 15
    unnamed = sum(row["status"] == "wrong" and not row["mistake"] for row in records["wrong"]["questions"])
    assert unnamed and f"{4 * unnamed} wrong answers look like none of the known mistakes." in soup.text


def test_links_lead_to_the_pages_of_students_of_any_name(tmp_path, records):
    names = [b"a b", b"50%", b"%41", b"\xff\xfe", "Zoë".encode(), b"x?y#z", b"&lt;", b"\n", b"\\", "名".encode() * 80]
    students = [result(name, records["right"]) for name in names]
    write(students, tmp_path, 1)
    soup = parse(tmp_path / "html" / "index.html")
    links = [link["href"] for link in soup.find_all("a")]
    assert len(links) == len(names)
    for link, student in zip(links, students, strict=True):
        page = tmp_path / "html" / urllib.parse.unquote(link)
        assert page.name == f"{student.stem}.html" and student.student in parse(page).h1.text


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_nothing_that_a_student_wrote_is_markup(tmp_path, records, text):
    write([Result(text, "a", poisoned(records["wrong"], text), text),
           Result(text, "b", poisoned(records["invalid"], text), text)], tmp_path, 1)
    for name in ("students/a.html", "students/b.html", "index.html"):
        soup = parse(tmp_path / "html" / name)
        shown = reports._text(text)
        assert shown.split()[0][:70] in soup.text
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2028]", soup.text)


def test_texts_without_end_are_cut(tmp_path, records):
    for text in ("x" * 1_000_000, "<" * 1_000_000, "\x1b" * 1_000_000, "\ud800" * 1_000_000):
        record = poisoned(records["wrong"], text)
        for row in record["questions"]:
            if row["case"]:
                row["case"]["got"] = {"cells": [[[text, True]] * 100] * 100, "note": text, "dtype": text, "value": None}
                row["case"]["inputs"] = {text[:100] + str(i): row["case"]["expected"] for i in range(100)}
        write([Result(text, "a", record, text)], tmp_path, 1)
        parse(tmp_path / "html" / "students" / "a.html")
        parse(tmp_path / "html" / "index.html")
        assert (tmp_path / "gradescope" / "a.json").stat().st_size < 2 << 20
        assert len((tmp_path / "grades.csv").read_text()) < 20_000


def test_the_page_of_a_hostile_class_stays_small(tmp_path, records):
    record = poisoned(records["missing"], '"' * 500)
    write([Result('"' * 255, f"{i}" + "%22" * 40, record) for i in range(500)], tmp_path, 1)
    soup = parse(tmp_path / "html" / "index.html")
    assert len(soup.find(attrs={"aria-label": "All students"}).tbody("tr")) == 500
    sheets = [reports._sheet(Result('"' * 255, f"{i}" + "%22" * 40, record), 1) for i in range(3000)]
    page = reports._class_page(sheets, 1)
    assert len(page.encode()) <= 2 << 20 and "of 3000 are listed here" in page


def test_a_class_of_none_and_of_one(tmp_path, records):
    write([], tmp_path / "none", 1)
    assert read(tmp_path / "none") == [] and "There are no submissions." in parse(
        tmp_path / "none" / "html" / "index.html").text
    write([result("Ada", records["right"])], tmp_path / "one", 1)
    assert "1 student," in parse(tmp_path / "one" / "html" / "index.html").text
    write([result("Bob", records["missing"])], tmp_path / "absent", 1)
    parse(tmp_path / "absent" / "html" / "index.html")


def test_a_class_of_five_hundred_takes_ten_times_as_long_as_one_of_fifty(tmp_path, records):
    students = [result(f"student {i}", records[random.Random(i).choice(list(records))]) for i in range(500)]
    seconds = []
    for count in (50, 500):
        start = time.process_time()
        write(students[:count], tmp_path / str(count), 1)
        seconds.append(time.process_time() - start)
        assert len(list((tmp_path / str(count) / "html" / "students").iterdir())) == count
        assert len(read(tmp_path / str(count))) == count
    assert seconds[1] < 20 * seconds[0]                                  # 100 times, if it went with the square


# ---- files

def test_files_of_students_who_are_gone_are_removed_and_others_are_not(tmp_path, records):
    write([result("Ada", records["right"]), result("Bob", records["right"])], tmp_path, 1)
    (tmp_path / "gradescope" / "notes.txt").write_text("mine")
    (tmp_path / "html" / "students" / ".writing-99999").write_text("of a run that was killed")
    (tmp_path / "grades.sqlite").write_text("")
    write([result("Bob", records["right"])], tmp_path, 1)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == {
        "grades.csv", "grades.sqlite", "gradescope/Bob.json", "gradescope/notes.txt", "html/index.html",
        "html/students/Bob.html"}


def test_a_file_is_put_in_place_whole_or_not_at_all(tmp_path, records, monkeypatch):
    write([result("Ada", records["right"])], tmp_path, 1)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def full(*_):
        raise OSError("no space left on device")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError):
        write([result("Ada", records["wrong"])], tmp_path, 1)
    assert all(path.read_bytes() == content for path, content in before.items())


@pytest.mark.parametrize("stem", ["", "../x", "/x", "a/b", "a\\b", "\0"])
def test_a_stem_names_a_file_in_the_folder(tmp_path, records, stem):
    with pytest.raises(ValueError, match="stem"):
        write([Result("x", stem, records["right"])], tmp_path, 1)


def test_two_results_have_not_one_stem(tmp_path, records):
    with pytest.raises(ValueError, match="twice"):
        write([Result("x", "a", records["right"]), Result("y", "a", records["right"])], tmp_path, 1)


# ---- explain

def test_an_explanation_shows_the_case_and_replays_it(records):
    text = explain(result("Ada", records["wrong"]), "correlate2d_valid")
    assert text.startswith(f"Ada\n{TITLE} (correlate2d_valid, 0 of 2 points): not yet: wrong in 20")
    assert "The mistake: the kernel is flipped.\nHint: This is convolution." in text
    assert "The smallest failing case: 15 of 15 numbers differ." in text and "*-6.125" in text and "*5.5" in text
    code = text[text.index("# To replay"):]
    assert _replayed(code, "correlate2d_valid", FLIPPED) is False
    assert _replayed(code, "correlate2d_valid", find("correlate2d_valid").reference) is True


def _replayed(code, name, function):
    printed = []
    namespace = {name: function, "print": lambda *values, **options: printed.append(values)}
    exec(code, namespace)
    assert printed[0][0] == "expected"
    return bool(printed[-1][0])


@pytest.mark.parametrize("name", NAMES)
def test_every_question_can_be_replayed(name):
    record = marked.record(**{name: lambda *_: np.zeros((7, 1, 2))})
    code = explain(Result("Ada", "Ada", record), name).split("# To replay")[1]
    code = "# To replay" + code
    assert _replayed(code, name, lambda *_: np.zeros((7, 1, 2))) is False
    assert _replayed(code, name, find(name).reference) is True


def test_an_explanation_of_what_has_no_case(records):
    assert "passed on 20 random cases" in explain(result("Ada", records["right"]), "im2col")
    assert "not answered yet" in explain(result("Ada", records["wrong"]), "im2col")
    assert "with exit status 3" in explain(result("Ada", records["wrong"]), "binomial_kernel")
    assert "there is no week1.ipynb" in explain(result("Ada", records["missing"]), "im2col")


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_an_explanation_is_inert_in_a_terminal(records, text):
    shown = explain(Result(text, "a", poisoned(records["wrong"], text)), "correlate2d_valid")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028\ud800-\udfff]", shown)
    assert "correlate2d_valid(x, w)" in shown
    shown.encode()


def test_an_explanation_of_no_question_names_those_there_are(records):
    with pytest.raises(ValueError, match="has no mark for 'nothing'.*correlate2d_valid"):
        explain(result("Ada", records["right"]), "nothing")


def test_values_that_are_not_finite_or_not_there_are_python_too():
    shown = {"cells": [], "note": "shape (9, 999), float64", "dtype": "float64", "value": None}
    namespace = {"np": np}
    exec(reports._assignment("x", shown) + "\n" + reports._assignment(
        "y", {**shown, "value": [math.nan, -math.inf, 1]}) + "\n" + reports._assignment(
        "z", {**shown, "dtype": "", "value": [2, 3]}) + "\n" + reports._assignment(
        "w", {**shown, "dtype": "", "value": [2, 3], "list": True}), namespace)
    assert namespace["x"] is ... and namespace["z"] == (2, 3) and namespace["w"] == [2, 3]
    np.testing.assert_array_equal(namespace["y"], [math.nan, -math.inf, 1])


def test_a_table_opens_as_rows_of_equal_length(tmp_path, records):
    write([Result(text, str(i), poisoned(records["wrong"], text)) for i, text in enumerate(HOSTILE)], tmp_path, 1)
    text = (tmp_path / "grades.csv").read_text(encoding="utf-8")
    assert {len(row) for row in csv.reader(io.StringIO(text))} == {len(NAMES) + 5}
