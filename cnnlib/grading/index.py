"""All questions on one page of the book, `chapters/reference/questions.md`; `make exercises` writes it."""

from .question import KINDS
from .text import LEVELS, label_of


def questions_page(weeks):
    """The page, in Markdown.

    weeks: of each week (heading, link to its sheet, notebooks); of each notebook (title, link or None, questions).
    A week without questions is left out.  No answer and no hint is on the page.
    """
    weeks = [(heading, sheet, [part for part in notebooks if part[2]]) for heading, sheet, notebooks in weeks]
    weeks = [week for week in weeks if week[2]]
    rows, parts = [], []
    for heading, sheet, notebooks in weeks:
        questions = [question for *_, asked in notebooks for question in asked]
        rows.append(_row(f"[{heading}]({sheet})", *_sums(questions)))
        parts.append(_week(heading, sheet, notebooks, questions))
    everything = [question for *_, notebooks in weeks for *_, asked in notebooks for question in asked]
    rows.append(_row("all", *_sums(everything)))
    return "\n\n".join([_FRONT, _table("week", "questions", "minutes", "points", rows), *parts]) + "\n"


_FRONT = """\
# All questions

Each question of the sheets, under the notebook whose topic it asks about, with its number on the sheet. *Implement* a
formula, *predict* numbers without running the thing itself, *mend* a function that is wrong, *design* something that is
judged by a wanted property. The difficulty goes from ● to ●●●, the minutes are those of work. What is marked *practice*
stands in the notebook too, with hints and a folded answer: its title leads there. All others are graded only, and their
answers stand nowhere in the book. `make exercises` writes this page from the questions."""


def _week(heading, sheet, notebooks, questions):
    numbers = {question.name: number for number, question in enumerate(questions, start=1)}
    parts = [f"## {heading}"]
    for title, link, asked in notebooks:
        notebook = f"[the notebook]({link})" if link else "the notebook"
        rows = []
        for question in asked:
            name = f"[{question.title}](#{label_of(question)})" if question.practice else question.title
            rows.append(_row(f"{numbers[question.name]} · {name}", f"{question.kind} {LEVELS[question.level]}",
                             question.minutes, f"{question.points}{', practice' if question.practice else ''}"))
        parts += [f"### {title}", f"Asked on [the sheet]({sheet}), explained in {notebook}.",
                  _table("question", "kind, level", "minutes", "points", rows)]
    rows = [_row(kind, *_sums([q for q in questions if q.kind == kind])) for kind in KINDS]
    rows.append(_row("all", *_sums(questions)))
    rows.append(_row("of these practice", *_sums([q for q in questions if q.practice])))
    return "\n\n".join([*parts, f"### {heading.partition(' · ')[0]} by kind",
                        _table("kind", "questions", "minutes", "points", rows)])


def _sums(questions):
    """→ how many, their minutes, their points"""
    return len(questions), sum(q.minutes for q in questions), sum(q.points for q in questions)


def _row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _table(*head_and_rows):
    *head, rows = head_and_rows
    return "\n".join([_row(*head), "|" + "---|" * len(head), *rows])
