"""Reports on a marked class: grades.csv, Gradescope's results.json, a page for each student and one for the class.

What a student wrote (a name, the text of an exception, a line of code) is data here: cut to a length, its control
characters written out, escaped in HTML, inert in a spreadsheet and in a terminal.
"""

import csv
import io
import json
import math
import os
import statistics
import urllib.parse
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import jinja2

from ..marking import PASSED, REASON, join
from ..questions import WEEKS, find
from ..submission import show
from ..verdict import with_code

TEXT = 600                       # of a text in a page, before control characters are written out
NAME = 1100                      # of a student's name: 255 bytes, each of them as \xNN, and some to spare
ROWS = 12                        # of an array, and as many columns
PAGE = 2 << 20                   # bytes of a page
BARS = 11                        # of the histogram
MISTAKES = 20                    # on the page of the class

_HEADLINES = {"unanswered": "not answered yet", "not defined": "not defined in the sheet",
              "timeout": "stopped: not done in time", "limit": "stopped: over a limit", "crash": "it ended its process",
              "invalid": "not marked", "missing": "not marked", "not marked": "not marked"}
_STATUSES = {
    "ok": "Every question could be marked.",
    "timeout": "Something in the sheet was not done in time and was stopped; the rest was marked.",
    "limit": "Something in the sheet used more processor time, memory or disk than is allowed and was stopped; "
             "the rest was marked.",
    "crash": "Something in the sheet ended its process; the rest was marked.",
    "invalid": "What was handed in cannot be read as a notebook.",
    "missing": "No sheet was handed in.",
}
_UNREAD = ("invalid", "missing")
_STOPPED = ("timeout", "limit", "crash")

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=jinja2.select_autoescape(["html.jinja"]),
    undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
)
_TEMPLATES.filters["code"] = with_code


@dataclass(frozen=True)
class Result:
    """One student's mark.

    student: the name to show.  stem: the name as a file's, see Submission.stem.  record: what `marking.mark` returned,
    also after a way through JSON.  finished: when it was marked, as text to show.
    """

    student: str
    stem: str
    record: dict
    finished: str = ""


def write(results, folder, week):
    """Write the reports on a class into a folder.

    results: Results, in the order in which they shall be listed.  Writes grades.csv, gradescope/STEM.json,
    html/index.html and html/students/STEM.html; each file is put in place whole, and those of students who are no
    longer among the results are removed.
    Raises ValueError when a stem is no plain name of a file, or two results have the same.
    """
    folder = Path(folder)
    results = list(results)
    _check_stems([result.stem for result in results])
    tests, students = folder / "gradescope", folder / "html" / "students"
    for path in (tests, students):
        path.mkdir(parents=True, exist_ok=True)
    page = _TEMPLATES.get_template("report_student.html.jinja")
    sheets = []
    for result in results:
        sheet = _sheet(result, week)
        _put(tests / f"{result.stem}.json", json.dumps(_gradescope(sheet), allow_nan=False, indent=1))
        _put(students / f"{result.stem}.html", page.render(sheet=sheet, week=week, statuses=_STATUSES, short=_short))
        for question in sheet["questions"]:
            question["case"] = None                                      # large, and the class does not need it
        sheets.append(sheet)
    _put(folder / "html" / "index.html", _class_page(sheets, week))
    _put(folder / "grades.csv", _grades(sheets, week))
    _remove_others(tests, {f"{result.stem}.json" for result in results})
    _remove_others(students, {f"{result.stem}.html" for result in results})


def gradescope(record):
    """A record as Gradescope's results.json has it (gradescope-autograders.readthedocs.io, "Output format"), a dict."""
    first = record["questions"][0]["name"]
    week = next(week for week, questions in WEEKS.items() if any(question.name == first for question in questions))
    return _gradescope(_sheet(Result("", "", record), week))


