"""Augmentation: equal to torchvision's with the same arguments; the draws have the distributions that are stated."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as V

from cnnlib.testing import assert_close
from cnnlib.training import augmentation as A

images = torch.rand(3, 3, 9, 14, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
grey = images[:, :1]
labels = torch.tensor([0, 2, 1])
half = torch.full((3, 2), 0.5, dtype=torch.float64)

BAD = [
    (A.horizontal_flip, ([1],), {}, r"horizontal_flip: images must be a tensor \(N, C, H, W\), got list"),
    (A.horizontal_flip, (images, [True, False]), {}, r"flip must be a number or \(3,\).*got shape \(2,\)"),
    (A.crop, (images, 0, 0, 10, 3), {}, "height must be from 1 to 9, got 10"),
    (A.crop, (images, 1, 0, 9, 3), {}, r"a window of 9 × 3 must lie in the image \(9, 14\)"),
    (A.crop, (images, 0, -1, 9, 3), {}, "left from -1"),
    (A.crop, (images, 0, 0, 3.0, 3), {}, "crop: height must be an int, got 3.0"),
    (A.crop, (images, 0, 0, 3, None), {}, "crop: width must be an int, got None"),
    (A.crop, (images, 1.5, 0, 3, 3), {}, "crop: top must be an int or ints, got numbers of torch.float32"),
    (A.crop, (images, 0, None, 3, 3), {}, "left must be a number or numbers, got None"),
    (A.erase, (images, 0, 0, 1, 2, "black"), {}, "erase: value must be a number or a tensor that fits"),
    (A.erase, (images, 0, 0, 1, 2, torch.ones(5)), {}, r"value must be .* \(3, 3, 9, 14\), got shape \(5,\)"),
    (A.random_erasing, (images,), {"value": None}, "value must be a number or a tensor .* got NoneType"),
    (A.random_erasing, (images,), {"scale": ("a", 1)}, r"scale must be \(smallest, largest\)"),
    (A.random_affine, (images,), {"scale": (None, 1)}, r"scale must be \(smallest, largest\)"),
    (A.random_crop, (images, 2.0), {}, "padding must be an int, got 2.0"),
    (A.cutout, (images, None), {}, "size must be an int, got None"),
    (A.mix, (images, half, 0.5, None), {}, "order must be 3 ints, got None"),
    (A.mixup, (images, labels, 3, None), {}, "alpha must be a number, got None"),
    (A.mixup, (images, labels, 3.0), {}, "classes must be an int, got 3.0"),
    (A.mixup, (images, half, 3), {}, r"must be \(N, 3\), got shape \(3, 2\)"),
    (A.mixup, (images, torch.tensor(1), 3), {}, r"labels must be a tensor of 3 labels, got shape \(\)"),
    *[(function, (images, *args), {"generator": generator}, f"generator must be None or a torch.Generator, got {kind}")
      for function, *args in [(A.random_horizontal_flip,), (A.random_crop, 2), (A.random_affine,), (A.color_jitter,),
                              (A.gaussian_noise, 0.1), (A.cutout, 2), (A.random_erasing,), (A.mixup, labels, 3)]
      for generator, kind in [(0, "int"), (np.random.default_rng(0), "Generator")]],
    (A.affine, (images,), {"scale": 0}, "scale must be positive, got 0"),
    (A.affine, (images,), {"padding_mode": "wrap"}, "padding_mode must be .*got 'wrap'"),
    (A.affine, (images, "left"), {}, "angle must be a number or numbers, got 'left'"),
    (A.rotate, (images[0], 3), {}, r"images must be floats \(N, C, H, W\), got shape \(3, 9, 14\)"),
    (A.adjust_brightness, (images, -1), {}, "factor must be at least 0, got -1"),
    (A.adjust_contrast, (images, float("nan")), {}, "factor must be at least 0, got nan"),
    (A.adjust_saturation, (images.long(), 1), {}, "images must be floats .* of torch.int64"),
    (A.adjust_gamma, (images, -0.5), {}, "gamma must be at least 0"),
    (A.add_noise, (images, images[0]), {}, r"noise must be a tensor of shape \(3, 3, 9, 14\), got \(3, 9, 14\)"),
    (A.erase, (images, 0, 0, -1, 2), {}, "height must be at least 0"),
    (A.mix, (images, labels, 0.5, [1, 2, 0]), {}, r"targets must be \(N, K\) with N = 3, got shape \(3,\)"),
    (A.mix, (images, half, 0.5, [1, 2]), {}, "order must be 3 ints from 0 to 2"),
    (A.mix, (images, half, 1.5, [1, 2, 0]), {}, "weight must be at most 1, got 1.5"),
    (A.random_horizontal_flip, (images, 1.5), {}, "p must be from 0 to 1, got 1.5"),
    (A.random_crop, (images, -1), {}, "padding must be at least 0, got -1"),
    (A.random_affine, (images, -5), {}, "degrees must be from 0 to 360, got -5"),
    (A.random_affine, (images,), {"scale": (2, 1)}, r"scale must be \(smallest, largest\), .* got \(2, 1\)"),
    (A.color_jitter, (images, "much"), {}, "brightness must be a number, got 'much'"),
    (A.gaussian_noise, (images, -0.1), {}, "std must be at least 0, got -0.1"),
    (A.cutout, (images, 0), {}, "size must be at least 1, got 0"),
    (A.random_erasing, (images,), {"ratio": 2}, r"ratio must be \(smallest, largest\), both positive, got 2"),
    (A.random_erasing, (images,), {"value": "black"}, "value must be a number or \"noise\", got 'black'"),
    (A.mixup, (images, labels, 2), {}, r"labels must be \(N,\) and from 0 to 1, got shape \(3,\) from 0 to 2"),
    (A.mixup, (images, labels[:2], 3), {}, r"labels must be a tensor of 3 labels, got shape \(2,\)"),
    (A.mixup, (images, labels, 3, 0), {}, "alpha must be positive and finite, got 0"),
]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def each(function, *arguments):
    """What the function makes of each image by itself, with its own arguments, laid in one batch."""
    return torch.cat([function(images[i:i + 1], *values) for i, values in enumerate(zip(*arguments, strict=True))])


# ---- told what to do -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("x", [images, grey, images.float()], ids=["colour", "grey", "single"])
def test_equal_to_torchvision(x):
    linear = InterpolationMode.BILINEAR
    assert_close(A.horizontal_flip(x), V.horizontal_flip(x))
    assert_close(A.crop(x, 2, 3, 5, 4), V.crop(x, 2, 3, 5, 4))
    assert_close(A.adjust_brightness(x, 1.3), V.adjust_brightness(x, 1.3))
    assert_close(A.adjust_contrast(x, 1.7), V.adjust_contrast(x, 1.7))
    assert_close(A.adjust_contrast(x, 0.4), V.adjust_contrast(x, 0.4))
    assert_close(A.adjust_gamma(x, 0.4), V.adjust_gamma(x, 0.4))
    if x.shape[1] == 3:
        assert_close(A.adjust_saturation(x, 1.6), V.adjust_saturation(x, 1.6))
    assert_close(A.erase(x, 2, 3, 4, 5, 0.25), V.erase(x, 2, 3, 4, 5, torch.tensor(0.25)))
    for angle in (25, -130):
        assert_close(A.rotate(x, angle), V.rotate(x, angle, linear), 1e-5)
        # torchvision's affine turns the other way round than its rotate; moves are (right, down)
        theirs = V.affine(x, -angle, [-1.5, 2.5], 0.8, [12.0, 0.0], linear)
        assert_close(A.affine(x, angle, 2.5, -1.5, 0.8, 12), theirs, 1e-5)


def test_each_image_has_its_own_arguments():
    angle, dy, dx, scale, shear = [10.0, -50, 80], [1.0, 0, -2], [0.0, 2, 3], [1.0, 1.5, 0.5], [0.0, 20, -10]
    assert_close(A.affine(images, *map(torch.tensor, (angle, dy, dx, scale, shear))),
                 each(A.affine, angle, dy, dx, scale, shear))
    for function in (A.adjust_brightness, A.adjust_contrast, A.adjust_saturation, A.adjust_gamma):
        assert_close(function(images, [0.5, 1, 1.5]), each(function, [0.5, 1, 1.5]))
    assert_close(A.crop(images, [0, 2, 4], [5, 0, 1], 5, 4), each(A.crop, [0, 2, 4], [5, 0, 1], [5] * 3, [4] * 3))
    assert_close(A.erase(images, [0, 2, 4], [5, 0, 1], [3, 0, 9], [2, 4, 1]),
                 each(A.erase, [0, 2, 4], [5, 0, 1], [3, 0, 9], [2, 4, 1]))
    assert_close(A.horizontal_flip(images, [True, False, True]), each(A.horizontal_flip, [True, False, True]))


def test_quarter_turns_and_whole_moves_are_exact():
    square = images[..., :9]
    assert_close(A.rotate(square, 90), torch.rot90(square, 1, (2, 3)))                   # counter-clockwise
    assert_close(A.affine(images, dy=2, dx=-3), F.pad(images, (0, 3, 2, 0))[:, :, :9, 3:])
    assert_close(A.affine(images), images)
    assert_close(A.affine(images, dx=1, padding_mode="border"), torch.cat([images[..., :1], images[..., :-1]], 3))


def test_a_shear_leans_to_the_right_and_a_scale_enlarges():
    bar = torch.zeros(1, 1, 11, 11, dtype=torch.float64)
    bar[..., 5] = 1
    leaning = A.affine(bar, shear=45)[0, 0].argmax(1)
    assert leaning.tolist() == list(range(10, -1, -1))                                   # the top is at the right
    assert A.affine(bar, scale=3)[0, 0, 5].sum() == pytest.approx(3)


def test_light_stays_within_its_range():
    assert A.adjust_brightness(images, 3).max() == 1
    for out in (A.adjust_contrast(images, 5), A.adjust_saturation(images, 5), A.add_noise(images, images * 4 - 2)):
        assert out.min() == 0 and out.max() == 1
    assert_close(A.add_noise(images, images - 0.5), (2 * images - 0.5).clip(0, 1))
    assert_close(A.adjust_saturation(grey, 0.3), grey)
    assert_close(A.adjust_contrast(images[:, :2], 0), images[:, :2].mean((1, 2, 3), True).expand(3, 2, 9, 14))


def test_erase_by_a_loop_and_beyond_the_border():
    noise = torch.randn(images.shape, dtype=torch.float64)
    want = images.clone()
    for i in range(9):
        for j in range(14):
            if -2 <= i < 2 and 11 <= j < 17:
                want[:, :, i, j] = noise[:, :, i, j]
    assert_close(A.erase(images, -2, 11, 4, 6, noise), want)


def test_mix_blends_pairs_and_cross_entropy_takes_it():
    weight, order = torch.tensor([0.25, 1.0, 0.5], dtype=torch.float64), torch.tensor([1, 2, 0])
    targets = F.one_hot(labels, 4).double()
    mixed, soft = A.mix(images, targets, weight, order)
    for i in range(3):
        assert_close(mixed[i], weight[i] * images[i] + (1 - weight[i]) * images[order[i]])
        assert_close(soft[i], weight[i] * targets[i] + (1 - weight[i]) * targets[order[i]])
    logits = torch.randn(3, 4, dtype=torch.float64, generator=generator())
    each_loss = weight * F.cross_entropy(logits, labels, reduction="none") \
        + (1 - weight) * F.cross_entropy(logits, labels[order], reduction="none")
    assert_close(F.cross_entropy(logits, soft), each_loss.mean())


# ---- by chance -------------------------------------------------------------------------------------------------------

RANDOM = {
    "flip": lambda x, g: A.random_horizontal_flip(x, generator=g),
    "crop": lambda x, g: A.random_crop(x, 2, generator=g),
    "affine": lambda x, g: A.random_affine(x, 20, 0.1, (0.8, 1.2), 10, generator=g),
    "jitter": lambda x, g: A.color_jitter(x, 0.4, 0.4, 0.4, 0.4, generator=g),
    "noise": lambda x, g: A.gaussian_noise(x, 0.1, generator=g),
    "cutout": lambda x, g: A.cutout(x, 4, generator=g),
    "erasing": lambda x, g: A.random_erasing(x, value="noise", generator=g),
    "mixup": lambda x, g: A.mixup(x, torch.zeros(len(x), dtype=torch.long), 2, 1.0, generator=g)[0],
}


@pytest.mark.parametrize("name", RANDOM)
def test_a_generator_decides_all_and_each_image_has_its_own_draws(name):
    x = images[:1].expand(8, 3, 9, 14) if name != "mixup" else torch.rand(8, 3, 9, 14, generator=generator())
    before = x.clone()
    out = RANDOM[name](x, generator(1))
    assert out.shape == x.shape and out.dtype == x.dtype
    torch.manual_seed(5)
    state = torch.get_rng_state()
    assert torch.equal(out, RANDOM[name](x, generator(1))) and torch.equal(state, torch.get_rng_state())
    assert not torch.equal(out, RANDOM[name](x, generator(2)))
    assert len({image.numpy().tobytes() for image in out}) > 1
    assert torch.equal(x, before)
    torch.manual_seed(5)
    ours = RANDOM[name](x, None)
    torch.manual_seed(5)
    assert torch.equal(ours, RANDOM[name](x, None))


def test_flips_come_with_probability_p():
    x = torch.tensor([0.0, 1.0]).expand(4000, 1, 1, 2)
    flipped = A.random_horizontal_flip(x, 0.3, generator=generator())[:, 0, 0, 0].mean()
    assert abs(flipped - 0.3) < 0.03                                                     # the spread is 0.007


def test_crops_move_by_every_step_as_often():
    x = torch.zeros(5000, 1, 5, 7)
    x[:, :, 2, 3] = 1
    places = A.random_crop(x, 2, generator=generator())[:, 0].flatten(1).argmax(1)
    counts = torch.bincount(places, minlength=35).reshape(5, 7)
    assert (counts[:, 0] == 0).all() and (counts[:, -1] == 0).all() and counts.sum() == 5000
    assert stats.chisquare(counts[:, 1:6].flatten()).pvalue > 0.001


def test_affine_draws_are_even_within_their_ends(monkeypatch):
    drawn = {}
    monkeypatch.setattr(A, "affine", lambda images, *args: drawn.update(
        zip(("angle", "dy", "dx", "scale", "shear", "mode"), args, strict=True)))
    A.random_affine(torch.rand(3000, 1, 10, 20), 30, 0.1, (0.5, 2), 15, "border", generator=generator())
    assert drawn["mode"] == "border"
    for name, low, high in [("angle", -30, 30), ("dy", -1, 1), ("dx", -2, 2), ("scale", 0.5, 2), ("shear", -15, 15)]:
        assert stats.kstest(drawn[name], "uniform", (low, high - low)).pvalue > 0.001, name


def test_jitter_draws_are_even_within_their_ends():
    x = torch.full((3000, 1, 1, 2), 0.4)
    factors = A.color_jitter(x, brightness=0.5, generator=generator())[:, 0, 0, 0] / 0.4
    assert stats.kstest(factors, "uniform", (0.5, 1)).pvalue > 0.001
    factors = A.color_jitter(x, gamma=3, generator=generator())[:, 0, 0, 0].log() / np.log(0.4)
    assert stats.kstest(factors, "uniform", (0, 4)).pvalue > 0.001
    x = torch.tensor([0.4, 0.6]).expand(3000, 1, 1, 2)
    factors = (A.color_jitter(x, contrast=0.8, generator=generator())[:, 0, 0, 1] - 0.5) / 0.1
    assert stats.kstest(factors, "uniform", (0.2, 1.6)).pvalue > 0.001
    assert A.color_jitter(images) is images
    pale = 0.3 + 0.3 * images
    colour = A.color_jitter(pale, saturation=0.5, generator=generator())
    assert (colour - pale).abs().max() > 0.01
    weights = torch.tensor([0.2989, 0.587, 0.114], dtype=torch.float64)
    assert_close(weights @ colour.flatten(2), weights @ pale.flatten(2), 1e-3)           # the greys are the same


def test_noise_has_its_spread():
    out = A.gaussian_noise(torch.full((4, 3, 40, 40), 0.5), 0.1, generator=generator())
    assert abs(out.mean() - 0.5) < 0.003 and abs(out.std() - 0.1) < 0.003


@pytest.mark.parametrize("size", [4, 5])
def test_cutout_covers_a_square_around_any_pixel(size):
    covered = A.cutout(torch.ones(6000, 2, 9, 14), size, generator=generator())[:, 0] == 0
    counts = torch.zeros(9, 14)
    for image in covered:
        rows, columns = torch.nonzero(image.any(1)).flatten(), torch.nonzero(image.any(0)).flatten()
        top, left = rows[0], columns[0]
        assert image[top:rows[-1] + 1, left:columns[-1] + 1].all() and len(rows) <= size and len(columns) <= size
        row = rows[-1] - size + 1 if top == 0 else top                   # where the square begins, inside or not
        column = columns[-1] - size + 1 if left == 0 else left
        counts[row + size // 2, column + size // 2] += 1
    assert stats.chisquare(counts.flatten()).pvalue > 0.001


def test_erasing_covers_what_it_says():
    x = torch.ones(4000, 1, 40, 60)
    covered = A.random_erasing(x, 0.7, (0.05, 0.2), (0.4, 1), generator=generator())[:, 0] == 0
    hit = covered.flatten(1).any(1)
    assert abs(hit.float().mean() - 0.7) < 0.03
    height, width = covered[hit].any(2).sum(1), covered[hit].any(1).sum(1)
    assert torch.equal(height * width, covered[hit].flatten(1).sum(1))                   # rectangles, wholly inside
    share, ratio = height * width / 2400, height / width
    assert share.min() > 0.045 and share.max() < 0.21 and ratio.min() > 0.35 and ratio.max() < 1.15
    assert abs(share.mean() - 0.125) < 0.005                                             # the spread is 0.0008
    assert abs(ratio.log().mean() - np.log(0.4) / 2) < 0.03                              # the spread is 0.005
    assert covered[hit][:, 0].any() and covered[hit][:, -1].any() and covered[hit][..., -1].any()
    middle = covered[hit].float().mean(0)
    assert abs(middle.flip(0) - middle).max() < 0.06 and abs(middle.flip(1) - middle).max() < 0.06


def test_erasing_leaves_an_image_in_which_nothing_fits():
    x = torch.ones(5, 1, 4, 4)
    assert torch.equal(A.random_erasing(x, 1.0, (2.0, 3.0), generator=generator()), x)
    noisy = A.random_erasing(x, 1.0, (0.5, 0.9), (1.0, 1.0), "noise", generator=generator())
    assert len(noisy[noisy != 1].unique()) == (noisy != 1).sum()                         # another number at each pixel


def test_mixup_draws_its_weights_from_beta():
    x = torch.arange(3000, dtype=torch.float64).reshape(-1, 1, 1, 1) / 3000
    mixed, targets = A.mixup(x, torch.arange(3000), 3000, 0.4, generator=generator())
    assert targets.dtype == x.dtype
    assert_close(targets.sum(1), torch.ones(3000, dtype=torch.float64))
    assert_close(targets @ x[:, 0, 0, 0], mixed[:, 0, 0, 0])                             # as much of the label as of x
    own = targets.diagonal()
    assert stats.kstest(own, "beta", (0.4, 0.4)).pvalue > 0.001
    partners = (targets - torch.diag(own)).argmax(1)[own < 1]
    assert len(partners.unique()) == len(partners)                                       # each is a partner once
    again, soft = A.mixup(mixed, targets, 3000, generator=generator())
    assert_close(soft @ x[:, 0, 0, 0], again[:, 0, 0, 0])


def test_augment_of_the_docstring_runs_in_fit():
    from cnnlib.training import fit

    def augment(images, labels, generator):
        images = A.cutout(A.random_crop(images, 2, generator=generator), 3, generator=generator)
        return A.mixup(images, labels, 3, generator=generator)

    def net():
        torch.manual_seed(0)
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 9 * 14, 3))
    x = images.float()
    first, second, other = (fit(net(), x, labels, 3, batch_size=2, augment=augment, seed=seed) for seed in (0, 0, 1))
    assert first.equals(second) and not first.loss.equals(other.loss)


def test_numpys_ints_are_ints():
    two, three = np.int64(2), np.int32(3)
    assert torch.equal(A.crop(images, two, three, three, two), images[..., 2:5, 3:5])
    assert A.random_crop(images, two).shape == A.cutout(images, two).shape == images.shape
    assert A.mixup(images, labels, three)[1].shape == (3, 3)
