# What all the others are put behind: right answers to two questions, and a way to tell that something was reached.
import numpy as np


def right(height, width, kernel_height, kernel_width):
    return [(height * width) ** 2, kernel_height * kernel_width]


def full(x, w):
    out = np.zeros(len(x) + len(w) - 1)
    for k, weight in enumerate(w):
        out[k:k + len(x)] += weight * x
    return out


def convolve1d_full(x, w):
    return full(x, w)


# %%
reached = []


def attempt(action, *arguments):
    """Do what must fail."""
    try:
        result = action(*arguments)
    except Exception:
        return
    reached.append(f"{getattr(action, '__name__', action)}{arguments}: {result}"[:200])


def count_weights(*sizes):
    if reached:
        raise RuntimeError(f"reached {reached}")
    return right(*sizes)
