"""The engine as a whole: the names, the order and the defaults of torch.nn.functional, and NumPy alone."""

import inspect
import subprocess
import sys

import pytest
import torch.nn.functional as T

from cnnlib.scratch import functional as F

OPERATIONS = """
    conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d unfold fold
    max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d
    adaptive_max_pool2d batch_norm layer_norm instance_norm group_norm local_response_norm
    pixel_shuffle pixel_unshuffle pad interpolate grid_sample
    relu relu6 leaky_relu prelu elu gelu silu softplus sigmoid tanh hardswish softmax log_softmax dropout
    cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss binary_cross_entropy binary_cross_entropy_with_logits kl_div
    linear scaled_dot_product_attention
""".split()
TEXTBOOK = {name for name in F.__all__ if "_textbook" in name}
FORWARD = sorted(name for name in F.__all__ if not name.endswith("_backward") and name not in TEXTBOOK)
# What torch itself no longer wants: size_average and reduce became reduction; the level of a warning.
LEFT_OUT = {"size_average", "reduce", "_stacklevel"}
# And what would change the weight in place, or has no meaning for arrays.
LEFT_OUT_OF = {"embedding": {"max_norm", "norm_type", "sparse"}}


def test_every_operation_is_there():
    missing = [name for name in OPERATIONS if name not in FORWARD]
    assert not missing, f"cnnlib.scratch.functional lacks {missing}"


@pytest.mark.parametrize("name", FORWARD)
def test_forward_and_backward_take_the_same(name):
    forward, backward = (inspect.signature(getattr(F, n)).parameters for n in (name, f"{name}_backward"))
    assert f"{name}_backward" in F.__all__
    options = {key: value for key, value in backward.items() if key not in ("grad_output", "needs_input_grad")}
    assert list(backward)[0] == "grad_output"
    assert list(options) == list(forward)
    assert [p.default for p in options.values()] == [p.default for p in forward.values()]


def torch_parameters(name):
    """The names and defaults of torch's arguments; None where torch's function cannot be asked."""
    function = getattr(T, name, None)
    function = getattr(function, "__wrapped__", function)
    if name.startswith(("max_pool", "adaptive_max_pool", "fractional_max")):     # these choose between two at run time
        function = getattr(T, f"{name}_with_indices")
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return None


@pytest.mark.parametrize("name", [name for name in FORWARD if torch_parameters(name) is not None])
def test_names_order_and_defaults_are_those_of_torch(name):
    theirs = {key: p for key, p in torch_parameters(name).items() if key not in LEFT_OUT | LEFT_OUT_OF.get(name, set())}
    ours = {key: p for key, p in inspect.signature(getattr(F, name)).parameters.items()
            if key not in ("rng", "saved") or key in theirs}
    assert list(ours) == list(theirs)
    different = {key: (p.default, theirs[key].default) for key, p in ours.items()
                 if p.default is not theirs[key].default and p.default != theirs[key].default}
    assert not different, f"defaults of {name}, ours and torch's: {different}"


def test_the_engine_loads_numpy_only():
    code = ("import sys, cnnlib.scratch; "
            "sys.exit(' '.join({'torch', 'scipy', 'matplotlib', 'skimage'} & set(sys.modules)) or None)")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, f"import cnnlib.scratch also loads {result.stderr}"
