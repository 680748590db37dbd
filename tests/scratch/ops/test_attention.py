"""Attention for images in NumPy equals the blocks in PyTorch, weights copied."""

import numpy as np
import pytest
import torch

from cnnlib import blocks
from cnnlib.scratch import functional as F
from cnnlib.scratch.ops import attention as A
from cnnlib.testing import assert_close

rng = np.random.default_rng(0)
image = rng.normal(size=(2, 8, 6, 10))
FOUR = [rng.normal(size=shape) for shape in [(24, 8), (24,), (8, 8), (8,)]]
SE = [rng.normal(size=shape) for shape in [(3, 8), (3,), (8, 3), (8,)]]
SAGAN = [rng.normal(size=shape) for shape in [(2, 8), (2, 8), (4, 8), (8, 4)]]

BAD = [
    (A.squeeze_excitation, (image[0], *SE), {}, r"squeeze_excitation: input must be \(N, C, H, W\).* \(8, 6, 10\)"),
    (A.squeeze_excitation, (image, *SE[:2], SE[0], SE[3]), {}, r"weight2 must have shape \(8, 3\), got \(3, 8\)"),
    (A.squeeze_excitation, (image, SE[0], None, *SE[2:]), {}, r"bias1 must have shape \(3\), got None"),
    (A.spatial_attention, (image, np.ones((1, 2, 4, 4))), {}, r"spatial_attention: .* odd k, got \(1, 2, 4, 4\)"),
    (A.spatial_attention, (image, np.ones((1, 2, 5, 3))), {}, r"weight must have shape \(1, 2, 5, 5\), got"),
    (A.spatial_attention, (image.tolist(), np.ones((1, 2, 3, 3))), {}, "input must be a NumPy array, got list"),
    (A.self_attention, (image, *SAGAN[:3], SAGAN[2], 0.5), {}, r"self_attention: v must have shape \(8, 4\), got"),
    (A.self_attention, (image, SAGAN[0], SAGAN[2], *SAGAN[2:], 0.5), {}, r"g must have shape \(2, 8\), got \(4, 8\)"),
    (A.self_attention, (image, *SAGAN, image), {}, "self_attention: gamma must be a number, got ndarray"),
    (A.attention_weights, (np.ones((4, 3)), np.ones((5, 2))), {}, r"attention_weights: query must be \(\*, L, E\)"),
    (A.attention_weights, (np.ones(3), np.ones(3)), {}, r"attention_weights: query must be .* got \(3,\) and \(3,\)"),
    (A.token_attention, (np.ones(8), *FOUR, 2), {}, r"token_attention: input must be \(\*, T, C\)"),
    (A.token_attention, (np.ones((5, 8)), *FOUR, 3), {}, "token_attention: channels must divide by heads"),
    (A.token_attention, (np.ones((5, 8)), *FOUR, 2.0), {}, "token_attention: heads must be an int"),
    (A.multi_head_self_attention, (image[0, 0], *FOUR, 2), {}, r"multi_head_self_attention: input must be \(N, C"),
    (A.multi_head_self_attention, (image, *FOUR, 0), {}, "multi_head_self_attention: heads must be at least 1, got 0"),
    (A.multi_head_self_attention, (image.astype(np.float32), *FOUR, 2), {}, "all arrays must have one dtype"),
    (A.window_attention, (image, *FOUR, 2, (3, 4)), {}, r"window_attention: H and W .* multiples of .* \(3, 4\), got"),
    (A.window_attention, (image, *FOUR, 2, 0), {}, "window_attention: window_size must be at least 1, got 0"),
    (A.axial_attention, (image, FOUR, FOUR[:3], 2), {}, "axial_attention: columns must be the four arrays"),
    (A.axial_attention, (image, FOUR[::-1], FOUR, 2), {}, r"axial_attention: qkv_weight must have shape \(24, 8\)"),
    (A.linear_attention, (image, *FOUR, 5), {}, "linear_attention: channels must divide by heads"),
    (A.linear_attention, (image, FOUR[0], None, *FOUR[2:], 2), {}, r"qkv_bias must have shape \(24\), got None"),
    (A.linear_attention_textbook, (image, *FOUR, 5), {}, "linear_attention_textbook: channels must divide by heads"),
]


def arrays(module, seed=0):
    """The parameters of a block, drawn anew so that no bias is 0; a 1×1 convolution's weight as a matrix."""
    generator, found = torch.Generator().manual_seed(seed), []
    with torch.no_grad():
        for p in module.parameters():
            p.normal_(0, 0.5, generator=generator)
            found.append(p.numpy().reshape(p.shape[:2]) if p.shape[2:] == (1, 1) else p.numpy())
    return found


