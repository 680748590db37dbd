"""Mistakes that can be made in any question: found by how the wrong numbers follow from the right ones."""

import numpy as np

EVIDENCE = 3                 # wrong numbers, or cases of a wrong shape, that one of these must explain
NEAR = 0.01                  # of a case's largest number: right but for rounding; of a factor: 0 or 1


def close(got, expected, tolerance):
    """Elementwise: finite and within the tolerance."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.isfinite(got) & np.isfinite(expected) & (np.abs(np.subtract(got, expected, dtype=np.float64))
                                   <= tolerance * (1 + np.abs(expected)))


def mistake(answers, expected, tolerance):
    """→ (name, hint) of the first mistake that turns what was expected into the answers in every case, or None."""
    answers, expected = list(map(np.asarray, answers)), [np.asarray(want, dtype=np.float64) for want in expected]
    found = _shape(answers, expected) or _cut(answers, expected, tolerance)
    if found or not all(sorted(got.shape) == sorted(want.shape) for got, want in zip(answers, expected, strict=True)):
        return found
    if not all(np.isfinite(got).all() for got in answers):
        return _not_finite(answers)
    answers = [got.astype(np.float64) for got in answers]
    for name, hint, wrong_way in _NUMBERS:
        with np.errstate(all="ignore"):
            wrong = wrong_way(answers, expected)
        if all(made.shape == got.shape and close(got, made, tolerance).all()
               for made, got in zip(wrong, answers, strict=True)) and \
                sum(_differing(made, want, tolerance) for made, want in zip(wrong, expected, strict=True)) >= EVIDENCE:
            return name, hint
    return None


def _differing(made, want, tolerance):
    """How many numbers are not the same."""
    return made.size if made.shape != want.shape else np.count_nonzero(~close(made, want, tolerance))


# ---- shapes ----------------------------------------------------------------------------------------------------------

def _shape(answers, expected):
    """As many rows or columns too many in every case, or height and width of the output exchanged."""
    pairs = list(zip(answers, expected, strict=True))
    wrong = [(got, want) for got, want in pairs if got.shape != want.shape]
    if len(wrong) < EVIDENCE or any(got.ndim != want.ndim or got.ndim not in (1, 2) for got, want in pairs):
        return None
    if all(got.shape == want.shape[::-1] for got, want in pairs):
        if all(np.allclose(got, want.T, 1e-3, 1e-3) for got, want in pairs):
            return None                                                  # it is transposed, numbers and all
        return ("height and width of the output are exchanged",
                "Rows come from heights and columns from widths, in the image and in the kernel.")
    offsets = {tuple(int(d) for d in np.subtract(got.shape, want.shape)) for got, want in pairs}
    if len(offsets) > 1:
        return None
    words = ["number"] if answers[0].ndim == 1 else ["row", "column"]
    parts = [f"{abs(d)} {word}{'s' * (abs(d) > 1)} too {'many' if d > 0 else 'few'}"
             for d, word in zip(offsets.pop(), words, strict=True) if d]
    return f"the output has {' and '.join(parts)}", "Count the places for a small case on paper, the smallest there is."


def _cut(answers, expected, tolerance):
    """The right numbers, and in some cases fewer of them or more, along any axis."""
    pairs = list(zip(answers, expected, strict=True))
    wrong = [(got, want) for got, want in pairs if got.shape != want.shape]
    if len(wrong) < EVIDENCE or any(got.ndim != want.ndim for got, want in pairs):
        return None
    for got, want in pairs:
        both = tuple(slice(min(sides)) for sides in zip(got.shape, want.shape, strict=True))
        if got[both].size == 0 or not close(got[both], want[both], tolerance).all():
            return None
    if all(np.less_equal(got.shape, want.shape).all() for got, want in wrong):
        return ("the output ends too early",
                "All that is there is right, but the end is missing. Count the places for a small case on paper.")
    if all(np.greater_equal(got.shape, want.shape).all() for got, want in wrong):
        return ("the output goes on too far",
                "It begins right, but more follows than was asked for. Count the places for a small case on paper.")
    return None


# ---- numbers ---------------------------------------------------------------------------------------------------------

def _not_finite(answers):
    if sum(np.count_nonzero(~np.isfinite(got)) for got in answers) >= EVIDENCE:
        return ("some numbers are infinite or not numbers",
                "Something is divided by zero, or a root or logarithm is taken of a number that has none.")
    return None


def _each(change):
    """Of a change of one case's array, the change of all cases."""
    return lambda answers, expected: list(map(change, expected))


