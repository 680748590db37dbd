"""What `check` says, and what it survives."""

import threading
import time

import numpy as np
import pytest

from cnnlib.grading import Question, check
from cnnlib.grading.questions import find
from cnnlib.grading.verdict import as_numbers
from cnnlib.scratch import signal
from tests.grading import own


def valid(x, w):
    """The right answer to correlate2d_valid, as it may be written."""
    return np.einsum("ijuv,uv->ij", np.lib.stride_tricks.sliding_window_view(x, w.shape), w)


NUMBER = Question("number", "A number", 1, "A number.", reference=lambda: 1.0, cases=lambda rng: ())


def test_a_pass_promises_no_more_than_it_knows():
    def correlate2d_valid(x, w):
        return valid(x, w)
    verdict = check(correlate2d_valid)
    assert verdict.passed and verdict.headline == "passed on 20 random cases"
    assert "passed on 20 random cases" in verdict._repr_html_() and "correct" not in repr(verdict)


def test_a_wrong_answer_shows_the_smallest_case_the_first_difference_and_the_mistake():
    def correlate2d_valid(x, w):
        return valid(x, w[::-1, ::-1])
    verdict = check(correlate2d_valid)
    assert verdict.status == "wrong" and verdict.mistake.name == "the kernel is flipped"
    text = repr(verdict)
    assert "Asked:" in text and "The mistake: the kernel is flipped." in text and "Hint: This is convolution." in text
    got = signal.correlate(verdict.case.inputs["x"], verdict.case.inputs["w"][::-1, ::-1])
    place = verdict.case.where
    assert f"The first is at {list(place)}: got {got[place]:.6g}" in text
    html = verdict._repr_html_()
    assert "outline:2px solid" in html and html.count("<table") == 4


def test_a_wrong_answer_that_nobody_foresaw_is_rejected_without_a_name():
    def correlate2d_valid(x, w):
        return valid(x, w) + np.arange(x.shape[1] - w.shape[1] + 1)
    verdict = check(correlate2d_valid)
    assert verdict.status == "wrong" and verdict.mistake is None


@pytest.mark.parametrize(("wrong", "name"), [
    (lambda out: -out, "the sign is reversed"),
    (lambda out: out.T, "rows and columns are exchanged"),
    (lambda out: out * 3, "every number is too large or too small by one factor"),
    (lambda out: out.astype(int), "the numbers are cut to integers"),
    (lambda out: out * 0, "the result is all zeros"),
])
def test_mistakes_of_any_question_are_named(wrong, name):
    def correlate2d_valid(x, w):
        return wrong(valid(x, w))
    assert check(correlate2d_valid).mistake.name == name


@pytest.mark.parametrize("answers", [
    lambda right, rng: rng.normal(),                                     # a random wrong number each time
    lambda right, rng: 2 * right if right > 50 else None,                # in one or two cases, by chance …
    lambda right, rng: -right if right > 50 else None,
    lambda right, rng: np.trunc(right) if right > 50 else None,
    lambda right, rng: 0 if right > 50 else None,
], ids=["random", "twice", "reversed", "cut", "zero"])
def test_a_wrong_number_is_not_told_a_falsehood(answers):
    rng = np.random.default_rng(3)
    expected = [np.asarray(10.5 * number) for number in range(1, 7)]     # the last two are above 50
    given = [answers(right, rng) for right in expected]
    cases = [()] * len(expected)
    assert NUMBER.name_mistake(cases, given, expected) is None
    assert NUMBER.name_mistake(cases, [answers(right, rng) for right in expected[4:5]], expected[4:5]) is None


@pytest.mark.parametrize("factor", [2, 0.3, -1.7])
def test_a_single_number_has_no_factor_but_it_may_have_a_sign(factor):
    expected = [np.asarray(10.5 * number) for number in range(1, 7)]
    cases = [()] * len(expected)
    assert NUMBER.name_mistake(cases, [factor * right for right in expected], expected) is None
    assert NUMBER.name_mistake(cases, [-right for right in expected], expected).name == "the sign is reversed"


def test_one_factor_is_the_same_in_all_cases():
    expected = [np.arange(1.0, 4 + number) for number in range(3)]
    cases = [()] * len(expected)
    one = NUMBER.name_mistake(cases, [3 * right for right in expected], expected)
    assert one.name == "every number is too large or too small by one factor"
    own = NUMBER.name_mistake(cases, [right * right.size for right in expected], expected)
    assert own.name == "each case is too large or too small by a factor of its own"


@pytest.mark.parametrize("rough", [lambda out: np.round(out, 1), lambda out: np.float16(out / 7) * np.float64(7)])
def test_rounded_numbers_are_nearly_right_and_not_in_the_wrong_order(rough):
    expected = [np.linspace(-9.3, 47.7, 7 + number) for number in range(4)]
    cases = [()] * len(expected)
    found = NUMBER.name_mistake(cases, [rough(right) for right in expected], expected)
    assert found.name == "the numbers are nearly right" and "float16" in found.hint
    found = NUMBER.name_mistake(cases, [np.roll(right, 3) for right in expected], expected)
    assert found.name == "the right numbers stand in the wrong order"
    assert NUMBER.name_mistake(cases, [right + 0.03 * 47.7 for right in expected], expected) is None
    one = [np.append(right[:-1], right[-1] + 0.1) for right in expected]
    assert NUMBER.name_mistake(cases[:2], one[:2], expected[:2]) is None                     # two numbers are too few


