"""Bad input: every public function of cnnlib raises ValueError or TypeError that names what is wrong.

A new public function fails the last tests until it has its lines here, or in the table BAD of the test beside it; all
those tables run here. A layer may stand there itself (its `__init__`) or as an object (its `forward`).
"""

import importlib
import inspect
import pkgutil
import sys

import numpy as np
import pytest
import torch

import cnnlib
from cnnlib import data, figures, geometry, modes, testing, training
from cnnlib.blocks import DepthwiseSeparable
from cnnlib.generative import digit_classifier
from cnnlib.grading import Question, check, questions, sheet
from cnnlib.scratch import functional, groups, lenet, nn, quantization, signal
from cnnlib.scratch.functional import random
from cnnlib.scratch.nn.module import FunctionLayer
from cnnlib.scratch.tensor import autograd
from cnnlib.summary import Summary
from tests.paths import ROOT

x4, w4 = np.zeros((2, 3, 6, 5)), np.zeros((4, 3, 3, 2))
image, kernel = np.ones((5, 6)), np.ones((2, 3))


def one_figure(value):
    return figures.image_row([image], ["a picture"])[0], "A picture."


# function, arguments, keywords, what the message must hold
BAD = [
    (signal.correlate, (image, kernel, "half"), {}, "mode must be one of full, same, valid; got 'half'"),
    (signal.correlate, (image, kernel), {"boundary": "mirror"}, "boundary must be one of zero, circular"),
    (signal.correlate, (kernel, image), {}, "does not fit"),
    (signal.convolve, (image, np.ones(3)), {}, r"same number of axes, got x \(5, 6\), w \(3,\)"),
    (signal.convolve, (image, np.ones((0, 2))), {}, "w must have at least one axis and one element"),
    (signal.convolve, (np.array(["a"]), np.ones(1)), {}, "x must be real numbers"),
    (signal.match_template, (np.ones(5), np.ones(3)), {}, "must have 2 axes"),
    (signal.match_template, (kernel, image), {}, "larger than image"),
    (signal.convolution_matrix, (kernel, 5), {}, "w must have one axis"),
    (signal.convolution_matrix, (np.ones(3), 0), {}, "n must be at least 1, got 0"),
    (signal.convolution_matrix, (np.ones(3), 2.5), {}, "n must be an int, got 2.5"),
    (signal.convolution_matrix, (np.ones(3), 2, "valid"), {}, "needs n ≥ 3"),
    (signal.convolution_matrix_2d, (np.ones(3), (5, 5)), {}, "w must have two axes"),
    (signal.convolution_matrix_2d, (kernel, 5), {}, r"shape must be \(H, W\), got 5"),
    (signal.fft_convolve, (image, 1.0), {}, "w must have at least one axis"),
    (signal.circular_convolve, (kernel, image), {}, "larger than x"),
    (signal.frequency_response, (image, 4), {}, "size must be at least 6"),
    (groups.p4_lift, (x4, w4), {}, "square kernels"),
    (groups.p4_conv2d, (x4, np.zeros((2, 3, 4, 3, 3))), {}, r"input must be \(N, C, 4, H, W\)"),
    (groups.p4_conv2d, (np.zeros((1, 3, 4, 5, 5)), w4), {}, r"weight must be \(O, C, 4, k, k\)"),
    (groups.p4_rotate, (x4,), {}, r"must be \(N, C, 4, H, W\)"),
    (lenet.fit, (lenet.LeNet(), np.zeros((3, 1, 28, 28)), np.zeros(2)), {}, "got 3 and 2"),
    (lenet.train, (len, (image, image[:2]), None), {"epochs": 1}, r"data must have the same length ≥ 1, got \[5, 2\]"),
    (lenet.train, (len, (image,), None), {"epochs": 0}, "train: epochs must be at least 1, got 0"),
    (lenet.fit, (lenet.LeNet(), np.zeros((3, 1, 28, 28)), np.zeros(3)), {"epochs": 0}, "epochs must be at least 1"),
    (lenet.accuracy, (lenet.LeNet(), np.zeros((0, 1, 28, 28)), np.zeros(0)), {}, "got 0 and 0"),
    (lenet.LeNet(), (np.zeros((1, 3, 28, 28), np.float32),), {}, "conv2d: input has 3 channels"),
    (geometry.conv_output_size, (5, 7), {}, "covers 7 samples"),
    (geometry.conv_output_size, (5, 2.0), {}, "kernel_size must be an int, got 2.0"),
    (geometry.conv_output_size, (5, 2, 0), {}, "stride must be at least 1, got 0"),
    (geometry.same_padding, (0,), {}, "kernel_size must be at least 1, got 0"),
    (geometry.conv_macs, (5, (3, 3)), {}, "image_size must be two ints, got 5"),
    (signal.shift, (np.ones(3), 1, 1), {}, "at least two axes"),
    (signal.shift, (image, 1.5, 1), {}, "dy must be an int, got 1.5"),
    (signal.shift, (image, 1, 1, "wrap"), {}, "mode must be \"zero\" or \"circular\", got 'wrap'"),
    (testing.assert_close, ("a", "b"), {}, "ours must be numbers"),
    (data.photo, ("lena",), {}, "name must be one of .*got 'lena'"),
    (data.photo, ("china", 5), {}, r"size must be None or \(H, W\)"),
    (data.photo, ("china", (0, 5)), {}, r"size must be None or \(H, W\)"),
    (data.photos, (["china", "lena"], 9), {}, "name must be one of .*got 'lena'"),
    (data.photos, ("china", 9), {}, "names must be a list of names, got 'china'"),
    (data.photos, ([], 9), {}, r"names must be a list of names, got \[\]"),
    (data.mnist, (5,), {}, "root must be a folder's path, got 5"),
    (data.fashion_mnist, (None,), {}, "root must be a folder's path"),
    (data.cifar10, (3.5,), {}, "root must be a folder's path"),
    (training.fit, (torch.nn.Linear(2, 2), np.zeros((3, 2)), np.zeros(2)), {"epochs": 1}, "got 3 and 2"),
    (training.fit, (torch.nn.Linear(2, 2), np.zeros((3, 2)), np.zeros(3)), {"epochs": 0}, "epochs must be at least 1"),
    (training.accuracy, (torch.nn.Linear(2, 2), np.zeros((0, 2)), np.zeros(0)), {}, "got 0 and 0"),
    (figures.draw_image, (None, np.zeros(5)), {}, r"image must be \(H, W\) or \(H, W, 3\), got shape \(5,\)"),
    (figures.draw_weights, (None, np.zeros(5)), {}, r"weights must be \(H, W\), got shape \(5,\)"),
    (figures.image_row, ([image], ["a", "b"]), {}, "as many titles as images"),
    (figures.Span, (2, 1), {}, "low must be below high, got 2 and 1"),
    (figures.Span, (0, 1), {"frames": 1}, "frames must be at least 2"),
    (figures.Span, (0, 1), {"start": 3}, "start must lie in"),
    (figures.Span, (0, 1), {"step": 0}, "step must be positive"),
    (figures.sweep, (5,), {"caption": "A.", "x": [1]}, "draw must be a function, got 5"),
    (figures.sweep, (one_figure,), {"caption": "", "value": [1]}, "caption must be a sentence"),
    (figures.sweep, (one_figure,), {"caption": "A."}, "needs at least one control"),
    (figures.sweep, (one_figure,), {"caption": "A.", "value": []}, "value has no values"),
    (figures.sweep, (one_figure,), {"caption": "A.", "value": 5}, "value must be a list, range, dict or Span, got 5"),
    (figures.sweep, (one_figure,), {"caption": "A.", "value": range(61)}, "61 frames are more than 60"),
    (figures.sweep, (one_figure,), {"caption": "A.", "value": [1], "quality": 0}, "quality must be None or from 1"),
    (figures.sweep, (lambda x: None,), {"caption": "A.", "x": [1]}, r"draw must return \(figure, alt text\), got None"),
    (figures.sweep, (lambda x: (one_figure(1)[0], ""),), {"caption": "A.", "x": [1]}, "describe the picture"),
    (check, (5,), {}, "answer must be the function you defined, got int"),
    (check, (print,), {}, "no question is named 'print'; there are count_weights"),
    (check, (print,), {"seconds": 60}, "seconds must be above 0 and at most 20, got 60"),
    (sheet.mark_sheet, ("somewhere/homework.ipynb",), {},
     "one of week1.ipynb, week2.ipynb, week3.ipynb, week4.ipynb, week5.ipynb, week6.ipynb; got 'homework.ipynb'"),
    (sheet.mark_sheet, ("no/such/week1.ipynb",), {}, "cannot be read as a notebook"),
]


