"""Pools: against torch's own, against the NumPy twins, and on a photograph against what they are made to cure."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import binom
from torch import nn

from cnnlib.blocks import BlurPool2d, FractionalMaxPool2d, LPPool2d, MaxBlurPool2d, StochasticPool2d
from cnnlib.data import photo
from cnnlib.scratch import functional
from cnnlib.scratch.functional import fractional_max_pool2d
from cnnlib.scratch.ops import stochastic_pool2d, stochastic_pool2d_backward
from cnnlib.testing import assert_close
from tests.architectures.same import assert_same_in_numpy

x4 = torch.zeros(2, 3, 6, 5)
BAD = [
    (BlurPool2d, (0,), {}, "BlurPool2d: channels must be at least 1, got 0"),
    (BlurPool2d, (3, 3, 1.5), {}, "BlurPool2d: stride must be an int, got 1.5"),
    (BlurPool2d(4), (x4,), {}, r"BlurPool2d: input must be \(N, 4, H, W\), got shape \(2, 3, 6, 5\)"),
    (BlurPool2d(3, 11), (x4,), {}, "BlurPool2d: input must be .* with H ≥ 6, W ≥ 6, got shape"),
    (MaxBlurPool2d, (3, 0), {}, "MaxBlurPool2d: pool_size must be at least 1, got 0"),
    (MaxBlurPool2d(4), (x4,), {}, r"MaxBlurPool2d: input must be \(N, 4, H, W\), got shape \(2, 3, 6, 5\)"),
    (MaxBlurPool2d(3, 2, 3), (x4[..., :2],), {}, "MaxBlurPool2d: input must be .* with H ≥ 3, W ≥ 3, got shape"),
    (MaxBlurPool2d(3, 3, 5), (x4[..., :2],), {}, "MaxBlurPool2d: input must be .* with H ≥ 3, W ≥ 3, got shape"),
    (StochasticPool2d, (2, 0), {}, "StochasticPool2d: stride must be at least 1, got 0"),
    (StochasticPool2d(6), (x4,), {}, "StochasticPool2d: input must be .* with H ≥ 6, W ≥ 6, got shape"),
    (StochasticPool2d(2), (x4[0],), {}, r"StochasticPool2d: input must be \(N, C, H, W\), got shape \(3, 6, 5\)"),
    (LPPool2d, (0, 2), {}, "LPPool2d: norm_type must be a number above 0, got 0"),
    (LPPool2d, ("2", 2), {}, "LPPool2d: norm_type must be a number above 0, got '2'"),
    (LPPool2d, (2, -1), {}, "LPPool2d: kernel_size must be at least 1, got -1"),
    (LPPool2d(2, 7), (x4,), {}, "LPPool2d: input must be .* with H ≥ 7, W ≥ 7, got shape"),
    (FractionalMaxPool2d, (2,), {}, "give one of output_size and output_ratio, got None and None"),
    (FractionalMaxPool2d, (2, 3, 0.5), {}, "give one of output_size and output_ratio, got 3 and 0.5"),
    (FractionalMaxPool2d, (2, (3, 0)), {}, "FractionalMaxPool2d: output_size must be at least 1, got 0"),
    (FractionalMaxPool2d, (2, None, 1.5), {}, "output_ratio must be a number or two between 0 and 1, got 1.5"),
    (FractionalMaxPool2d(2, 5), (x4,), {}, "5 windows of kernel_size 2 do not fit into 5 pixels; .* from 1 to 4"),
    (FractionalMaxPool2d(2, None, 0.1), (x4,), {}, "0 windows of kernel_size 2 do not fit into 6 pixels"),
    (FractionalMaxPool2d(2, 3), (x4, torch.zeros(3, 2)), {}, r"samples must be \(2, 3, 2\), got shape \(3, 2\)"),
    (FractionalMaxPool2d(2, 3), (x4, [[[0.5, 0.5]] * 3] * 2), {}, "samples must be a tensor of floats, got list"),
    (FractionalMaxPool2d(2, 3), (x4, torch.zeros(2, 3, 2).long()), {}, "samples must be a tensor of floats, got torch"),
    (FractionalMaxPool2d(7, 1), (x4,), {}, "FractionalMaxPool2d: input must be .* with H ≥ 7, W ≥ 7, got shape"),
]


# ---- blur pool -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("kernel_size", "stride"), [(3, 2), (5, 2), (4, 3), (2, 1), (1, 2)])
def test_blur_pool_is_a_blur_of_each_channel_and_then_a_stride(kernel_size, stride):
    torch.manual_seed(0)
    x = torch.randn(2, 3, 9, 7, dtype=torch.float64)
    row = binom.pmf(range(kernel_size), kernel_size - 1, 0.5)            # heads in kernel_size − 1 throws of a coin
    padded = np.pad(x, [(0, 0), (0, 0), *[((kernel_size - 1) // 2, kernel_size // 2)] * 2], mode="reflect")
    want = np.zeros((2, 3, -(-9 // stride), -(-7 // stride)))
    for i, j in np.ndindex(*want.shape[2:]):
        for u, v in np.ndindex(kernel_size, kernel_size):
            want[:, :, i, j] += row[u] * row[v] * padded[:, :, stride * i + u, stride * j + v]
    assert_close(BlurPool2d(3, kernel_size, stride).double()(x), want)


def test_blur_pool_keeps_what_is_constant_and_removes_what_alternates():
    pool = BlurPool2d(1)
    rows, columns = torch.arange(8)[:, None], torch.arange(10)
    assert_close(pool(torch.ones(1, 1, 8, 10)), torch.ones(1, 1, 4, 5))
    for pattern in ((rows + columns) % 2, rows % 2 + 0 * columns, columns % 2 + 0 * rows):
        out = pool(pattern.float()[None, None])
        assert_close(out, torch.full((1, 1, 4, 5), 0.5))                 # a stride alone would give all 0 or all 1
    assert not list(pool.parameters()) and not pool.state_dict()


def shift_error(pool, x):
    """Zhang's measure: enlarge what the pool gives; how far is it from moving along when the image moves by (1, 1)?

    Relative to how much the enlarged features vary; away from the border, where the image has nothing to move in.
    """
    def features(x):
        return F.interpolate(pool(x), scale_factor=2, mode="bilinear")
    moved = features(x.roll((1, 1), (2, 3)))[..., 8:-8, 8:-8]
    still = features(x).roll((1, 1), (2, 3))[..., 8:-8, 8:-8]
    return ((moved - still).square().mean() / still.var()).sqrt().item()


@pytest.mark.parametrize("name", ["camera", "china", "flower"])
def test_max_blur_pool_moves_along_with_a_photograph_better_than_max_pool(name):
    x = torch.from_numpy(photo(name, (128, 160), gray=True))[None, None]
    for size in (2, 3):
        plain = shift_error(nn.MaxPool2d(size, 2, (size - 1) // 2), x)
        three, five = (shift_error(MaxBlurPool2d(1, size, blur), x) for blur in (3, 5))
        assert five < three < 0.5 * plain            # measured: 0.36 to 0.38 and 0.19 to 0.22 of it
        assert shift_error(MaxBlurPool2d(1, size, 1), x) == pytest.approx(plain)      # it is the blur that does it


def test_max_blur_pool_has_the_size_of_the_max_pool_it_replaces():
    for height, width in [(9, 8), (7, 12)]:
        x = torch.zeros(1, 2, height, width)
        assert MaxBlurPool2d(2)(x).shape == F.max_pool2d(x, 2).shape
        assert MaxBlurPool2d(2, 3)(x).shape == F.max_pool2d(x, 3, 2, 1).shape


# ---- L^p pool --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize(("norm_type", "kernel_size", "stride"), [
    (1, 2, None), (2, 3, 2), (3, 2, 1), (5.0, 3, 2), (2.5, 3, 1), (0.5, 2, None), (float("inf"), 3, 2),
])
def test_lp_pool_equals_torchs(norm_type, kernel_size, stride, positive):
    """Of negative elements too: odd powers subtract them, and where torch has NaN so have we."""
    torch.manual_seed(0)
    x = torch.rand(2, 3, 9, 7, dtype=torch.float64)
    x = (x if positive else x - 0.05).requires_grad_()
    ours, theirs = LPPool2d(norm_type, kernel_size, stride), nn.LPPool2d(norm_type, kernel_size, stride)
    out, want = ours(x), theirs(x)
    assert out.isfinite().any() and (out.isfinite().all() or not positive)
    np.testing.assert_array_equal(out.isnan(), want.isnan())
    assert_close(out.nan_to_num(), want.nan_to_num())
    g = torch.randn(want.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    got, expected = (torch.autograd.grad(value, x, g)[0] for value in (out, want))
    np.testing.assert_array_equal(got.isnan(), expected.isnan())
    assert_close(got.nan_to_num(), expected.nan_to_num())


def test_lp_pool_of_zeros_has_the_gradient_0():
    x = torch.zeros(1, 1, 4, 6, requires_grad=True)
    for p in (1, 2, 3.5):
        grad, = torch.autograd.grad(LPPool2d(p, 2)(x).sum(), x)
        theirs, = torch.autograd.grad(nn.LPPool2d(p, 2)(x).sum(), x)
        assert torch.equal(grad, torch.zeros_like(x)) and torch.equal(grad, theirs)


def test_lp_pool_goes_from_the_sum_to_the_maximum():
    x = torch.rand(2, 3, 6, 4, dtype=torch.float64)
    assert_close(LPPool2d(1, 2)(x), 4 * F.avg_pool2d(x, 2))
    assert_close(LPPool2d(400, 2)(x), F.max_pool2d(x, 2), 1e-2)
    assert_close(LPPool2d(float("inf"), 2)(-x), F.max_pool2d(x, 2))


# ---- fractional max pool ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_fractional_max_pool_equals_torchs_and_the_numpy_one_with_the_same_samples(dtype):
    rng = np.random.default_rng(0)
    for number in range(100):
        kernel, *out = map(int, rng.integers(1, 5, 3))
        height, width = (kernel + n - 1 + int(rng.integers(0, 9)) for n in out)
        few = torch.from_numpy(rng.integers(0, 4, size=(2, 3, height, width))).to(dtype)     # equal ones in a window
        x = (few if number % 2 else torch.from_numpy(rng.normal(size=few.shape)).to(dtype)).requires_grad_()
        samples = torch.from_numpy(rng.random((2, 3, 2))).to(dtype)
        ours = FractionalMaxPool2d(kernel, tuple(out))(x, samples)
        theirs = F.fractional_max_pool2d(x, kernel, tuple(out), _random_samples=samples)
        assert torch.equal(ours, theirs)
        arrays = x.detach().numpy(), kernel, tuple(out), None, False, samples.numpy()
        np.testing.assert_array_equal(fractional_max_pool2d(*arrays), theirs.detach().numpy())
        g = torch.randn(theirs.shape, dtype=dtype, generator=torch.Generator().manual_seed(1))
        grad, want = (torch.autograd.grad(value, x, g)[0] for value in (ours, theirs))
        assert_close(grad, want)
        assert_close(functional.fractional_max_pool2d_backward(g.numpy(), *arrays)[0], want)


def test_fractional_max_pool_draws_as_torch_does_and_takes_a_ratio():
    x = torch.randn(2, 3, 14, 9, generator=torch.Generator().manual_seed(0))
    for ratio in (0.7, (0.5, 0.8)):
        torch.manual_seed(0)
        ours = FractionalMaxPool2d(2, output_ratio=ratio)(x)
        torch.manual_seed(0)
        theirs = nn.FractionalMaxPool2d(2, output_ratio=ratio)(x)
        assert torch.equal(ours, theirs)
    pool = FractionalMaxPool2d(2, 6)
    assert not torch.equal(pool(x), pool(x)) and not torch.equal(pool.eval()(x), pool(x))    # chance in use too


def test_fractional_max_pool_of_no_images_is_no_images():
    assert FractionalMaxPool2d(2, (3, 2))(x4[:0]).shape == (0, 3, 3, 2)


@pytest.mark.parametrize(("pool_size", "blur_size"), [(1, 3), (2, 3), (3, 3), (4, 2), (4, 5), (5, 4)])
def test_max_blur_pool_takes_the_smallest_image_that_it_says_it_takes(pool_size, blur_size):
    pool = MaxBlurPool2d(3, pool_size, blur_size)
    assert pool(torch.randn(2, 3, pool.least, pool.least + 1)).isfinite().all()
    with pytest.raises((RuntimeError, ValueError)):                      # one row less is refused by its two parts too
        pool[1](pool[0](torch.randn(2, 3, pool.least - 1, 9)))


def test_fractional_windows_fill_the_image():
    """Their distances are ⌊α⌋ or ⌈α⌉, the last ends at the border: an image of its own columns shows where they end."""
    columns = torch.arange(25.0).expand(1, 1, 25, 25)
    ends = FractionalMaxPool2d(2, 17)(columns)[0, 0, 0]
    assert ends[0] == 1 and ends[-1] == 24
    assert set(ends.diff().tolist()) == {1.0, 2.0}                       # α = 23/16
    down = FractionalMaxPool2d(2, 17)(columns.mT)[0, 0, :, 0]
    assert down[0] == 1 and down[-1] == 24 and set(down.diff().tolist()) == {1.0, 2.0}


# ---- stochastic pool -------------------------------------------------------------------------------------------------

class Given(np.random.Generator):
    """A generator whose uniform numbers are given."""

    def __init__(self, numbers):
        super().__init__(np.random.PCG64(0))
        self.numbers = numbers

    def random(self, shape):
        return self.numbers.reshape(shape)


@pytest.mark.parametrize(("kernel_size", "stride"), [(2, None), (3, 2), (3, 1)])
def test_stochastic_pool_equals_the_numpy_one(kernel_size, stride):
    torch.manual_seed(0)
    x = torch.randn(2, 3, 9, 7, dtype=torch.float64)
    x[0, :, :5, :5].clamp_(max=0)                                        # windows without anything positive
    x[1].clamp_(min=0)
    x.requires_grad_()
    pool = StochasticPool2d(kernel_size, stride)
    for training in (False, True):
        pool.train(training)
        torch.manual_seed(1)
        out = pool(x)
        torch.manual_seed(1)
        rng, saved = Given(torch.rand(*out.shape, dtype=torch.float64).numpy()), {}
        array = x.detach().numpy()
        assert_close(out, stochastic_pool2d(array, kernel_size, stride, training, rng=rng, saved=saved))
        g = torch.randn(out.shape, dtype=torch.float64)
        grad, = stochastic_pool2d_backward(g.numpy(), array, kernel_size, stride, training, saved=saved)
        assert_close(grad, torch.autograd.grad(out, x, g)[0])


def test_stochastic_pool_draws_by_share_and_its_mean_is_what_use_gives():
    torch.manual_seed(0)
    window = torch.tensor([[0.0, 1, 4], [2, 0, 3], [0, 0, 0]])
    x = window.tile(60, 60)[None, None]
    pool = StochasticPool2d(3)
    out = pool(x)
    assert out.shape == (1, 1, 60, 60)
    for value in range(5):                                               # 3,600 draws: the spread is at most 0.008
        assert abs((out == value).float().mean().item() - value / 10) < 0.03
    assert_close(pool.eval()(x), torch.full((1, 1, 60, 60), 3.0))        # (1 + 16 + 4 + 9)/10


def test_stochastic_pool_of_zeros_is_zero_with_a_finite_gradient():
    x = torch.zeros(1, 1, 4, 6, requires_grad=True)
    pool = StochasticPool2d(2)
    out = pool(x)
    drawn, = torch.autograd.grad(out.sum(), x)
    assert not out.any() and drawn.sum() == 6 and set(drawn.unique().tolist()) == {0.0, 1.0}
    out = pool.eval()(x)
    assert not out.any() and torch.equal(torch.autograd.grad(out.sum(), x)[0], torch.full_like(x, 0.25))


# ---- in NumPy --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("pool", [BlurPool2d(4), BlurPool2d(4, 4, 3), MaxBlurPool2d(4, 3, 5), LPPool2d(2, 3, 2),
                                  LPPool2d(float("inf"), 2)], ids=str)
def test_the_twin_in_numpy(pool):
    torch.manual_seed(0)
    assert_same_in_numpy(nn.Sequential(nn.Conv2d(3, 4, 1), pool), (2, 3, 9, 7))