def test_small_numbers_are_not_nearly_right_because_they_are_small():
    expected = [np.linspace(0.002, 0.009, 7 + number) for number in range(4)]
    assert NUMBER.name_mistake([()] * 4, [0.05 * np.sqrt(right) for right in expected], expected) is None


def test_zeros_and_right_cases_are_no_factors():
    expected = [np.arange(1.0, 9 + number) for number in range(6)]
    cases = [()] * len(expected)
    for factors in ([3, 2, 0, 4, 5, 6], [1, 1, 1, 1, 2, 3], [1, 1, 1, 2, 3, 4]):
        given = [right * factor for right, factor in zip(expected, factors, strict=True)]
        assert NUMBER.name_mistake(cases, given, expected) is None
    given = [right * factor for right, factor in zip(expected, [1, 1, 2, 3, 4, 5], strict=True)]
    assert NUMBER.name_mistake(cases, given, expected).name.startswith("each case is too large or too small")


def test_only_a_table_has_rows_and_columns():
    expected = [np.arange(24.0).reshape(2, 3, 4) + number for number in range(3)]
    other = NUMBER.name_mistake([()] * 3, [right.T for right in expected], expected)
    assert other.name == "the right numbers stand in the wrong order"
    expected = [right[0] for right in expected]
    exchanged = NUMBER.name_mistake([()] * 3, [right.T for right in expected], expected)
    assert exchanged.name == "rows and columns are exchanged"


@pytest.mark.parametrize(("wrong", "name"), [
    (lambda right, n: right[:, :3 - n % 2], "the output ends too early"),            # a column, of some
    (lambda right, n: right[:3 - n, :4 - n], "the output ends too early"),
    (lambda right, n: np.pad(right, [(0, n), (0, 0)], constant_values=5), "the output goes on too far"),
    (lambda right, n: right[n % 2:, :4 - n % 2] + n % 2, None),                          # other numbers
    (lambda right, n: right[:, n:], None),                                               # it begins too late
    (lambda right, n: right[:3 - n] if n else np.pad(right, [(0, 1), (0, 0)]), None),    # now too few, now too many
], ids=["columns", "both", "longer", "numbers", "late", "mixed"])
def test_a_right_output_that_is_cut_or_prolonged_is_named(wrong, name):
    expected = [np.arange(1.0, 13).reshape(3, 4) * (n + 1) for n in range(3)] * 2
    found = NUMBER.name_mistake([()] * 6, [wrong(right, n % 3) for n, right in enumerate(expected)], expected)
    assert (found and found.name) == name
    assert NUMBER.name_mistake([()] * 2, [right[:2] if n else right[:, :3] for n, right in enumerate(expected[:2])],
                               expected[:2]) is None                     # two cases are too few


def test_an_answer_may_return_the_same_array_each_time():
    out = {}

    def correlate2d_valid(x, w):
        right = valid(x, w)
        out.setdefault("array", np.empty(10_000))[:right.size] = right.ravel()
        return out["array"][:right.size].reshape(right.shape)

    def count_weights(*sizes):
        numbers = out.setdefault("list", [0, 0])
        numbers[:] = find("count_weights").reference(*sizes)
        return numbers
    assert check(correlate2d_valid).passed and check(count_weights).passed


def test_unanswered_is_no_error_and_names_an_earlier_answer_that_is_missing():
    def correlate2d_valid(x, w):
        raise NotImplementedError

    def correlate2d(x, w, mode):
        return correlate2d_valid(x, w)
    assert check(correlate2d_valid).status == "unanswered"
    verdict = check(correlate2d)
    assert verdict.status == "unanswered" and "`correlate2d_valid`, which is not answered" in repr(verdict)
    assert "not answered yet" in verdict._repr_html_()


def test_an_exception_is_shown_with_the_students_line():
    def correlate2d_valid(x, w):
        out = np.zeros(3)
        return np.linalg.inv(out)            # the line that is at fault
    verdict = check(correlate2d_valid)
    assert verdict.status == "error"
    assert "LinAlgError" in repr(verdict) and "return np.linalg.inv(out)" in repr(verdict)
    assert "return np.linalg.inv(out)" in verdict._repr_html_()


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, MemoryError, RecursionError, GeneratorExit])
def test_an_answer_cannot_end_the_check(error):
    def correlate2d_valid(x, w):
        raise error("enough")
    assert error.__name__ in repr(check(correlate2d_valid))


def test_an_exception_whose_text_raises_is_shown():
    class Hostile(Exception):
        def __str__(self):
            raise RuntimeError

    def correlate2d_valid(x, w):
        raise Hostile
    assert "Hostile" in repr(check(correlate2d_valid))


def test_what_a_student_writes_is_escaped():
    def correlate2d_valid(x, w):
        raise ValueError("<script>alert(1)</script>")
    html = check(correlate2d_valid)._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html