FOLDERS = ("scratch", "blocks", "architectures", "training", "interpret", "generative", "adversarial")
PATHS = [*ROOT.glob("tests/test_*.py"),
         *(path for name in FOLDERS for path in ROOT.glob(f"tests/{name}/**/test_*.py"))]
MODULES = [importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
           for path in sorted(PATHS) if path.stem != "test_errors"]
TABLES = [module for module in MODULES if hasattr(module, "BAD")]
OPERATIONS = [getattr(functional, name) for name in functional.__all__ if "_textbook" not in name]
ROWS = BAD + [row for module in TABLES if not hasattr(module, "test_bad_input_is_named") for row in module.BAD]


@pytest.mark.parametrize(("function", "args", "kwargs", "message"), ROWS,
                         ids=[f"{getattr(f, '__name__', type(f).__name__)}-{i}" for i, (f, *_) in enumerate(ROWS)])
def test_bad_input_is_named(function, args, kwargs, message):
    with pytest.raises((ValueError, TypeError), match=message) as error:
        function(*args, **kwargs)
    if function in OPERATIONS and message != "positional argument":      # which Python itself says
        assert str(error.value).startswith(f"{function.__name__}: ")


def test_a_mark_without_its_partner_is_named():
    import nbformat

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("### BEGIN SOLUTION\nx = 1")])
    with pytest.raises(ValueError, match="cell 0 has a SOLUTION mark without its partner"):
        sheet.make_sheet(notebook)


