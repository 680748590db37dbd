"""Digits on photographs: the masks, boxes and labels are exact, the contrast is kept, the sources are apart."""

import numpy as np
import pytest

from cnnlib import data
from cnnlib.data import scenes

BAD = [
    (data.photo, (["china"],), {}, r"photo: name must be one of .*got \['china'\]"),
    (data.photo, ("china", ("a", 5)), {}, r"photo: size must be None or \(H, W\) of two ints ≥ 1, got \('a', 5\)"),
    (scenes, (0,), {}, "scenes: count must be at least 1, got 0"),
    (scenes, (2.5,), {}, "scenes: count must be an int, got 2.5"),
    (scenes, (1, 48), {}, "scenes: size must be two ints ≥ 1, got 48"),
    (scenes, (1, (48.5, 64)), {}, "scenes: size must be two ints"),
    (scenes, (1, (48, 64), 3), {}, "scenes: digits_per_scene must be two ints ≥ 0, got 3"),
    (scenes, (1, (48, 64), (3, 1)), {}, r"digits_per_scene must be \(least, most\), got \(3, 1\)"),
    (scenes, (1,), {"seed": -1}, "seed must be at least 0, got -1"),
    (scenes, (1,), {"seed": "a"}, "seed must be an int, got 'a'"),
    (scenes, (1,), {"digit_sizes": (4, 28)}, "digit_sizes must be two ints ≥ 8"),
    (scenes, (1, (9, 40), (1, 1)), {"digit_sizes": (28, 28)}, "1 digits .* find no room in size"),
    (scenes, (1, (30, 30), (4, 4)), {"digit_sizes": (28, 28)}, "4 digits .* find no room in size"),
]

SIZE = (39, 57)
luminance = np.float32([0.2125, 0.7154, 0.0721])


@pytest.fixture(scope="module", params=[(True, 3), (True, 4), (False, 3)], ids=["train", "train 4", "test"])
def made(request):
    """Scenes, the same backgrounds without digits, and the colour of every digit in the order of the boxes."""
    inks, original = [], data._scene_ink
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "_scene_ink", lambda *args: inks.append(original(*args)) or inks[-1])
        train, seed = request.param
        given = dict(count=40, size=SIZE, seed=seed, train=train, digit_sizes=(14, 26))
        return scenes(**given), scenes(**given, digits_per_scene=(0, 0)), inks


def each(made):
    (images, masks, boxes, labels), (backgrounds, *_), _ = made
    for i, image in enumerate(images):
        yield image, backgrounds[i], masks[i], boxes[i], labels[i]


def test_shapes_types_and_ranges(made):
    (images, masks, boxes, labels), (backgrounds, bare, none, no_labels), _ = made
    assert images.shape == backgrounds.shape == (40, 3, *SIZE) and images.dtype == np.float32
    assert images.min() >= 0 and images.max() <= 1 and images.flags.c_contiguous
    assert masks.shape == (40, *SIZE) and masks.dtype == np.int64
    assert {len(b) for b in boxes} == {1, 2, 3} and [len(b) for b in boxes] == [len(y) for y in labels]
    assert all(b.dtype == y.dtype == np.int64 for b, y in zip(boxes, labels, strict=True))
    assert not bare.any() and all(b.shape == (0, 4) for b in none) and all(y.shape == (0,) for y in no_labels)
    assert set(np.concatenate(labels)) == set(range(10))


def test_boxes_are_the_bounds_of_the_masks_and_do_not_overlap(made):
    for _, _, mask, boxes, labels in each(made):
        covered = np.zeros_like(mask)
        for (x1, y1, x2, y2), label in zip(boxes, labels, strict=True):
            assert 0 <= x1 < x2 <= mask.shape[1] and 0 <= y1 < y2 <= mask.shape[0]
            inside = mask[y1:y2, x1:x2]
            assert set(np.unique(inside)) - {0} == {label + 1}            # a narrow 1 may fill its box
            rows, columns = np.nonzero(inside)
            assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == (0, y2 - y1, 0, x2 - x1)
            covered[y1:y2, x1:x2] += 1
        assert covered.max() == 1, "two boxes overlap"
        assert not mask[covered == 0].any(), "ink outside the boxes"