def _one_factor(answers, expected):
    if max(map(np.count_nonzero, expected)) < 2:                         # some factor fits any one number
        return expected
    got, want = (np.concatenate([array.ravel() for array in arrays]) for arrays in (answers, expected))
    return [array * (np.vdot(got, want) / np.vdot(want, want)) for array in expected]


def _factor_of_a_case(answers, expected):
    if min(map(np.count_nonzero, expected)) < 1 or np.median(list(map(np.count_nonzero, expected))) < 4:
        return expected
    factors = np.array([np.vdot(got, want) / np.vdot(want, want)
                        for got, want in zip(answers, expected, strict=True)])
    if (np.abs(factors) < NEAR).any() or np.mean(np.abs(factors - 1) > NEAR) <= 0.5:
        return expected                                                  # some are zeros, or most are right
    return [want * factor for want, factor in zip(expected, factors, strict=True)]


def _one_number(answers, expected):
    return [np.full_like(want, np.mean(got)) if want.size > 1 else want
            for got, want in zip(answers, expected, strict=True)]


def _nearly(answers, expected):
    """The answers themselves, where no number is far from its own right one."""
    near = all(got.shape == want.shape and
               np.abs(got - want).max(initial=0) <= NEAR * np.abs(want).max(initial=0)
               for got, want in zip(answers, expected, strict=True))
    return answers if near else expected


def _permuted(answers, expected):
    """The answers themselves, where each holds the numbers that were expected."""
    same = all(np.allclose(np.sort(got, axis=None), np.sort(want, axis=None), 1e-3, 1e-4)
               for got, want in zip(answers, expected, strict=True))
    return answers if same else expected


# Each gives what it would make of all cases: (answers, expected) → arrays. The first that fits is told.
_NUMBERS = [
    ("the result is all zeros",
     "Is the loop entered, and is its result stored in what you return? "
     "Or is it cut to whole numbers, or a sum of differences from a mean?",
     _each(np.zeros_like)),
    ("the sign is reversed", "Each number is right but for its sign. Look for a difference taken the wrong way round.",
     _each(np.negative)),
    ("rows and columns are exchanged", "The result is the transpose of what was asked. Which index is the row?",
     _each(lambda want: want.T if want.ndim == 2 else want)),
    ("the first axis runs backwards", "The order along the first axis is reversed. From which end do you count?",
     _each(lambda want: want[::-1] if want.ndim else want)),
    ("the last axis runs backwards", "The order along the last axis is reversed. From which end do you count?",
     _each(lambda want: want[..., ::-1] if want.ndim else want)),
    ("the result is turned by half a turn", "Both axes run backwards: is there a flip too many, or one too few?",
     _each(np.flip)),
    ("the numbers are cut to integers",
     "An array made from integers, or with an integer dtype, keeps only whole numbers. Give it a floating-point dtype.",
     _each(np.trunc)),
    ("negative numbers have become positive", "Is there an absolute value or a modulus that was not asked for?",
     _each(np.abs)),
    ("every number is squared", "The result is the square of what was asked. Is a square root missing?",
     _each(np.square)),
    ("every number is one too large", "Off by one: count a small case on paper.", _each(lambda want: want + 1)),
    ("every number is one too small", "Off by one: count a small case on paper.", _each(lambda want: want - 1)),
    ("the numbers are nearly right",
     "They are right to two digits or so: is something rounded, or kept in float16?", _nearly),
    ("the right numbers stand in the wrong order",
     "All numbers are there. Look at what is reshaped, transposed or stacked, and along which axis.", _permuted),
    ("every number is too large or too small by one factor",
     "The ratio of your result to the right one is the same everywhere. Is a normalisation missing, or done twice?",
     _one_factor),
    ("each case is too large or too small by a factor of its own",
     "Within a case the ratio of your result to the right one is the same everywhere, but it depends on the inputs. "
     "What do you divide by: a number of entries, a sum, a norm?", _factor_of_a_case),
    ("all numbers are the same", "Nothing depends on the place: is an index missing, or a sum taken over too much?",
     _one_number),
]