def explain(result, question_name):
    """The mark of one question as text for a terminal, with Python code that replays the smallest failing case.

    The text holds no control characters but line ends, whatever the student wrote.  Print it as it is, not as rich
    markup.
    Raises ValueError when the result has no mark for such a question, naming those it has.
    """
    question = find(question_name, missing=None)
    rows = {row["name"]: row for row in result.record["questions"]}
    if question is None or question_name not in rows:
        raise ValueError(f"explain: {_text(result.student, NAME)} has no mark for {question_name!r}; there are "
                         f"{', '.join(rows)}")
    text = _as_text(_question(question, rows[question_name]))
    first_error = _text(result.record["first_error"])
    if first_error and rows[question_name]["status"] != PASSED:
        text = f"The first error in the sheet: {first_error}\n{text}"
    case = rows[question_name].get("case")
    code = _replay(question, case) if case else ""
    return f"{_text(result.student, NAME)}\n{text}" + (f"\n\n{code}" if code else "")


# ---- one student's sheet, as what the templates show

def _sheet(result, week):
    """A record as plain texts and numbers that are bounded and printable.

    → student, stem, finished, status, reasons, reason (the same as one text), first_error ("" when all questions
    passed), total, max, and a list of questions, see `_question`.
    """
    record = result.record
    rows = {row["name"]: row for row in record["questions"]}
    questions = [_question(question, rows.get(question.name)) for question in WEEKS[week]]
    status = _text(record["status"], 40)
    lost = [f"{question['name']}: {question['problem'] or question['headline']}"
            for question in questions if not question["passed"]]
    reasons = list(filter(None, (_text(reason).strip() for reason in record["reasons"]))) or lost
    first_error = _text(record["first_error"]).strip() if lost else ""
    finished = _text(result.finished, 60).replace("T", " ").replace("+00:00", " UTC")
    return {"student": _text(result.student, NAME), "stem": result.stem, "finished": finished, "status": status,
            "reasons": reasons, "reason": join(reasons) or ("" if status == "ok" else status),
            "first_error": first_error, "questions": questions,
            "total": sum(question["score"] for question in questions),
            "max": sum(question["points"] for question in questions)}


def _question(question, row):
    """A row of a record, or None where the record has none.

    → name, title, asks, points, score, status, passed, headline, problem, line, mistake, hint, note, case.
    """
    row = row or {"status": "not marked", "score": None, "headline": "", "problem": "it was not marked", "case": None}
    status = _text(row["status"], 40)
    texts = {key: _text(row.get(key) or "") for key in ("headline", "problem", "line", "mistake", "hint", "note")}
    if texts["headline"] in ("", status):
        texts["headline"] = _HEADLINES.get(status, status)
    if status == "unanswered":
        texts["problem"] = ""                                            # it would say the same again
    return {"name": question.name, "title": question.title, "asks": question.asks, "points": question.points,
            "score": _number(row["score"]), "marked": row["score"] is not None, "status": status,
            "passed": status == PASSED, **texts, "case": _case(row["case"]) if row["case"] else None}


def _case(case):
    expected, got = case["expected"], case["got"]                        # a design has properties, and nothing expected
    scale = expected and _scale(expected) or got and _scale(got) or 0    # one scale, so that the two can be compared
    return {"inputs": [(_text(name, 60), _array(shown)) for name, shown in list(case["inputs"].items())[:ROWS]],
            "properties": [(_text(name), _text(wanted, 24), _text(has, 24), bool(right))
                           for name, wanted, has, right in case.get("properties", ())],
            "expected": _array(expected, scale) if expected else None,
            "got": _array(got, scale) if got else None}


def _array(shown, scale=None):
    """A value of a case: rows of (text, style of the cell), or just a text; and a note.

    The style says sign and size, n4 (very negative) to p4 (very positive), and "first" for the first cell that differs.
    """
    if not shown["cells"]:
        return {"rows": None, "text": _literal(shown["value"], shown.get("list")), "note": _text(shown["note"])}
    scale = scale or _scale(shown)
    rows = [[(_text(text, 24), _style(text, scale) + " first" * bool(first)) for text, first in row[:ROWS]]
            for row in shown["cells"][:ROWS]]
    return {"rows": rows, "text": "", "note": _text(shown["note"])}


def _scale(shown):
    """The largest finite absolute value among the cells."""
    sizes = [abs(_float(text)) for row in (shown["cells"] or ())[:ROWS] for text, _ in row[:ROWS]]
    return max(filter(math.isfinite, sizes), default=0)