def test_an_endless_answer_is_stopped_even_when_it_catches_everything():
    over = threading.Event()

    def correlate2d_valid(x, w):
        while not over.is_set():
            try:
                sum(range(1000))
            except BaseException:  # noqa: S110, B036  an answer that will not be stopped
                pass
    start = time.monotonic()
    verdict = check(correlate2d_valid, seconds=0.5)
    assert verdict.status == "timeout" and time.monotonic() - start < 5
    assert "After 0.5 seconds 0 of 20 cases" in repr(verdict)
    over.set()


def test_a_slow_answer_ends_when_it_is_asked_to():
    def correlate2d_valid(x, w):
        while True:
            sum(range(100))
    check(correlate2d_valid, seconds=0.3)
    deadline = time.monotonic() + 5
    while any(t.name == "check correlate2d_valid" for t in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(t.name == "check correlate2d_valid" for t in threading.enumerate())


def test_inputs_are_fresh_for_each_call():
    seen = []

    def correlate2d_valid(x, w):
        seen.append(np.abs(x).sum())
        out = valid(x, w)
        x[:] = 0
        return out
    verdict = check(correlate2d_valid)
    assert not verdict.passed and "changes its input `x`" in repr(verdict) and all(seen)


def test_a_lambda_is_found_by_its_name_here():
    namespace = {"check": check, "valid": valid}
    exec("correlate2d_valid = lambda x, w: valid(x, w)\nverdict = check(correlate2d_valid)", namespace)
    assert namespace["verdict"].passed


@pytest.mark.parametrize(("value", "problem"), [
    (None, "nothing"), ("text", "a str"), ({1: 2}, "a dict"), (True, "a bool"), ([[1], [1, 2]], "not an array"),
    (np.array([1j]), "complex"), (np.array(["a"]), "real numbers"), (np.array([None]), "real numbers"),
    ([True, False], "real numbers"),
])
def test_what_is_no_number_is_said(value, problem):
    array, message = as_numbers(value)
    assert array is None and problem in message


def test_an_argument_that_is_none_is_shown(monkeypatch):
    own.ask(monkeypatch, Question(
        "shift", "A bias that may be left out", 1, "Write `shift(x, bias)`.",
        cases=lambda rng: (rng.normal(size=3), None),
        reference=lambda x, bias: x if bias is None else x + bias))

    def shift(x, bias):
        return x + 1
    verdict = check(shift)
    assert verdict.failed and "<code>None</code>" in verdict._repr_html_() and "None" in repr(verdict)


@pytest.mark.parametrize("value", [1, 2.5, np.float32(3), [1, 2], (1.0, 2), np.ones((2, 3), np.int8)])
def test_numbers_of_any_kind_are_taken(value):
    array, message = as_numbers(value)
    assert message is None and array.shape == np.shape(value)


def test_seeds_draw_other_cases():

    question = find("correlate2d_valid")
    first, again, other = (question.draw_cases(seed)[0][0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or (first != other).any()


def test_large_results_are_shown_around_the_first_difference():
    from cnnlib.grading.verdict import table

    array = np.arange(30 * 40.0).reshape(30, 40)
    cells, note = table(array, (25, 33))
    marked = [text for row in cells for text, first in row if first]
    assert marked == ["1033"] and len(cells) == 9 and "rows from" in note
    cells, note = table(np.zeros((4, 5, 6)), (2, 1, 3))
    assert "plane [2]" in note


KINDS = [                                # a question, and a kind of case by which a wrong answer is found
    ("output_sizes", lambda n, k: n == k), ("output_sizes", lambda n, k: k == 1),
    ("output_sizes", lambda n, k: k > n), ("output_sizes", lambda n, k: k % 4 == 0),
    ("convolve1d_full", lambda x, w: len(x) == 1), ("convolve1d_full", lambda x, w: len(w) == 1),
    ("correlate2d", lambda x, w, mode: mode == "same" and min(np.subtract(w.shape, x.shape)) > 0),
    ("correlate2d", lambda x, w, mode: mode == "full" and min(np.subtract(w.shape, x.shape)) > 0),
    ("toeplitz_matrix", lambda w, n: len(w) == 1), ("toeplitz_matrix", lambda w, n: n == 1),
    ("binomial_kernel", lambda times: times == 1),
    ("doubly_block_toeplitz", lambda w, *sides: min(np.subtract(w.shape, sides)) > 0),
    ("correlate_adjoint", lambda y, w, stride, *sides: stride == 3),
    ("correlate_adjoint", lambda y, w, stride, *sides: min(w.shape) == 1),
    ("correlate_adjoint", lambda y, w, stride, *sides: stride > min(w.shape)),
    ("correlate_adjoint", lambda y, w, stride, *sides: any(np.subtract(sides, w.shape) % stride)),
]


@pytest.mark.parametrize(("name", "kind"), KINDS, ids=[f"{name}-{i}" for i, (name, _) in enumerate(KINDS)])
def test_every_draw_has_the_kinds_of_cases_that_tell(name, kind):
    for seed in range(21):
        assert any(kind(*case) for case in find(name).draw_cases(seed)), seed
