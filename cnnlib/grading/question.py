"""A question: what is asked, the answer, the cases, the wrong turns and the honest other ways, in one place."""

import copy
import hashlib
import inspect
from dataclasses import dataclass, field

import numpy as np

CASES = 20                   # random cases a check draws; half of them in float32


@dataclass(frozen=True)
class Mistake:
    """A known wrong answer, and what a good tutor would say to it."""

    name: str
    hint: str
    function: object


@dataclass
class Question:
    """One question of an exercise sheet.

    name: what the student defines; it is the question's id everywhere.  title, points ≥ 1.
    asks: one sentence, what was asked.  reference(*args): the answer.
    cases(rng): the arguments of one random case; never square, never constant.
    tolerance: |got − expected| ≤ tolerance · (1 + |expected|).
    """

    name: str
    title: str
    points: int
    asks: str
    reference: object
    cases: object
    tolerance: float = 1e-4
    mistakes: list = field(default_factory=list)
    alternatives: dict = field(default_factory=dict)

    def mistake(self, name, hint):
        """Decorator: this function is a known wrong answer."""
        def register(function):
            self.mistakes.append(Mistake(name, hint, function))
            return function
        return register

    def accepted(self, name):
        """Decorator: this function is another right answer."""
        def register(function):
            self.alternatives[name] = function
            return function
        return register

    @property
    def version(self):
        """A hash of what decides the mark and the words about it: the numbers, the texts and the functions' sources."""
        parts = [self.name, self.title, self.points, self.asks, self.tolerance, CASES, _source(self.reference),
                 _source(self.cases), [(m.name, m.hint, _source(m.function)) for m in self.mistakes]]
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def draw_cases(self, seed=0, count=CASES):
        """`count` cases from the seed; every second one has its arrays in float32."""
        rng = np.random.default_rng(seed)
        return [_cast(self.cases(rng), np.float32 if i % 2 else np.float64) for i in range(count)]

    def same(self, got, expected):
        """Whether two answers are the same within the tolerance: shape and every number."""
        got, expected = np.asarray(got), np.asarray(expected)
        return got.shape == expected.shape and bool(np.all(close(got, expected, self.tolerance)))

    def name_mistake(self, cases, answers, expected):
        """The first known mistake that gives what the student gave, in every case where the student gave numbers.

        answers: one array or None a case.  Returns a Mistake or None.
        """
        given = [i for i, answer in enumerate(answers) if answer is not None]
        if all(self.same(answers[i], expected[i]) for i in given):
            return None                                                  # nothing wrong among the numbers
        for mistake in self.mistakes:
            try:
                if all(self.same(mistake.function(*copy.deepcopy(cases[i])), answers[i]) for i in given):
                    return mistake
            except Exception:                                            # this wrong way breaks on these inputs
                continue
        return _general_mistake([answers[i] for i in given], [expected[i] for i in given], self.tolerance)


def _source(function):
    """The source of a function and of the functions of its own file that it calls."""
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
            waiting += [f for f in called if inspect.isfunction(f) and f.__module__ == function.__module__]
    return list(found.values())


def close(got, expected, tolerance):
    """Elementwise: finite and within the tolerance."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.isfinite(got) & np.isfinite(expected) & (np.abs(np.subtract(got, expected, dtype=np.float64))
                                   <= tolerance * (1 + np.abs(expected)))


def _cast(arguments, dtype):
    return tuple(a.astype(dtype) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in arguments)


def _one_factor(answers, expected):
    if max(map(np.count_nonzero, expected)) < 2:                         # some factor fits any one number
        return expected
    got, want = (np.concatenate([array.ravel() for array in arrays]) for arrays in (answers, expected))
    factor = np.vdot(got, want) / np.vdot(want, want)
    return [want * factor for want in expected]


# Wrong in ways that any question can be wrong in: tried after the question's own list. Each gives what it would make of
# all cases.
_GENERAL = [
    ("the result is all zeros", "Is the loop entered, and is its result stored in what you return?",
     lambda answers, expected: [np.zeros_like(want) for want in expected]),
    ("the sign is reversed", "Each number is right but for its sign. Look for a difference taken the wrong way round.",
     lambda answers, expected: [-want for want in expected]),
    ("rows and columns are exchanged", "The result is the transpose of what was asked. Which index is the row?",
     lambda answers, expected: [want.T if want.ndim == 2 else want for want in expected]),
    ("the numbers are cut to integers",
     "An array made from integers, or with an integer dtype, keeps only whole numbers. Give it a floating-point dtype.",
     lambda answers, expected: [np.trunc(want) for want in expected]),
    ("every number is too large or too small by one factor",
     "The ratio of your result to the right one is the same everywhere. Is a normalisation missing, or done twice?",
     _one_factor),
]
_EVIDENCE = 3                # wrong numbers that one of these must explain: with fewer it may fit by chance


def _general_mistake(answers, expected, tolerance):
    answers, expected = list(map(np.asarray, answers)), [np.asarray(want, dtype=np.float64) for want in expected]
    if not all(got.shape in (want.shape, want.shape[::-1]) and np.isfinite(got).all()
               for got, want in zip(answers, expected, strict=True)):
        return None
    for name, hint, wrong_way in _GENERAL:
        with np.errstate(all="ignore"):
            wrong = wrong_way(answers, expected)
        if all(made.shape == got.shape and close(got, made, tolerance).all()
               for made, got in zip(wrong, answers, strict=True)) and \
                sum(_differing(made, want, tolerance) for made, want in zip(wrong, expected, strict=True)) >= _EVIDENCE:
            return Mistake(name, hint, wrong_way)
    return None


def _differing(made, want, tolerance):
    """How many numbers are not the same."""
    return made.size if made.shape != want.shape else np.count_nonzero(~close(made, want, tolerance))