def _style(text, scale):
    value = _float(text)
    if value == 0 or math.isnan(value) or not scale:
        return ""
    return ("p" if value > 0 else "n") + str(max(1, math.ceil(4 * min(abs(value) / scale, 1))))


def _float(text):
    try:
        return float(text[:24])
    except (TypeError, ValueError):
        return math.nan


def _text(value, limit=TEXT):
    """Text on one line, at most so many characters, none of them a control character."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    text = _short(text, limit)
    return text if text.isprintable() else show(text)


def _short(text, limit):
    return text if len(text) <= limit else text[:limit - 2] + " …"


def _number(value):
    """Points: 0 for anything but a finite number, and no decimals where there are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return 0
    return int(value) if value == int(value) else value


# ---- text: Gradescope and the terminal

def _as_text(question):
    return _TEMPLATES.get_template("report_question.txt.jinja").render(question=question, grid=_grid).rstrip()


def _grid(array):
    """An array as lines of right-aligned columns; a star before the first number that differs."""
    if array["rows"] is None:
        return array["text"]
    cells = [[("*" if "first" in style else "") + text for text, style in row] for row in array["rows"]]
    width = max((len(text) for row in cells for text in row), default=0)
    return "\n".join("  ".join(text.rjust(width) for text in row) for row in cells)


def _gradescope(sheet):
    output = _STATUSES.get(sheet["status"], sheet["status"])
    if sheet["status"] != "ok":
        output += f" {sheet['reason']}"
    elif sheet["first_error"]:
        output += f" The first error in the sheet: {sheet['first_error']}"
    return {
        "score": sheet["total"], "output": output, "output_format": "text", "test_output_format": "text",
        "test_name_format": "text",
        "tests": [{"name": question["name"], "score": question["score"], "max_score": question["points"],
                   "status": "passed" if question["passed"] else "failed", "output": _as_text(question)}
                  for question in sheet["questions"]],
    }


def _replay(question, case):
    """Python that makes the inputs of a case again, calls the student's function and compares."""
    if question.measure is None:
        values, begin, arguments = {**case["inputs"], "expected": case["expected"]}, [], ", ".join(case["inputs"])
        compare = ('print("expected", expected, "got", got, sep="\\n")',
                   f"print(np.shape(got) == np.shape(expected) and np.allclose(got, expected, {question.tolerance:g}, "
                   f"{question.tolerance:g}))")
    else:
        values, arguments = case["inputs"], "*arguments"
        begin = [f"arguments = ({''.join(f'{name}, ' for name in case['inputs'])})",
                 f"question = find({question.name!r})"]
        compare = ('print("expected", question.properties(question.reference(*arguments), arguments), "got", got, '
                   'sep="\\n")',
                   "print(question.right(got, arguments))")
    return "\n".join([
        "# To replay the case, run this behind the cells of the sheet. It calls the student's function: only where you",
        "# trust the notebook with all that you can do.",
        "import numpy as np", *["from cnnlib.grading.questions import find"] * bool(begin), "",
        *(_assignment(name, shown) for name, shown in values.items()), *begin,
        f"got = {question.name}({arguments})", "", *compare,
    ])


def _assignment(name, shown):
    if not shown["dtype"]:
        return f"{name} = {_literal(shown['value'], shown.get('list'))}"
    if shown["value"] is None:
        return f"{name} = ...  # {_text(shown['note'])}: not stored, because it is large or not finite"
    start = f"{name} = np.array("
    return f"{start}{_nested(shown['value'], len(start) + 1)}, dtype={_text(shown['dtype'], 20)!r})"


def _nested(value, indent):
    """A list of lists as Python, a row to a line, as NumPy shows it."""
    if not isinstance(value, (list, tuple)):
        return _literal(value)
    if any(isinstance(item, (list, tuple)) for item in value):
        return "[" + (",\n" + " " * indent).join(_nested(item, indent + 1) for item in value) + "]"
    return "[" + ", ".join(map(_literal, value)) + "]"


