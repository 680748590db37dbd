"""The data that ships with the course, and the one error of data that cannot be had."""

import numpy as np
import pytest

from cnnlib import data


def test_digits_are_what_they_promise():
    (x_train, y_train), (x_test, y_test) = data.digits()
    assert x_train.shape == (4000, 1, 28, 28) and x_test.shape == (1000, 1, 28, 28)
    assert x_train.dtype == np.float32 and y_train.dtype == np.int64
    assert x_train.min() == 0 and x_train.max() == 1
    assert (np.bincount(y_train) == 400).all() and (np.bincount(y_test) == 100).all()
    pictures = {image.tobytes() for image in np.concatenate([x_train, x_test])}
    assert len(pictures) == 5000, "a digit stands in both parts"


def test_digits_are_shuffled_fixed_and_fresh():
    first, second = data.digits(), data.digits()
    assert len(np.unique(first[0][1][:100])) == 10
    np.testing.assert_array_equal(first[0][0], second[0][0])
    first[0][0][:] = 7
    assert data.digits()[0][0].max() == 1


@pytest.mark.parametrize("name", data.PHOTOS)
def test_photographs_are_floats_in_0_1_and_resize(name):
    photo = data.photo(name)
    assert photo.dtype == np.float32 and photo.ndim in (2, 3) and 0 <= photo.min() < photo.max() <= 1
    small = data.photo(name, size=(30, 41), gray=True)
    assert small.shape == (30, 41) and small.dtype == np.float32


def test_a_crop_is_the_square_in_the_middle():
    whole = data.photo("coffee")                                         # (400, 600, 3)
    np.testing.assert_array_equal(data.photo("coffee", crop=0.5), whole[100:300, 200:400])
    assert data.photo("coffee", (31, 31), gray=True, crop=1).shape == (31, 31)
    for bad in (0, 1.1, -0.5, "all", True, float("nan")):
        with pytest.raises(ValueError, match="photo: crop must be None or a number above 0 and at most 1, got"):
            data.photo("coffee", crop=bad)


def test_photographs_for_a_network_are_squares_of_three_channels():
    names = ["coffee", "camera"]                                         # one in colour, one in gray
    for image, name in zip(data.photos(names, 17), names, strict=True):
        one = data.photo(name, (17, 17), crop=0.875)
        for channel in range(3):
            np.testing.assert_array_equal(image[channel], one[..., channel] if one.ndim == 3 else one)
    assert data.photos(names, 9, crop=1.0).shape == (2, 3, 9, 9) and data.photos(names, 9).dtype == np.float32
    with pytest.raises(ValueError, match="photo: name must be one of"):
        data.photos(["coffee", "tea"], 9)


def test_imagenet_has_a_thousand_labels():
    labels = data.imagenet_labels()
    assert len(labels) == 1000 and labels[281] == "tabby" and labels[967] == "espresso"


@pytest.mark.parametrize("load", [data.mnist, data.fashion_mnist, data.cifar10])
def test_data_that_cannot_be_had_says_what_to_use_instead(load, tmp_path, monkeypatch):
    def no_network(*args, **kwargs):
        raise OSError("no network")
    monkeypatch.setattr("urllib.request.urlopen", no_network)
    with pytest.raises(data.DataUnavailable, match=r"cannot be downloaded.*cnnlib\.data\.digits\(\) needs no network"):
        load(tmp_path)


def test_a_data_set_on_disk_is_loaded(tmp_path):
    """MNIST's own files, made here with 3 and 2 pictures."""
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, count in [("train", 3), ("t10k", 2)]:
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(
            np.array([0x803, count, 28, 28], ">i4").tobytes() + images.tobytes())
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(
            np.array([0x801, count], ">i4").tobytes() + np.arange(count, dtype=np.uint8).tobytes())
    (x_train, y_train), (x_test, y_test) = data.mnist(tmp_path)
    assert x_train.shape == (3, 1, 28, 28) and x_train.dtype == np.float32 and x_train.max() <= 1
    np.testing.assert_array_equal(y_test, [0, 1])
    np.testing.assert_allclose(x_test[1, 0], images[1] / 255, atol=1e-7)