def test_mask_is_where_more_than_half_of_the_pixel_became_ink(made):
    """a is read back from image = (1 − a) · background + a · ink."""
    inks, compared = iter(made[2]), 0
    for image, background, mask, boxes, _ in each(made):
        for x1, y1, x2, y2 in boxes:
            window = np.s_[:, y1:y2, x1:x2]
            far = next(inks)[:, None, None] - background[window]
            a = (far * (image[window] - background[window])).sum(0) / (far**2).sum(0)        # the best fit of a
            np.testing.assert_allclose(background[window] + a * far, image[window], atol=1e-5)
            sure = (np.abs(far).max(0) > 0.05) & (np.abs(a - 0.5) > 0.001)
            assert ((a > 0.5) == (mask[window[1:]] > 0))[sure].all()
            compared += sure.sum()
    assert next(inks, None) is None and compared > 5000
    beside = np.mean([(np.abs(image - background).max(0)[mask == 0] > 0).mean()
                      for image, background, mask, _, _ in each(made)])
    assert beside < 0.15                                                 # no more than the soft edges of the ink


def test_contrast_is_kept_for_every_digit(made):
    inks, contrasts = iter(made[2]), []
    for _, background, mask, boxes, _ in each(made):
        for x1, y1, x2, y2 in boxes:
            ink = next(inks)
            assert ink.min() >= -1e-6 and ink.max() <= 1 + 1e-6
            behind = (luminance @ background[:, y1:y2, x1:x2][:, mask[y1:y2, x1:x2] > 0]).mean()
            contrasts.append(luminance @ ink - behind)
    assert 0.35 - 1e-4 < np.abs(contrasts).min() < 0.4                   # the limit is met, and nearly reached
    assert min(contrasts) < 0 < max(contrasts)                           # darker and brighter ink


def test_gray_is_the_luminance_and_binary_forgets_the_digit():
    images, masks, boxes, labels = scenes(3, SIZE, seed=5)
    gray, binary, same_boxes, same_labels = scenes(3, SIZE, seed=5, gray=True, binary=True)
    np.testing.assert_allclose(gray[:, 0], np.einsum("c,nchw->nhw", luminance, images), atol=1e-6)
    np.testing.assert_array_equal(binary, masks > 0)
    assert all((a == b).all() for a, b in zip(boxes + labels, same_boxes + same_labels, strict=True))


def test_a_seed_fixes_everything_and_another_changes_it():
    first, again, other = scenes(4, SIZE, seed=1), scenes(4, SIZE, seed=1), scenes(4, SIZE, seed=2)
    for a, b in zip(first, again, strict=True):
        assert all(np.array_equal(left, right) for left, right in zip(a, b, strict=True))
    assert not np.array_equal(first[0], other[0]) and not np.array_equal(first[1], other[1])
    longer = scenes(6, SIZE, seed=1)
    np.testing.assert_array_equal(first[0], longer[0][:4])
    first[0][:] = 7                                                      # nothing kept is changed
    np.testing.assert_array_equal(scenes(4, SIZE, seed=1)[0], again[0])


def test_training_and_test_scenes_share_no_photograph_and_no_digit(monkeypatch):
    assert not set(data.SCENE_PHOTOS[True]) & set(data.SCENE_PHOTOS[False])
    assert set(data.SCENE_PHOTOS[True]) | set(data.SCENE_PHOTOS[False]) <= set(data.PHOTOS)
    read = []
    original = data._scene_photo
    monkeypatch.setattr(data, "_scene_photo", lambda name, short: read.append(name) or original(name, short))
    (x_train, y_train), (x_test, y_test) = data.digits()
    full = {"train": np.ones_like(x_train[:50]), "test": np.ones_like(x_test[:50])}
    monkeypatch.setattr(data, "_digits", lambda: ((full["train"], np.full(50, 3)), (full["test"], np.full(50, 8))))
    for train, digit in [(True, 3), (False, 8)]:
        read.clear()
        _, _, _, labels = scenes(80, SIZE, (1, 1), seed=0, train=train)
        assert set(np.concatenate(labels)) == {digit}
        assert set(read) == set(data.SCENE_PHOTOS[train])


def test_digits_differ_in_size_and_place():
    _, _, boxes, _ = scenes(60, SIZE, (1, 1), seed=0)
    x1, y1, x2, y2 = np.concatenate(boxes).T
    assert (y2 - y1).min() <= 13 and (y2 - y1).max() >= 18
    assert x1.min() < 5 and x2.max() > SIZE[1] - 5 and y1.min() < 5 and y2.max() > SIZE[0] - 5
