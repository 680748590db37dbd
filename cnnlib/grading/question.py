"""A question: what is asked, the answer, the cases, the wrong turns and the honest other ways, in one place."""

import copy
import hashlib
import inspect
from dataclasses import dataclass, field

import numpy as np

from . import general

CASES = 20                   # random cases a check draws; half of them in float32
_QUESTIONS = f"{__package__}.questions"
KINDS = ("implement", "predict", "mend", "design")


@dataclass(frozen=True)
class Mistake:
    """A known wrong answer, and what a good tutor would say to it."""

    name: str
    hint: str
    function: object


@dataclass
class Question:
    """One question: of an exercise sheet, and of a chapter too if it is for practice.

    name: what the student defines; it is the question's id everywhere.  title, points ≥ 1.
    asks: what is asked, in a sentence or two; the text begins with it and every verdict repeats it.
    reference(*args): the answer.  cases(rng), or cases(rng, turn): the arguments of one random case; never square,
    never constant.  turn counts the cases of a draw, so that those of different kinds can take turns.
    tolerance: |got − expected| ≤ tolerance · (1 + |expected|).
    kind: "implement" a formula, "predict" numbers, "mend" a function that is wrong, or "design" something that has
    wanted properties.  minutes: of work.  level: 1 to 3.  practice: it stands in the chapter too, with its solution.
    text: the rest of what is asked, in Markdown.  hints: what the student sees → what helps.
    measure(answer, *args): the properties by which a design is judged, {property: number}; what else has the
    reference's properties is right too.  It raises ValueError for what cannot be measured.  Of the same arguments it
    gives the same properties in the same order, whatever the answer.
    forbids, needs: names that the answer may not use, and names of which it must use one, see `names.used`.
    """

    name: str
    title: str
    points: int
    asks: str
    reference: object
    cases: object
    tolerance: float = 1e-4
    kind: str = "implement"
    minutes: int = 10
    level: int = 1
    practice: bool = False
    text: str = ""
    hints: dict = field(default_factory=dict)
    measure: object = None
    forbids: tuple = ()
    needs: tuple = ()
    mistakes: list = field(default_factory=list)
    alternatives: dict = field(default_factory=dict)
    answer: object = None                    # the function of the solutions
    wrong: object = None                     # of a question of the kind "mend": the function that is given

    def solution(self, function):
        """Decorator: this function, as it is written, is the answer in the solutions."""
        self.answer = function
        return function

    def given(self, name, hint):
        """Decorator: this function is wrong and is to be mended. It is a known mistake as well."""
        def register(function):
            self.wrong = function
            return self.mistake(name, hint)(function)
        return register

    def mistake(self, name, hint, function=None):
        """This function is a known wrong answer; without one, a decorator."""
        def register(function):
            self.mistakes.append(Mistake(name, hint, function))
            return function
        return register(function) if function else register

    def accepted(self, name):
        """Decorator: this function is another right answer."""
        def register(function):
            self.alternatives[name] = function
            return function
        return register

    @property
    def version(self):
        """A hash of what decides the mark and the words about it: the numbers, the texts and the functions' sources."""
        parts = [self.name, self.title, self.points, self.asks, self.tolerance, CASES, self.forbids, self.needs,
                 _source(self.reference), _source(self.cases), _source(self.measure),
                 [(m.name, m.hint, _source(m.function)) for m in self.mistakes]]
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def draw_cases(self, seed=0, count=CASES):
        """`count` cases from the seed; every second one has its arrays in float32."""
        rng, in_turn = np.random.default_rng(seed), len(inspect.signature(self.cases).parameters) > 1
        drawn = [self.cases(rng, i) if in_turn else self.cases(rng) for i in range(count)]
        return [_cast(case, np.float32 if i % 2 else np.float64) for i, case in enumerate(drawn)]

    def numbers(self, answer, arguments):
        """What is compared of an answer to these arguments: its numbers, or the properties of a design.  → array

        Raises ValueError for a design that cannot be measured.
        """
        return np.asarray(answer) if self.measure is None else np.array(list(
            self.properties(answer, arguments).values()))

    def properties(self, answer, arguments):
        """The properties of a design.  → {property: float}.  Raises what `measure` raises, or ValueError."""
        answer = np.asarray(answer)
        if answer.dtype.kind not in "iuf":
            raise ValueError(f"real numbers were asked for, this has dtype {answer.dtype}")
        wide = np.array(answer, np.int64 if answer.dtype.kind in "iu" else np.float64)     # nothing overflows in it
        return {name: float(value) for name, value in self.measure(wide, *copy.deepcopy(arguments)).items()}

    def expected(self, arguments):
        """The right numbers, or properties, for these arguments.  → array"""
        return self.numbers(self.reference(*copy.deepcopy(arguments)), arguments)

    def same(self, got, expected):
        """Whether two answers are the same within the tolerance: shape and every number."""
        got, expected = np.asarray(got), np.asarray(expected)
        return got.shape == expected.shape and bool(np.all(general.close(got, expected, self.tolerance)))

    def numbers_of(self, mistake, arguments):
        """What a known mistake gives for these arguments.  → array, or None where it breaks on them"""
        try:
            return self.numbers(mistake.function(*copy.deepcopy(arguments)), arguments)
        except Exception:
            return None

    def _gives(self, mistake, arguments, answer):
        numbers = self.numbers_of(mistake, arguments)
        return numbers is not None and self.same(numbers, answer)

    def right(self, answer, arguments):
        """Whether this is a right answer to these arguments. What cannot be measured is none."""
        try:
            return self.same(self.numbers(answer, arguments), self.expected(arguments))
        except Exception:
            return False

    @property
    def has_rules(self):
        """Whether it matters which names an answer uses."""
        return bool(self.forbids or self.needs)

    def broken_rule(self, names):
        """What of `forbids` and `needs` an answer that uses these names does not keep, as a Mistake, or None."""
        forbidden = [name for name in self.forbids if name in names]
        if forbidden:
            return Mistake(f"it uses {_listed(forbidden, 'and')}, which is not allowed here",
                           f"Write it without {_listed(self.forbids, 'or')}: "
                           "neither in the answer nor in what it calls.", None)
        if self.needs and not any(name in names for name in self.needs):
            return Mistake(f"it does not use {_listed(self.needs, 'or')}",
                           "The question asks for this way, not only for the numbers.", None)
        return None

    def name_mistake(self, cases, answers, expected):
        """The first known mistake that gives what the student gave, in every case where the student gave numbers.

        answers: one array or None a case, as `numbers` makes it.  Returns a Mistake or None.
        """
        given = [i for i, answer in enumerate(answers) if answer is not None]
        if all(self.same(answers[i], expected[i]) for i in given):
            return None                                                  # nothing wrong among the numbers
        for mistake in self.mistakes:
            if all(self._gives(mistake, cases[i], answers[i]) for i in given):
                return mistake
        if self.measure is not None:                                     # the general ones are about arrays
            return None
        found = general.mistake([answers[i] for i in given], [expected[i] for i in given], self.tolerance)
        return found and Mistake(*found, None)


def _listed(names, word):
    """Names as `a`, `b` and `c`."""
    *first, last = [f"`{name}`" for name in names]
    return f"{', '.join(first)} {word} {last}" if first else last


def _source(function):
    """The source of a function and of the functions of the questions' files that it calls."""
    found, waiting = {}, [function]
    while waiting:
        function = waiting.pop()
        if not inspect.isfunction(function):
            found[id(function)] = getattr(function, "__qualname__", type(function).__qualname__)
        elif function.__code__ not in found:
            found[function.__code__] = inspect.getsource(function)
            names = set(function.__code__.co_names).union(*(
                code.co_names for code in function.__code__.co_consts if inspect.iscode(code)))
            called = [function.__globals__.get(name) for name in sorted(names)]
            waiting += [f for f in called if inspect.isfunction(f) and f.__module__.startswith(_QUESTIONS)]
    return list(found.values())


def _cast(arguments, dtype):
    return tuple(a.astype(dtype) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in arguments)