def assert_twins(block, function, *args, shape=(2, 8, 6, 10), **options):
    """The function gives the block's numbers in double and single precision, and leaves its arguments as they are."""
    for dtype, tolerance in [(torch.float64, 1e-10), (torch.float32, 1e-4)]:
        block = block.to(dtype)
        kind = str(dtype).removeprefix("torch.")
        given = [value.astype(kind) if isinstance(value, np.ndarray) else
                 [part.astype(kind) for part in value] if isinstance(value, list) else value for value in args]
        x = torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(1))
        before = x.clone()
        got = function(x.numpy(), *given, **options)
        assert got.dtype == x.numpy().dtype
        assert torch.equal(x, before)
        assert_close(got, block(x), tolerance)


def test_gates():
    block = blocks.SqueezeExcitation(8, 7)
    weights = arrays(block)
    weights[1][:] = np.linspace(-2, 2, 7)                                # so that ReLU stops some and lets some pass
    assert_twins(block, A.squeeze_excitation, *weights)
    for k in (1, 3, 7):
        block = blocks.SpatialAttention(k)
        weight, = block.parameters()
        with torch.no_grad():
            weight.normal_(0, 0.5, generator=torch.Generator().manual_seed(k))
        assert_twins(block, A.spatial_attention, weight.detach().numpy(), shape=(2, 8, 4, 9))


@pytest.mark.parametrize("value_channels", [None, 8])
def test_self_attention(value_channels):
    block = blocks.SelfAttention2d(8, value_channels)
    gamma, f, g, h, v = arrays(block)                                    # γ is torch's first: it is no layer's
    assert_twins(block, A.self_attention, f, g, h, v, gamma.item())


@pytest.mark.parametrize("heads", [1, 4])
def test_attention_of_tokens_and_pixels(heads):
    block = blocks.TokenAttention(8, heads)
    four = arrays(block)
    assert_twins(block, A.token_attention, *four, heads, shape=(7, 8))
    assert_twins(block, A.token_attention, *four, heads, shape=(2, 3, 5, 8))
    block = blocks.MultiHeadSelfAttention(8, heads)
    assert_twins(block, A.multi_head_self_attention, *arrays(block), heads)
    block = blocks.LinearAttention(8, heads)
    assert_twins(block, A.linear_attention, *arrays(block), heads)


@pytest.mark.parametrize("window_size", [(3, 2), 2, (6, 10)])
def test_window_attention(window_size):
    block = blocks.WindowAttention(8, 2, window_size)
    assert_twins(block, A.window_attention, *arrays(block), 2, window_size=window_size)


def test_axial_attention():
    block = blocks.AxialAttention(8, 2)
    four = arrays(block)
    assert_twins(block, A.axial_attention, four[:4], four[4:], heads=2)


def test_the_weights_are_those_of_the_blocks_and_of_the_engine():
    block = blocks.TokenAttention(8, 2).double()
    arrays(block)
    x = torch.randn(3, 5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    q, k, v = (part.detach().numpy() for part in block.project(x))
    weights = A.attention_weights(q, k)
    assert_close(weights, block.attention_weights(x))
    assert_close(weights @ v, F.scaled_dot_product_attention(q, k, v))


def test_linear_attention_needs_no_pairs():
    assert_close(A.linear_attention(image, *FOUR, 4), A.linear_attention_textbook(image, *FOUR, 4))
    assert_close(A.linear_attention_textbook(image, *FOUR, 1), A.linear_attention(image, *FOUR, 1))
    dark = [FOUR[0], np.full(24, -1000.0), *FOUR[2:]]                    # φ(q) = φ(k) = 0 in any precision
    for function in (A.linear_attention, A.linear_attention_textbook):
        assert_close(function(image, *dark, 2), np.broadcast_to(FOUR[3][:, None, None], image.shape))
    wide = np.repeat(image, 50, axis=3)                                  # 3,000 pixels: 9 million pairs in each head
    assert A.linear_attention(wide, *FOUR, 2).shape == wide.shape


def test_an_image_of_one_window_or_one_row():
    assert_close(A.window_attention(image, *FOUR, 2, (6, 10)), A.multi_head_self_attention(image, *FOUR, 2))
    row = image[:, :, :1]
    alone = row.transpose(0, 2, 3, 1) @ np.eye(8)
    inner = A.token_attention(alone, *FOUR, 2)                           # in a column of one pixel it sees only itself:
    value = (inner @ FOUR[0][16:].T + FOUR[1][16:]) @ FOUR[2].T + FOUR[3]                     # P = 1
    assert_close(A.axial_attention(row, FOUR, FOUR, 2), value.transpose(0, 3, 1, 2))
