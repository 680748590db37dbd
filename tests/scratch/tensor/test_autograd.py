"""The tape: gradients through graphs of many operations, and a Tensor that behaves as torch's where it has the name."""

import copy
import sys

import numpy as np
import pytest
import torch

from cnnlib.scratch import functional as F
from cnnlib.scratch.tensor import arithmetic, autograd
from cnnlib.scratch.tensor.autograd import Tensor, apply, cat, no_grad, stack, where
from cnnlib.testing import assert_close

rng = np.random.default_rng(0)
A, B, C = rng.normal(size=(3, 4)), rng.normal(size=(4, 5)), rng.normal(size=5)

# expressions in a (3, 4), b (4, 5) and c (5,), written once for both libraries
EXPRESSIONS = {
    "chain": lambda a, b, c, lib: ((a @ b + c) ** 2).mean(),
    "one tensor used often": lambda a, b, c, lib: (a * a + a - 2 * a / (1 + a.abs())).sum() * a.mean(),
    "numbers on the left": lambda a, b, c, lib: (1 - c).sum() + (2 / (c * c + 1)).sum() + (3 - a).mean(),
    "a diamond": lambda a, b, c, lib: (c.exp() * c.exp().log()).sum() - c.sum() / c.exp().sum(),
    "unused branch": lambda a, b, c, lib: (a @ b)[0, 0] + 0 * c.sum(),
    "joined": lambda a, b, c, lib: lib.cat([a @ b, c[None]], 0).amax(0).sum() + lib.stack([c, c * 2], 1).var(),
    "chosen": lambda a, b, c, lib: lib.where(c > 0, c, c * 0.1).sum() + a.clamp(-0.5, 0.5).sum(),
    "shapes": lambda a, b, c, lib: (a.T.reshape(2, 6).transpose(0, 1)[::2] * a.flatten()[:6].view(3, 2)).sum(),
    "broadcast": lambda a, b, c, lib: (b.unsqueeze(0) * a.unsqueeze(-1) + c).exp().sum((0, 2)).amax(),
    "an attention": lambda a, b, c, lib: ((a @ a.T).exp() / (a @ a.T).exp().sum(1, keepdim=True) @ a @ b).abs().mean(),
    "standardised": lambda a, b, c, lib: ((b - b.mean(1, keepdim=True)) / b.std(1, keepdim=True) * c)[1:].abs().sum(),
}


# function, arguments, keywords, what the message must hold
a, b = Tensor(A), Tensor(B)
BAD = [
    (Tensor, ("a",), {}, "Tensor: data must be numbers, got str"),
    (Tensor, (C + 1j,), {}, "Tensor: data must be numbers, got ndarray of dtype complex128"),
    (Tensor, ([1, 2],), {"requires_grad": True}, "Tensor: only floating-point tensors have gradients, got dtype int64"),
    (Tensor.split, (a, [1, 1]), {}, r"split: sizes must add up to 3, the size of axis 0, got \[1, 1\]"),
    (Tensor.unsqueeze, (a, 4), {}, "unsqueeze: dim must be from -3 to 2, got 4"),
    (Tensor.flatten, (a, 3), {}, "flatten: dim must be from -2 to 1, got 3"),
    (Tensor.reshape, (a, 5, -1), {}, r"reshape: an input of shape \(3, 4\) cannot get shape \(5, -1\)"),
    (apply, (F.leaky_relu, a), {"negative_slope": a}, "apply: leaky_relu must get the tensor negative_slope as"),
    (cat, ([a, b],), {}, "cat: shapes must agree except in axis 0"),
    (stack, ([a, b],), {}, "stack: shapes must agree"),
    (where, (a, 1.0, 0.0), {}, "where: condition must be an array of bool"),
    (autograd.maximum, (a, B), {}, "maximum: input of shape"),
    (autograd.minimum, (a, B), {}, "minimum: input of shape"),
]


class Lib:
    cat, stack, where = staticmethod(cat), staticmethod(stack), staticmethod(where)


def tensors(dtype=np.float64):
    arrays = [array.astype(dtype) for array in (A, B, C)]
    return [Tensor(x, requires_grad=True) for x in arrays], [torch.tensor(x, requires_grad=True) for x in arrays]


