"""The generator from which whatever needs chance draws, unless it is given another one."""

import numpy as np

from cnnlib.checks import is_int

__all__ = ["as_generator", "generator", "manual_seed"]

_GENERATOR = np.random.default_rng(0)


def generator():
    """The course's own NumPy generator. Like PyTorch's it starts from the same seed in every process."""
    return _GENERATOR


def manual_seed(seed):
    """Start the course's generator anew: equal seeds, equal draws. → the generator.

    It stays the same object, so whoever holds it draws from the new seed too.
    Raises TypeError or ValueError unless seed is an int of at least 0.  Source: `torch.manual_seed`.
    """
    if not is_int(seed):
        raise TypeError(f"manual_seed: seed must be an int, got {seed!r}")
    if seed < 0:
        raise ValueError(f"manual_seed: seed must be at least 0, got {seed}")
    _GENERATOR.bit_generator.state = np.random.default_rng(seed).bit_generator.state
    return _GENERATOR


def as_generator(name, rng):
    """A NumPy generator, an int seed or None, which stands for the course's own, as a NumPy generator.

    Raises TypeError naming the function for anything else.
    """
    if rng is None:
        return generator()
    if is_int(rng) and rng >= 0:
        return np.random.default_rng(rng)
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"{name}: rng must be None, a NumPy generator or an int seed from 0 on, got {rng!r}")
    return rng
