"""All questions, by week."""

from . import week1, week2, week3, week4, week5, week6

MODULES = {1: week1, 2: week2, 3: week3, 4: week4, 5: week5, 6: week6}
WEEKS = {week: module.QUESTIONS for week, module in MODULES.items()}

_RAISE = object()


def find(name, missing=_RAISE):
    """The question of this name; `missing`, or ValueError naming those there are, when there is none."""
    for questions in WEEKS.values():
        for question in questions:
            if question.name == name:
                return question
    if missing is not _RAISE:
        return missing
    known = ", ".join(question.name for questions in WEEKS.values() for question in questions)
    raise ValueError(f"check: no question is named {name!r}; there are {known}")
