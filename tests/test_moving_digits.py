"""Digits that move: where they are, that one frame does not say where they go, and bad input."""

import numpy as np
import pytest

from cnnlib.data import DIRECTIONS, digits, moving_digits

BAD = [
    (moving_digits, (0,), {}, "moving_digits: count must be at least 1, got 0"),
    (moving_digits, (2, 13), {}, "moving_digits: size must be at least 14, got 13"),
    (moving_digits, (2, 16.5), {}, "moving_digits: size must be an int, got 16.5"),
    (moving_digits, (2, 16, 0), {}, "moving_digits: frames must be at least 1, got 0"),
    (moving_digits, (2,), {"seed": -1}, "moving_digits: seed must be at least 0, got -1"),
    (moving_digits, (2,), {"start": "left"}, 'moving_digits: start must be "anywhere" or "middle", got'),
    (moving_digits, (2,), {"noise": -0.1}, "moving_digits: noise must be at least 0, got -0.1"),
]


@pytest.mark.parametrize("start", ["anywhere", "middle"])
def test_each_frame_is_the_one_before_a_step_on(start):
    clips, labels = moving_digits(40, 17, 5, start=start)
    assert clips.shape == (40, 1, 5, 17, 17) and clips.dtype == np.float32 and labels.dtype == np.int64
    assert clips.min() == 0 and 0.5 < clips.max() <= 1 and set(labels) == set(range(8))
    for clip, label in zip(clips[:, 0], labels, strict=True):
        for before, after in zip(clip, clip[1:], strict=False):
            np.testing.assert_array_equal(after, np.roll(before, DIRECTIONS[label], (0, 1)))


def test_directions_go_round_and_opposites_are_four_apart():
    np.testing.assert_array_equal(DIRECTIONS, -np.roll(DIRECTIONS, 4, 0))
    angles = np.arctan2(-DIRECTIONS[:, 0], DIRECTIONS[:, 1])             # rows grow downwards
    np.testing.assert_allclose(angles % (2 * np.pi), np.arange(8) * np.pi / 4)


@pytest.mark.parametrize("train", [True, False])
def test_digits_in_the_middle_are_those_of_the_data_set(train):
    clips, _ = moving_digits(9, 16, 2, 3, train, start="middle")
    images = digits()[0 if train else 1][0][:, 0]
    small = images.reshape(-1, 14, 2, 14, 2).mean((2, 4))
    for first in clips[:, 0, 0]:
        assert np.abs(small - first[1:15, 1:15]).max((1, 2)).min() < 1e-6
        assert first[[0, -1]].max() == first[:, [0, -1]].max() == 0


def test_starts_are_everywhere_and_noise_is_on_top():
    clips, labels = moving_digits(3000, 14, 1, 1)
    ink = clips.mean((0, 1, 2))                                  # all places alike
    assert np.ptp(ink) < 0.25 * ink.mean()
    noisy, same = moving_digits(3000, 14, 1, 1, noise=0.5)
    np.testing.assert_array_equal(labels, same)
    assert abs((noisy - clips).std() - 0.5) < 0.01 and abs((noisy - clips).mean()) < 0.01
    assert noisy.dtype == np.float32
    assert not np.array_equal(labels, moving_digits(3000, 14, 1, 2)[1])
