"""Each fast form of convolution by itself, and the choice among them, give PyTorch's output and gradients."""

import numpy as np
import pytest
import torch
import torch.nn.functional as T

from cnnlib.scratch.fast import choose, depthwise, im2col, pointwise, rows
from cnnlib.testing import assert_close

NONE, ONE = ((0, 0), (0, 0)), (1, 1)
# form, x, w, stride, padding ((top, bottom), (left, right)), dilation, groups
CASES = [
    (pointwise, (2, 6, 9, 7), (4, 3, 1, 1), (2, 3), NONE, ONE, 2),
    (pointwise, (2, 3, 11, 13), (4, 3, 1, 1), ONE, NONE, ONE, 1),                            # many pixels
    (depthwise, (3, 5, 9, 7), (5, 1, 3, 2), ONE, ((1, 0), (0, 2)), ONE, 5),
    (depthwise, (3, 5, 9, 12), (5, 1, 2, 3), (3, 2), ((0, 2), (3, 1)), ONE, 5),
    (depthwise, (3, 5, 11, 8), (5, 1, 3, 2), (1, 2), ((2, 1), (0, 4)), (3, 2), 5),
    (depthwise, (3, 5, 11, 8), (5, 1, 3, 2), (2, 1), NONE, (1, 3), 5),
    (depthwise, (5, 3, 120, 110), (3, 1, 7, 5), ONE, ((3, 3), (2, 2)), ONE, 3),              # several blocks
    (rows, (3, 5, 9, 7), (4, 5, 3, 2), ONE, ((1, 0), (0, 2)), ONE, 1),
    (rows, (3, 6, 9, 12), (4, 3, 2, 3), (3, 2), ((0, 2), (3, 1)), ONE, 2),
    (rows, (40, 60, 9, 31), (20, 3, 3, 2), (2, 1), ((1, 1), (0, 0)), ONE, 20),
    (im2col, (3, 5, 9, 7), (4, 5, 3, 2), ONE, ((1, 0), (0, 2)), ONE, 1),
    (im2col, (3, 6, 9, 12), (4, 3, 2, 3), (3, 2), ((0, 2), (3, 1)), (2, 1), 2),
    (im2col, (3, 6, 14, 12), (4, 3, 4, 3), (2, 3), ((2, 1), (0, 4)), (3, 2), 2),
    (im2col, (2, 3, 60, 50), (4, 3, 3, 2), (1, 2), ((1, 1), (0, 1)), ONE, 1),
    (choose, (2, 6, 9, 7), (4, 3, 3, 2), ONE, ((-1, 2), (1, -2)), ONE, 2),
    (choose, (2, 3, 9, 7), (40, 3, 3, 2), ONE, ((-2, 0), (3, -1)), (1, 2), 1),
    (choose, (2, 3, 9, 8), (4, 3, 4, 2), (2, 2), ((1, -1), (0, 3)), ONE, 1),
    (choose, (2, 6, 11, 8), (4, 3, 6, 4), (3, 2), ((2, 0), (-1, 2)), ONE, 2),
    (choose, (2, 5, 9, 8), (5, 1, 3, 2), (2, 3), ((-1, 2), (1, -2)), ONE, 5),
    (choose, (2, 5, 9, 8), (5, 1, 3, 2), ONE, ((2, -2), (-1, 3)), (2, 3), 5),
    (choose, (2, 20, 9, 8), (3, 20, 3, 2), ONE, ((1, 0), (2, 1)), ONE, 1),                   # turned kernels
    (choose, (2, 16, 5, 6), (7, 16, 5, 6), ONE, NONE, ONE, 1),                               # a single window
    (choose, (2, 3, 1, 2), (4, 3, 3, 5), (2, 1), ((1, 1), (2, 3)), ONE, 1),                  # taps that see nothing
    (choose, (2, 3, 8, 9), (4, 3, 1, 1), (2, 3), ((1, 0), (0, -1)), ONE, 1),
]

BOTH = [(*case, dtype) for case in CASES for dtype in (np.float32, np.float64)]


@pytest.mark.parametrize("case", BOTH, ids=lambda case: f"{case[0].__name__.split('.')[-1]}-{case[1:-1]}")
def test_a_fast_form_equals_torch(case):
    form, *shapes, stride, padding, dilation, groups, dtype = case
    rng = np.random.default_rng(0)
    x, w, bias = (rng.normal(size=shape).astype(dtype) for shape in (*shapes, shapes[1][:1]))
    tensors = [torch.from_numpy(array).requires_grad_() for array in (x, w)]
    around = (*padding[1], *padding[0])
    theirs = T.conv2d(T.pad(tensors[0], around), tensors[1], torch.from_numpy(bias), stride, 0, dilation, groups)
    grad_output = rng.normal(size=theirs.shape).astype(dtype)
    expected = [theirs, *torch.autograd.grad(theirs, tensors, torch.from_numpy(grad_output))]
    options = stride, padding, dilation, groups
    ours = [form.forward(x, w, bias, *options),
            getattr(form, "backward_input", choose.backward_input)(grad_output, w, x.shape[2:], *options),
            form.backward_weight(grad_output, x, w.shape[2:], *options)]
    for our, their in zip(ours, expected, strict=True):
        scale = their.abs().max().item()                                 # of a sum of many numbers
        assert_close(our / scale, their / scale)