@pytest.mark.parametrize("name", EXPRESSIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_of_expressions_equal_torch(name, dtype):
    (a, b, c), (ta, tb, tc) = tensors(dtype)
    ours, theirs = EXPRESSIONS[name](a, b, c, Lib), EXPRESSIONS[name](ta, tb, tc, torch)
    ours.backward()
    theirs.backward()
    assert ours.dtype == dtype and ours.shape == tuple(theirs.shape)
    assert_close(ours, theirs, 1e-5 if dtype == np.float32 else 1e-12)
    for our, their in ((a, ta), (b, tb), (c, tc)):
        if their.grad is None:
            assert our.grad is None
        else:
            assert our.grad.dtype == dtype
            assert_close(our.grad, their.grad, 2e-5 if dtype == np.float32 else 1e-12)


def test_gradients_add_up_until_they_are_forgotten():
    (a, *_), (ta, *_) = tensors()
    for _ in range(2):
        (a * a).sum().backward()
        (ta * ta).sum().backward()
    assert_close(a.grad, ta.grad)
    a.grad = None
    a.sum().backward()
    assert_close(a.grad, np.ones((3, 4)))


def test_a_gradient_can_be_given():
    (a, b, _), (ta, tb, _) = tensors()
    gradient = rng.normal(size=(3, 5))
    (a @ b).backward(gradient)
    (ta @ tb).backward(torch.tensor(gradient))
    assert_close(a.grad, ta.grad)
    assert_close(b.grad, tb.grad)


def test_no_array_of_a_gradient_is_changed():
    (a, *_), _ = tensors()
    a.sum().backward()
    first, before = a.grad.data, np.array(a.grad.data)
    (a * 3).sum().backward()
    np.testing.assert_array_equal(first, before)


def test_deep_tapes_need_no_recursion():
    x = Tensor(np.ones(2), requires_grad=True)
    y = x
    for _ in range(5 * sys.getrecursionlimit()):
        y = y + 0.0
    y.sum().backward()
    assert_close(x.grad, np.ones(2))


def test_a_spent_tape_lets_go_and_says_so():
    (a, b, _), _ = tensors()
    y = a @ b
    z = y.sum()
    z.backward()
    assert y._node.backward is None
    with pytest.raises(ValueError, match="backward: the tape of sum was spent"):
        z.backward()
    with pytest.raises(ValueError, match="backward: the tape of matmul was spent"):
        (y * 2).sum().backward()


def test_backward_names_what_is_wrong():
    (a, *_), _ = tensors()
    with pytest.raises(ValueError, match=r"backward: a tensor of shape \(3, 4\) needs a gradient"):
        (a * 2).backward()
    with pytest.raises(ValueError, match=r"backward: gradient must have shape \(3, 4\), got \(4,\)"):
        (a * 2).backward(np.ones(4))
    with pytest.raises(ValueError, match="backward: this tensor has no tape"):
        Tensor(A).sum().backward()
    with pytest.raises(ValueError, match="no tape"):
        a.detach().sum().backward()


def test_nothing_is_recorded_within_no_grad_even_after_an_error():
    (a, *_), _ = tensors()
    with no_grad():
        assert not (a * 2).requires_grad and (a * 2)._node is None
        with no_grad():
            pass
        assert not (a * 2).requires_grad
    assert (a * 2).requires_grad
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert (a * 2).requires_grad


def test_retained_gradients_and_leaves():
    (a, b, _), (ta, tb, _) = tensors()
    y, ty = a @ b, ta @ tb
    y.retain_grad()
    ty.retain_grad()
    (y * y).sum().backward()
    (ty * ty).sum().backward()
    assert_close(y.grad, ty.grad)
    assert a.is_leaf and not y.is_leaf
    with pytest.raises(ValueError, match="retain_grad: this tensor has no gradient"):
        Tensor(A).retain_grad()
    with pytest.raises(ValueError, match="requires_grad_: this tensor was made of others"):
        y.requires_grad_(False)
    with pytest.raises(TypeError, match="requires_grad_: only floating-point tensors"):
        Tensor([1, 2]).requires_grad_()
    assert not a.requires_grad_(False).requires_grad


def test_apply_takes_any_pair_of_functions():
    def cube(x):
        return x ** 3

    def cube_backward(grad_output, x):
        return (3 * x ** 2 * grad_output,)

    x = Tensor(C, requires_grad=True)
    apply(cube, x, backward=cube_backward).sum().backward()
    assert_close(x.grad, 3 * C ** 2)
    with pytest.raises(TypeError, match="apply: cube has no cube_backward beside it"):
        apply(cube, x)
    assert_close(apply(cube, x.detach()), C ** 3)
    with pytest.raises(TypeError, match="apply: leaky_relu must get the tensor negative_slope as a positional"):
        apply(F.leaky_relu, x, negative_slope=Tensor(0.1))


@pytest.mark.parametrize(("answer", "message"), [
    (lambda g: g, "the backward of scale must return a tuple, got ndarray"),
    (lambda g: (g[:2],), r"gradient of shape \(2,\) and dtype float64 for input number 1, of shape \(5,\) and float64"),
    (lambda g: (g.astype(np.float32),), r"gradient of shape \(5,\) and dtype float32 for input number 1"),
    (lambda g: (), "the backward of scale returned 0 gradients, none for input number 1"),
])
def test_a_wrong_backward_is_named(answer, message):
    def scale(x):
        return 2 * x

    out = apply(scale, Tensor(C, requires_grad=True), backward=lambda grad_output, x: answer(grad_output))
    with pytest.raises((TypeError, ValueError), match=message):
        out.sum().backward()


def test_apply_passes_saved_and_what_is_needed():
    seen = []

    def product(x, y, *, saved=None):
        if saved is not None:
            saved["kept"] = x + y
        return x * y

    def product_backward(grad_output, x, y, *, saved=None, needs_input_grad=None):
        seen.append((saved["kept"].shape, needs_input_grad))
        return grad_output * y, None

    x = Tensor(C, requires_grad=True)
    apply(product, x, C, backward=product_backward).sum().backward()
    assert seen == [((5,), (True, False))]
    assert_close(x.grad, C)


@pytest.mark.parametrize(("ours", "theirs"), [
    (lambda t: t, lambda t: t), (lambda t: t > 0, lambda t: t > 0), (lambda t: t == t[0], lambda t: t == t[0]),
    (lambda t: t != 1, lambda t: t != 1), (lambda t: 0 <= t, lambda t: 0 <= t),
    (lambda t: (t > 0) & (t < 1), lambda t: (t > 0) & (t < 1)), (lambda t: ~(t > 0) | (t < -1),) * 2,
    (lambda t: t.argmax(1), lambda t: t.argmax(1)), (lambda t: t.argmin(), lambda t: t.argmin()),
    (lambda t: t.max(), lambda t: t.max()), (lambda t: t.min(), lambda t: t.min()), (lambda t: -t, lambda t: -t),
    (lambda t: abs(t), lambda t: abs(t)), (lambda t: (t > 0).sum(), lambda t: (t > 0).sum()),
    (lambda t: t.T, lambda t: t.T), (lambda t: t.masked_fill(t > 0, 7.0),) * 2, (lambda t: t.pow(3), lambda t: t ** 3),
])
def test_what_tensors_answer_equals_torch(ours, theirs):
    got, want = ours(Tensor(A)), theirs(torch.tensor(A))
    assert isinstance(got, Tensor) and got.dtype == want.numpy().dtype
    np.testing.assert_array_equal(got.data, want.numpy())


def test_attributes_equal_torch():
    ours, theirs = Tensor(A), torch.tensor(A)
    assert ours.shape == tuple(theirs.shape) and ours.size(1) == theirs.size(1) and ours.size() == tuple(theirs.size())
    assert (ours.ndim, ours.dim(), ours.numel(), len(ours)) == (theirs.ndim, theirs.dim(), theirs.numel(), len(theirs))
    assert ours[1, 2].item() == theirs[1, 2].item() and ours.tolist() == theirs.tolist()
    assert float(ours[0, 0]) == float(theirs[0, 0]) and int(Tensor(3.7)) == 3 and bool(Tensor(0.0)) is False
    assert [row.shape for row in ours] == [(4,)] * 3
    with pytest.raises(ValueError):
        bool(ours)


def test_arrays_and_numbers_on_either_side():
    x = Tensor(C.astype(np.float32), requires_grad=True)
    for value in (x + 1, 1 + x, x * 2.5, np.float64(2) * x, np.ones(5, np.float32) - x, x / np.arange(1, 6),
                  2 ** x, x @ np.ones(5, np.float32), np.ones((2, 5), np.float32) @ x, x * True):
        assert isinstance(value, Tensor) and value.dtype == np.float32 and value.requires_grad
    assert (Tensor([1, 2]) + 1).dtype == np.int64 and (Tensor([1, 2]) + 0.5).dtype == np.float32
    assert (np.ones(5) > Tensor(C)).dtype == bool
    with pytest.raises(TypeError):
        x + "1"
    with pytest.raises(TypeError, match="add: all arrays must have one dtype"):
        x + C


def test_numpy_functions_do_not_lose_the_tape():
    with pytest.raises(TypeError):
        np.exp(Tensor(C, requires_grad=True))
    np.testing.assert_array_equal(np.asarray(Tensor(C)), C)
    assert np.asarray(Tensor(C), dtype=np.float32).dtype == np.float32 and Tensor(C).numpy() is not None


@pytest.mark.parametrize(("statement", "message"), [
    ("x[0] = 1", r"x\[i\] = y would change .* write x = where"), ("x += 1", r"x \+= y would .* write x = x \+ y"),
    ("x -= 1", "x.data -= y for a parameter"), ("x *= 2", r"write x = x \* y"), ("x /= 2", "write x = x / y"),
    ("x **= 2", r"write x = x \*\* y"), ("x @= x", "write x = x @ y"),
])
def test_changes_in_place_are_refused(statement, message):
    with pytest.raises(TypeError, match=message):
        exec(statement, {"x": Tensor(np.ones((2, 2)))})


def test_zero_():
    x = Tensor(C, requires_grad=True)
    before = x.data
    with pytest.raises(TypeError, match="zero_: a tensor with requires_grad=True"):
        x.zero_()
    with no_grad():
        x.zero_()
    assert not np.any(x.data) and np.any(before)
    x.sum().backward()
    assert not np.any(x.grad.zero_().data)


def test_printing():
    x = Tensor([1.0, 2.0], requires_grad=True)
    assert repr(x) == "tensor([1., 2.], requires_grad=True)"
    assert repr(x * 2) == "tensor([2., 4.], from mul)"
    assert repr(Tensor(np.array(1.5))) == "tensor(1.5, dtype=float64)" and repr(Tensor([1, 2])) == "tensor([1, 2])"


def test_copies_are_deep_and_hashes_are_of_the_object():
    x = Tensor(C, requires_grad=True)
    y = copy.deepcopy(x)
    assert y.data is not x.data and y.requires_grad and len({x, y, x}) == 2


def test_the_tape_says_what_was_done():
    (a, b, _), _ = tensors()
    y = (a @ b).sum()
    assert y._node.name == "sum" and y._node.inputs[0]._node.name == "matmul"
    assert getattr(arithmetic, y._node.name) is arithmetic.sum


@pytest.mark.parametrize("function", [
    lambda x: np.stack([x, x]), lambda x: np.concatenate([x, x]), lambda x: np.dot(x, x), lambda x: np.sum(x),
    lambda x: np.where([True, False], x, x), lambda x: np.einsum("i,i->", x, x), lambda x: np.linalg.norm(x),
    lambda x: np.pad(x, 1), lambda x: np.clip(x, 0, 1), lambda x: np.exp(x), lambda x: np.mean(a=x),
], ids=range(11))
def test_numpys_functions_do_not_lose_a_gradient_in_silence(function):
    numbers = np.array([1.0, 2.0])
    with pytest.raises(TypeError, match=r"np\.\w+ of a tensor that has a gradient would lose it"):
        function(Tensor(numbers, requires_grad=True))
    np.testing.assert_array_equal(function(Tensor(numbers)), function(numbers))
