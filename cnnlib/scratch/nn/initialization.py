"""First weights, with the names and arguments of `torch.nn.init`: each fills an array in place and returns it.

A sum of fan_in products with weights of variance v has fan_in · v times the variance of what goes in; on the way back
fan_out takes that place. So v = gain² / fan keeps what flows through a layer at one size, where gain makes up for the
activation behind it.
"""

import math

import numpy as np

from cnnlib.checks import NonNegativeNumber, Number, check_choice, checked, is_number

from ..functional.random import generator as course_generator

__all__ = [
    "calculate_gain", "kaiming_normal_", "kaiming_uniform_", "normal_", "uniform_", "xavier_normal_", "xavier_uniform_",
]


def calculate_gain(nonlinearity, param=None):
    """By what an activation shrinks the size of what flows through it, as a factor that makes up for it.

    linear, convolutions, sigmoid 1;   tanh 5/3;   relu √2;   leaky_relu √(2 / (1 + param²)), param 0.01;   selu 3/4

    Returns a float. Raises ValueError for another name.  Source: `torch.nn.init.calculate_gain`; He et al. (2015).
    """
    linear = ["linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
              "sigmoid"]
    gains = {**dict.fromkeys(linear, 1.0), "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4, "leaky_relu": None}
    check_choice("calculate_gain", "nonlinearity", nonlinearity, gains)
    if nonlinearity != "leaky_relu":
        return gains[nonlinearity]
    slope = 0.01 if param is None else param
    if not is_number(slope):
        raise TypeError(f"calculate_gain: param must be a number, the slope of leaky_relu, got {param!r}")
    return math.sqrt(2 / (1 + float(slope)**2))


@checked
def uniform_(tensor, a: Number = 0.0, b: Number = 1.0, generator=None):
    """Uniform numbers from a to b, all equally likely.

    tensor: an array or a `Tensor`, which is filled.  generator: NumPy's; None: the course's own, see `manual_seed`.
    Raises TypeError or ValueError naming the argument.
    """
    array = _array("uniform_", tensor)
    if not a <= b:
        raise ValueError(f"uniform_: a must be at most b, got {a} and {b}")
    array[...] = _generator("uniform_", generator).uniform(a, b, array.shape)
    return tensor


@checked
def normal_(tensor, mean: Number = 0.0, std: NonNegativeNumber = 1.0, generator=None):
    """Normal numbers; see `uniform_`. Raises TypeError or ValueError naming the argument."""
    array = _array("normal_", tensor)
    array[...] = _generator("normal_", generator).normal(mean, std, array.shape)
    return tensor


@checked
def xavier_uniform_(tensor, gain: Number = 1.0, generator=None):
    """Uniform numbers from ±gain · √(6 / (fan_in + fan_out)), a compromise between both ways (Glorot & Bengio 2010).

    tensor: (out, in, *kernel), an array or a `Tensor`.  Raises TypeError or ValueError naming the argument.
    """
    fan_in, fan_out = _fans("xavier_uniform_", tensor)
    bound = gain * math.sqrt(6 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)


@checked
def xavier_normal_(tensor, gain: Number = 1.0, generator=None):
    """Normal numbers of variance gain² · 2 / (fan_in + fan_out) (Glorot & Bengio 2010); see `xavier_uniform_`."""
    fan_in, fan_out = _fans("xavier_normal_", tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2 / (fan_in + fan_out)), generator)


@checked
def kaiming_uniform_(tensor, a: Number = 0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Uniform numbers from ±gain · √(3 / fan), with the gain of the activation (He et al. 2015).

    tensor: (out, in, *kernel), an array or a `Tensor`.  a: the slope of leaky_relu.  mode: "fan_in" keeps the size of
    the activations, "fan_out" that of the gradients.  Raises TypeError or ValueError naming the argument.
    """
    bound = math.sqrt(3) * _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


@checked
def kaiming_normal_(tensor, a: Number = 0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Normal numbers of variance gain² / fan (He et al. 2015); see `kaiming_uniform_`."""
    return normal_(tensor, 0.0, _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity), generator)


# ---- helpers ---------------------------------------------------------------------------------------------------------

def _kaiming_std(name, tensor, a, mode, nonlinearity):
    check_choice(name, "mode", mode, ("fan_in", "fan_out"))
    fan_in, fan_out = _fans(name, tensor)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan_in if mode == "fan_in" else fan_out)


def _fans(name, tensor):
    """How many numbers one output is made of, and into how many outputs one number goes."""
    shape = _array(name, tensor).shape
    if len(shape) < 2 or 0 in shape:
        raise ValueError(f"{name}: tensor must be (out, in, *kernel), none of them 0, got shape {shape}")
    return shape[1] * math.prod(shape[2:]), shape[0] * math.prod(shape[2:])


def _array(name, tensor):
    array = getattr(tensor, "data", tensor) if not isinstance(tensor, np.ndarray) else tensor
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        raise TypeError(f"{name}: tensor must be a Tensor or array of floats, "
                        f"got {getattr(array, 'dtype', type(tensor).__name__)}")
    return array


def _generator(name, generator):
    if generator is not None and not isinstance(generator, np.random.Generator):
        raise TypeError(f"{name}: generator must be None or a NumPy generator, got {generator!r}")
    return course_generator() if generator is None else generator