def test_assert_close_names_the_index_and_both_numbers():
    with pytest.raises(AssertionError, match=r"1 of 6 numbers differ.*first at \[1, 2\]: ours 9.0, theirs 1.0"):
        testing.assert_close(np.array([[1.0, 1, 1], [1, 1, 9]]), np.ones((2, 3)))
    with pytest.raises(AssertionError, match=r"shapes differ: ours \(3,\), theirs \(1, 3\)"):
        testing.assert_close(np.ones(3), np.ones((1, 3)))
    with pytest.raises(AssertionError, match="nan"):
        testing.assert_close(np.array([np.nan]), np.array([1.0]))
    testing.assert_close(torch.ones(3, requires_grad=True), np.ones(3))


# Public, but without arguments of their own to be wrong, or checked by what they hand their arguments to.
WITHOUT = {
    data.digits, data.imagenet_labels, digit_classifier, data.DataUnavailable, modes.in_mode, training.History,
    training.device, figures.use_style,
    figures.annotate_values, figures.mark_window, Question, DepthwiseSeparable, Summary, sheet.make_sheet,
    sheet.write_exercises,
    sheet.mark_namespace, autograd.Node, autograd.no_grad, autograd.replacing, quantization.Quantized, random.generator,
    nn.Identity, nn.Module, lenet.LeNet,
    # the formula of a norm, with which the fast one is compared
    functional.normalization.standardize_textbook, functional.normalization.standardize_backward_textbook,
}


def public_functions():
    for module in pkgutil.walk_packages(cnnlib.__path__, "cnnlib."):
        if module.name.endswith("__main__"):
            continue
        loaded = importlib.import_module(module.name)
        for name, value in vars(loaded).items():
            if not name.startswith("_") and (inspect.isfunction(value) or inspect.isclass(value)) and \
                    value.__module__ == module.name:
                yield module.name, name, value


INTERNAL = {"cnnlib.grading.question", "cnnlib.grading.check", "cnnlib.grading.questions", "cnnlib.figures.sweep",
            "cnnlib.torchvision_compat", "cnnlib.checks", "cnnlib.summary.costs", "cnnlib.summary.receptive_field",
            "cnnlib.tensors", "cnnlib.interpret.probing", *(f"{part}.{module.name}"
                                for part in ("cnnlib.scratch.fast", "cnnlib.scratch.from_torch")
                                for module in pkgutil.iter_modules(sys.modules[part].__path__)),
            # the questions, and what a test of theirs would find wrong
            *(module.name for module in pkgutil.walk_packages(questions.__path__, f"{questions.__name__}.")),
            # the grader refuses nothing that is handed in: tests/grading gives it what is wrong, and worse
            *(f"cnnlib.grading.{name}" for name in ("general", "gradescope", "index", "marking", "names", "submission",
                                                    "text", "verdict")),
            *(f"cnnlib.grading.sandbox.{name}" for name in ("bubblewrap", "errors", "files", "inside", "process",
                                                            "seccomp", "trusting")),
            *(f"cnnlib.grading.batch.{name}" for name in ("attempt", "cluster", "commands", "pool", "progress",
                                                          "reports", "store"))}
# These are reached through the names that the packages export, and tested beside them.


def functions_with_bad_input():
    """Those of the table above and of the tables beside the other tests; of a layer, its class."""
    functions = [row[0] for table in [BAD, *(module.BAD for module in TABLES)] for row in table]
    return {id(type(f) if isinstance(f, torch.nn.Module) else f) for f in functions}


def test_every_public_function_is_here():
    tested = functions_with_bad_input() | set(map(id, WITHOUT))
    missing = [f"{module}.{name}" for module, name, value in public_functions()
               if id(value) not in tested and module not in INTERNAL
               # the tests of the engine give every backward a gradient of a wrong shape
               and not (module.startswith("cnnlib.scratch") and name.endswith("_backward"))
               # and test_nn.py each of these layers what its function refuses
               and not (inspect.isclass(value) and issubclass(value, FunctionLayer))]
    assert not missing, f"no bad input is tested for {missing}"


def test_every_public_function_has_a_docstring_that_says_what_is_raised():
    tested = functions_with_bad_input()
    for module, name, value in public_functions():
        assert value.__doc__, f"{module}.{name} has no docstring"
        if id(value) in tested and inspect.isfunction(value) and not name.endswith("_backward"):
            assert "Raise" in value.__doc__ or "see `" in value.__doc__, f"{module}.{name} does not say what it raises"
