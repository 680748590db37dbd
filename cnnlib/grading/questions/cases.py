"""What the random cases of questions are made of."""

import numpy as np


def unequal(rng, low, high):
    """Two different sizes in [low, high)."""
    first, second = rng.choice(np.arange(low, high), 2, replace=False)
    return int(first), int(second)


def numbers(rng, shape):
    """Quarters from −3 to 3 without 0, never all the same: short to read, exact in float32, and not only integers."""
    while True:
        values = rng.integers(1, 13, shape) * rng.choice([-1, 1], shape) / 4
        if values.size == 1 or np.ptp(values) > 0:
            return values


def image(rng, low=5, high=9):
    """An image whose sides differ."""
    return numbers(rng, unequal(rng, low, high))


def kernel(rng, low=1, high=5):
    """A kernel whose sides differ, no larger than an image."""
    return numbers(rng, unequal(rng, low, high))