def _literal(value, is_list=False):
    """A number, text, tuple or list of them as Python."""
    if isinstance(value, float) and not math.isfinite(value):
        return "np.nan" if math.isnan(value) else "np.inf" if value > 0 else "-np.inf"
    if isinstance(value, (list, tuple)):
        return repr(list(value) if is_list else tuple(value))
    return repr(_text(value)) if isinstance(value, str) else repr(value)


# ---- grades.csv

def _grades(sheets, week):
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(["student", *(question.name for question in WEEKS[week]), "total", "max", "status", "reason"])
    for sheet in sheets:
        scores = [question["score"] if question["marked"] else "" for question in sheet["questions"]]
        writer.writerow([_cell(sheet["student"], 6 * NAME), *scores, sheet["total"], sheet["max"],
                         _cell(sheet["status"]), _cell(sheet["reason"])])
    return lines.getvalue()


def _cell(text, limit=REASON):
    """Text that no spreadsheet takes for a formula."""
    if text.startswith(("=", "+", "-", "@", "\t", "\r")):
        text = "'" + text
    return _short(text, limit)


# ---- the page of the class

def _class_page(sheets, week):
    """The page, with as many students as fit."""
    template = _TEMPLATES.get_template("report_class.html.jinja")
    facts = _facts(sheets, week)
    most = len(sheets)
    while True:
        page = template.render(**facts, week=week, most_listed=most, short=_short,
                               link=lambda sheet: f"students/{urllib.parse.quote(sheet['stem'], safe='')}.html")
        if len(page.encode()) <= PAGE or most == 0:
            return page
        most //= 2


def _facts(sheets, week):
    """What the page of the class says. Shares and means are of the sheets that could be read."""
    read = [sheet for sheet in sheets if sheet["status"] not in _UNREAD]
    totals = [sheet["total"] for sheet in read]
    highest = sum(question.points for question in WEEKS[week])
    questions = []
    for number, question in enumerate(WEEKS[week]):
        states = Counter(sheet["questions"][number]["status"] for sheet in read)
        questions.append({
            "name": question.name, "title": question.title, "points": question.points, "passed": states[PASSED],
            "wrong": states["wrong"], "error": states["error"], "stopped": sum(states[status] for status in _STOPPED),
            "unanswered": states["unanswered"] + states["not defined"]})
    named = Counter((question["mistake"], question["title"], question["name"])
                    for sheet in read for question in sheet["questions"] if question["mistake"])
    return {
        "sheets": sheets, "read": read, "max": highest, "questions": questions, "bars": _bars(totals, highest),
        "mistakes": named.most_common(MISTAKES), "kinds": len(named),
        "unnamed": sum(question["wrong"] for question in questions) - sum(
            question["status"] == "wrong" and bool(question["mistake"])
            for sheet in read for question in sheet["questions"]),
        "mean": statistics.fmean(totals) if totals else 0, "median": statistics.median(totals) if totals else 0,
        "full": sum(total == highest for total in totals),
        "persons": [sheet for sheet in sheets if sheet["status"] != "ok"],
        "statuses": sorted(Counter(sheet["status"] for sheet in sheets).items(), key=lambda item: item[0] != "ok")}


def _bars(totals, highest):
    """The histogram: (lowest total, highest total, how many) for each bar."""
    width = math.ceil((highest + 1) / BARS)
    counts = Counter(int(total // width) for total in totals)
    return [(low, min(low + width - 1, highest), counts[low // width]) for low in range(0, highest + 1, width)]


# ---- files

def _check_stems(stems):
    for stem in stems:
        if not stem or set(stem) & set('/\\\0'):
            raise ValueError(f"write: a stem must be a plain name of a file, got {stem[:100]!r}")
    twice = [stem for stem, count in Counter(stems).items() if count > 1]
    if twice:
        raise ValueError(f"write: each result needs a stem of its own, got {twice[0]!r} twice")


def _put(path, text):
    """Put a file in place whole: a reader sees the old one or the new one."""
    temporary = path.with_name(f".writing-{os.getpid()}")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    os.replace(temporary, path)


def _remove_others(folder, names):
    """Remove files of other students, and what a killed run left half written; nothing that is no report."""
    for path in folder.iterdir():
        if path.name not in names and (path.suffix in (".json", ".html") or path.name.startswith(".writing-")):
            path.unlink()
