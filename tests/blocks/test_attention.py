"""Attention: equal to torch and to the formulas in loops, who sees whom, the counted cost, and the NumPy twin."""

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from cnnlib.blocks import (
    AxialAttention,
    LinearAttention,
    MultiHeadSelfAttention,
    SelfAttention2d,
    SpatialAttention,
    SqueezeExcitation,
    TokenAttention,
    WindowAttention,
)
from cnnlib.testing import assert_close
from tests.architectures.same import assert_same_in_numpy

image = torch.zeros(1, 8, 6, 10)
BAD = [
    (SqueezeExcitation(8), (image[:, :4],), {}, r"SqueezeExcitation: input must be \(N, 8, H, W\), got shape \(1, 4,"),
    (SqueezeExcitation(8), (image.byte(),), {}, r"input must be floats, got torch.uint8 .*divide by 255"),
    (SqueezeExcitation, (8, 2, nn.ReLU()), {}, "SqueezeExcitation: activation must be None or a .* makes a layer, got"),
    (SpatialAttention, (4,), {}, "SpatialAttention: kernel_size must be odd, got 4"),
    (SpatialAttention, (7.0,), {}, "SpatialAttention: kernel_size must be an int, got 7.0"),
    (SpatialAttention(), (image[0],), {}, r"SpatialAttention: input must be \(N, C, H, W\), got shape \(8, 6, 10\)"),
    (SelfAttention2d, (0,), {}, "SelfAttention2d: channels must be at least 1, got 0"),
    (SelfAttention2d, (8, 0), {}, "SelfAttention2d: value_channels must be at least 1, got 0"),
    (SelfAttention2d(4), (image,), {}, r"SelfAttention2d: input must be \(N, 4, H, W\), got shape \(1, 8, 6, 10\)"),
    (TokenAttention, (8, 3), {}, "TokenAttention: channels must divide by heads, got channels 8 and heads 3"),
    (TokenAttention(8, 2), (torch.zeros(2, 5, 7),), {}, r"TokenAttention: input must be \(\*, T, 8\), got .* 7\)"),
    (TokenAttention(8, 2), (torch.zeros(8),), {}, r"TokenAttention: input must be \(\*, T, 8\), got shape \(8,\)"),
    (TokenAttention(8, 2), (torch.zeros(2, 0, 8),), {}, r"TokenAttention: input must be .* got shape \(2, 0, 8\)"),
    (TokenAttention(8, 2), (torch.ones(2, 5, 8).long(),), {}, "TokenAttention: input must be floats, got torch.int64"),
    (TokenAttention(8, 2), ([1.0],), {}, r"TokenAttention: input must be a tensor \(\*, T, 8\), got list"),
    (MultiHeadSelfAttention, (8, 0), {}, "MultiHeadSelfAttention: heads must be at least 1, got 0"),
    (MultiHeadSelfAttention, (8, 5), {}, "MultiHeadSelfAttention: channels must divide by heads"),
    (MultiHeadSelfAttention(4, 2), (image,), {}, r"MultiHeadSelfAttention: input must be \(N, 4, H, W\)"),
    (WindowAttention, (8, 5, 2), {}, "WindowAttention: channels must divide by heads"),
    (WindowAttention, (8, 2, (2, 3, 4)), {}, r"window_size must be an int or \(H, W\), got \(2, 3, 4\)"),
    (WindowAttention, (8, 2, 0), {}, "WindowAttention: window_size must be at least 1, got 0"),
    (WindowAttention(8, 2, (3, 4)), (image,), {}, r"H and W of the input must be multiples of \(3, 4\), got .* 10"),
    (WindowAttention(8, 2, 4), (image[..., :8],), {}, "WindowAttention: H and W of the input must be multiples of"),
    (AxialAttention, (8, 3), {}, "AxialAttention: channels must divide by heads"),
    (AxialAttention(4, 2), (image,), {}, r"AxialAttention: input must be \(N, 4, H, W\), got shape \(1, 8, 6, 10\)"),
    (LinearAttention, (8, 3), {}, "LinearAttention: channels must divide by heads"),
    (LinearAttention(4, 2), (image,), {}, r"LinearAttention: input must be \(N, 4, H, W\), got shape \(1, 8, 6, 10\)"),
]

# block, the shape of weights(x) for x of shape (2, 16, 6, 10)
BLOCKS = {
    "SE": (lambda: SqueezeExcitation(16, 3), (2, 16, 1, 1)),
    "spatial": (lambda: SpatialAttention(5), (2, 1, 6, 10)),
    "SAGAN": (lambda: SelfAttention2d(16), (2, 60, 60)),
    "multi-head": (lambda: MultiHeadSelfAttention(16, 4), (2, 4, 60, 60)),
    "window": (lambda: WindowAttention(16, 4, (3, 2)), (2, 2, 5, 4, 6, 6)),
    "linear": (lambda: LinearAttention(16, 4), (2, 4, 60, 60)),
}
PIXELS = ["SAGAN", "multi-head", "linear"]


def make(name, seed=0):
    """A block in double precision, its biases and SAGAN's γ not 0."""
    torch.manual_seed(seed)
    block = BLOCKS[name][0]().double()
    with torch.no_grad():
        for p in block.parameters():
            p.normal_(0, 0.5)
    return block


def noise(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def torch_attention(attention):
    """torch.nn.MultiheadAttention with the weights of a TokenAttention, copied in order."""
    theirs = nn.MultiheadAttention(attention.channels, attention.heads, batch_first=True).double()
    tensors = zip(theirs.state_dict(), attention.state_dict().values(), strict=True)
    theirs.load_state_dict(dict(tensors))
    return theirs


def sees(function, shape, i, j):
    """(H, W) of bool: the pixels of which the output at (i, j) depends."""
    x = noise(*shape).requires_grad_()
    out = function(x)[0, :, i, j]
    (out * noise(*out.shape, seed=1)).sum().backward()
    return x.grad[0].abs().sum(0) > 1e-12


def macs(block, shape):
    """Multiply-adds for each image, counted while the block runs."""
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        block(torch.randn(shape))
    return counter.get_total_flops() / 2 / shape[0]


@pytest.mark.parametrize("name", BLOCKS)
def test_shapes_and_the_twin_in_numpy(name):
    make_block, weights = BLOCKS[name]
    torch.manual_seed(0)
    block, x = make_block(), torch.randn(2, 16, 6, 10)
    assert block(x).shape == x.shape
    assert block.attention_weights(x).shape == weights
    assert_same_in_numpy(block, (2, 16, 6, 10))


def test_axial_shapes_and_the_twin_in_numpy():
    block, x = AxialAttention(16, 2), torch.randn(3, 16, 5, 7)
    assert block(x).shape == x.shape
    rows, columns = block.attention_weights(x)
    assert (rows.shape, columns.shape) == ((3, 5, 2, 7, 7), (3, 7, 2, 5, 5))
    assert_same_in_numpy(block, (3, 16, 5, 7))
    assert_same_in_numpy(TokenAttention(12, 3), (2, 5, 12))
    assert_same_in_numpy(TokenAttention(12, 3), (2, 3, 4, 5, 12))


# ---- equal to torch and to the formulas ------------------------------------------------------------------------------

@pytest.mark.parametrize("heads", [1, 4])
def test_token_attention_equals_torch(heads):
    block = TokenAttention(12, heads).double()
    x = noise(2, 7, 12)
    out, weights = torch_attention(block)(x, x, x, average_attn_weights=False)
    assert_close(block(x), out)
    assert_close(block.attention_weights(x), weights)
    many = noise(3, 2, 7, 12)                                            # axes in front are a batch, however many
    assert_close(block(many), torch.stack([block(part) for part in many]))


def test_attention_over_pixels_equals_torch_with_a_pixel_as_a_token():
    block, x = make("multi-head"), noise(2, 16, 3, 5)
    tokens = torch.stack([x[:, :, i, j] for i in range(3) for j in range(5)], 1)              # (N, T, C)
    out, weights = torch_attention(block.attention)(tokens, tokens, tokens, average_attn_weights=False)
    for i in range(3):
        for j in range(5):
            assert_close(block(x)[:, :, i, j], out[:, 5 * i + j])
    assert_close(block.attention_weights(x), weights)


def test_sagan_is_its_formula_pixel_by_pixel():
    block, x = make("SAGAN"), noise(1, 16, 2, 3)
    f, g, h, v = (conv.weight[:, :, 0, 0] for conv in (block.f, block.g, block.h, block.v))
    assert [tuple(w.shape) for w in (f, g, h, v)] == [(2, 16), (2, 16), (8, 16), (16, 8)]
    pixels = [x[0, :, i, j] for i in range(2) for j in range(3)]
    for j, pixel in enumerate(pixels):
        scores = torch.stack([(f @ other) @ (g @ pixel) for other in pixels])                 # s_ij, i = 0 …
        beta = scores.exp() / scores.exp().sum()
        assert_close(block.attention_weights(x)[0, j], beta)
        o = sum(b * (h @ other) for b, other in zip(beta, pixels, strict=True))
        assert_close(block(x)[0, :, j // 3, j % 3], pixel + block.gamma * (v @ o))


def test_sagan_begins_as_the_identity_and_learns_to_leave_it():
    block, x = SelfAttention2d(16), torch.randn(2, 16, 3, 5)
    out = block(x)
    assert torch.equal(out, x)
    (out * torch.randn_like(out)).sum().backward()
    assert block.gamma.grad.abs() > 0
    small = SelfAttention2d(3)                                           # C/8 and C/2 are at least 1
    assert (small.f.out_channels, small.h.out_channels) == (1, 1)
    assert SelfAttention2d(16, 16).h.out_channels == 16


def test_spatial_attention_is_its_formula():
    block, x = make("spatial"), noise(2, 16, 6, 7)
    kernel, want = block.conv.weight[0], torch.empty_like(x)             # (2, 5, 5)
    for i in range(6):
        for j in range(7):
            score = 0
            for u in range(5):
                for v in range(5):
                    if 0 <= i + u - 2 < 6 and 0 <= j + v - 2 < 7:
                        near = x[:, :, i + u - 2, j + v - 2]
                        score = score + kernel[0, u, v] * near.max(1).values + kernel[1, u, v] * near.sum(1) / 16
            want[:, :, i, j] = x[:, :, i, j] / (1 + (-score).exp())[:, None]
    assert_close(block(x), want)
    assert sum(p.numel() for p in SpatialAttention().parameters()) == 2 * 7 * 7


@pytest.mark.parametrize("name", ["SE", "spatial"])
def test_gates_are_their_weights_times_the_input(name):
    block, x = make(name), noise(2, 16, 6, 7)
    weights = block.attention_weights(x)
    assert 0 < weights.min() < weights.max() < 1
    assert_close(block(x), x * weights)


def test_window_attention_equals_torch_in_each_window():
    block, x = WindowAttention(8, 2, (3, 2)).double(), noise(2, 8, 6, 10)
    theirs, want = torch_attention(block.attention), torch.empty_like(x)
    for i in range(0, 6, 3):
        for j in range(0, 10, 2):
            tokens = x[:, :, i:i + 3, j:j + 2].flatten(2).transpose(1, 2)
            out, weights = theirs(tokens, tokens, tokens, average_attn_weights=False)
            want[:, :, i:i + 3, j:j + 2] = out.transpose(1, 2).reshape(2, 8, 3, 2)
            assert_close(block.attention_weights(x)[:, i // 3, j // 2], weights)
    assert_close(block(x), want)


def test_a_window_as_large_as_the_image_is_full_attention():
    full, x = make("multi-head"), noise(2, 16, 6, 10)
    window = WindowAttention(16, 4, (6, 10)).double()
    window.load_state_dict(full.state_dict())
    assert_close(window(x), full(x))
    assert_close(window.attention_weights(x)[:, 0, 0], full.attention_weights(x))


def test_axial_attention_equals_torch_row_by_row_then_column_by_column():
    block, x = AxialAttention(8, 2).double(), noise(2, 8, 5, 7)
    middle, want = torch.empty_like(x), torch.empty_like(x)
    for theirs, source, target, axis in [(torch_attention(block.rows), x, middle, 2),
                                         (torch_attention(block.columns), middle, want, 3)]:
        maps = block.attention_weights(x)[axis - 2]
        for i in range(x.shape[axis]):
            line = source.select(axis, i).transpose(1, 2)                # (N, length, C)
            out, weights = theirs(line, line, line, average_attn_weights=False)
            target.select(axis, i).copy_(out.transpose(1, 2).detach())
            assert_close(maps[:, i], weights)
    assert_close(block(x), want)


def test_linear_attention_is_its_quadratic_form():
    block, x = make("linear"), noise(2, 16, 3, 5)
    tokens = x.flatten(2).transpose(1, 2)
    q, k, v = (tokens @ w.T + b for w, b in zip(block.qkv.weight.chunk(3), block.qkv.bias.chunk(3), strict=True))
    heads = []
    for head in range(4):
        a, b, c = (part[:, :, 4 * head:4 * head + 4] for part in (q, k, v))
        a, b = (torch.where(part > 0, part + 1, part.exp()) for part in (a, b))               # elu + 1
        scores = torch.einsum("nid,njd->nij", a, b)                      # every pair of pixels, (N, T, T)
        scores = scores / scores.sum(2, keepdim=True)
        assert_close(block.attention_weights(x)[:, head], scores)
        heads.append(torch.einsum("nij,njd->nid", scores, c))
    want = torch.cat(heads, 2) @ block.out.weight.T + block.out.bias
    assert_close(block(x), want.transpose(1, 2).reshape(2, 16, 3, 5))


def test_linear_attention_stays_finite_where_its_features_round_to_0():
    block = LinearAttention(4, 1)
    with torch.no_grad():
        block.qkv.bias[:8] = -1000
    x = torch.randn(1, 4, 3, 5)
    assert torch.isfinite(block(x)).all() and torch.isfinite(block.attention_weights(x)).all()


# ---- the maps that a figure draws ------------------------------------------------------------------------------------

def test_the_weights_of_a_query_sum_to_one_and_make_the_output():
    x = noise(2, 16, 6, 10)
    for name in [*PIXELS, "window"]:
        weights = make(name).attention_weights(x)
        assert weights.min() >= 0
        assert_close(weights.sum(-1), torch.ones_like(weights.sum(-1)))
    block, tokens = TokenAttention(12, 3).double(), noise(2, 7, 12)
    _, _, v = block.project(tokens)
    assert_close(block(tokens), block.out((block.attention_weights(tokens) @ v).transpose(1, 2).flatten(2)))


def test_a_map_shows_the_pixels_that_are_alike():
    """With W_q = W_k = s·1 a pixel looks at those of its own colour: the map of a picture is a picture of that."""
    block = MultiHeadSelfAttention(2, 1)
    with torch.no_grad():
        block.attention.qkv.weight.copy_(30 * torch.cat([torch.eye(2)] * 3))
        block.attention.qkv.bias.zero_()
    red = torch.zeros(4, 7)
    red[1:3, 2:6] = 1
    x = torch.stack([red, 1 - red])[None]
    maps = block.attention_weights(x)[0, 0]
    assert_close(maps[1 * 7 + 4].reshape(4, 7), red / red.sum())
    assert_close(maps[3 * 7 + 0].reshape(4, 7), (1 - red) / (1 - red).sum())


# ---- who sees whom ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", PIXELS)
def test_attention_over_pixels_sees_all_and_knows_no_places(name):
    block, x = make(name), noise(2, 16, 3, 5)
    assert sees(block, (1, 16, 3, 5), 1, 4).all()
    order = torch.randperm(15, generator=torch.Generator().manual_seed(0))

    def permuted(images):
        return images.flatten(2)[:, :, order].unflatten(2, (3, 5))

    assert_close(block(permuted(x)), permuted(block(x)))
    assert (block(permuted(x)) - block(x)).abs().max() > 0.01


def test_window_attention_sees_its_window_only():
    block = WindowAttention(8, 2, (3, 2)).double()
    for i, j in [(0, 0), (2, 3), (5, 9), (3, 4)]:
        want = torch.zeros(6, 10, dtype=torch.bool)
        want[i // 3 * 3:i // 3 * 3 + 3, j // 2 * 2:j // 2 * 2 + 2] = True
        assert torch.equal(sees(block, (1, 8, 6, 10), i, j), want)


def test_axial_attention_sees_its_row_then_its_column_and_so_all():
    block = AxialAttention(8, 2).double()
    row, column = torch.zeros(2, 5, 7, dtype=torch.bool)
    row[3], column[:, 2] = True, True

    def rows(x): return block.rows(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    def columns(x): return block.columns(x.permute(0, 3, 2, 1)).permute(0, 3, 2, 1)

    assert torch.equal(sees(rows, (1, 8, 5, 7), 3, 2), row)
    assert torch.equal(sees(columns, (1, 8, 5, 7), 3, 2), column)
    x = noise(2, 8, 5, 7)
    assert_close(block(x), columns(rows(x)))
    assert sees(block, (1, 8, 5, 7), 3, 2).all()


def test_spatial_attention_sees_its_neighbourhood():
    want = torch.zeros(12, 15, dtype=torch.bool)
    want[2:9, 6:13] = True
    block = SpatialAttention(7).double()
    x = noise(1, 4, 12, 15).requires_grad_()
    block.attention_weights(x)[0, 0, 5, 9].backward()
    assert torch.equal(x.grad[0].abs().sum(0) > 0, want)


# ---- what it costs ---------------------------------------------------------------------------------------------------

C, HEADS = 16, 4
COSTS = {                                                                # h, w → multiply-adds of the docstrings
    "SE": (lambda: SqueezeExcitation(C, 3), lambda h, w: 2 * C * 3),
    "spatial": (lambda: SpatialAttention(7), lambda h, w: 2 * 49 * h * w),
    "SAGAN": (lambda: SelfAttention2d(C), lambda h, w: (h * w)**2 * (C / 8 + C / 2) + h * w * C * (C / 4 + C)),
    "multi-head": (lambda: MultiHeadSelfAttention(C, HEADS), lambda h, w: 4 * h * w * C**2 + 2 * (h * w)**2 * C),
    "window": (lambda: WindowAttention(C, HEADS, (3, 2)), lambda h, w: 4 * h * w * C**2 + 2 * h * w * (3 * 2) * C),
    "axial": (lambda: AxialAttention(C, HEADS), lambda h, w: 8 * h * w * C**2 + 2 * h * w * (h + w) * C),
    "linear": (lambda: LinearAttention(C, HEADS),
               lambda h, w: 4 * h * w * C**2 + 2 * h * w * C**2 / HEADS + h * w * C),
}


@pytest.mark.parametrize("name", COSTS)
def test_the_counted_cost_is_the_stated_one(name):
    block, cost = COSTS[name][0](), COSTS[name][1]
    for h, w in [(6, 10), (12, 20), (9, 4)]:
        assert macs(block, (2, C, h, w)) == cost(h, w)


def test_what_grows_with_the_square_of_the_pixels_and_what_does_not():
    def pairs(name, side):
        """The cost without the projections, the same 1×1 convolutions in all."""
        block = COSTS[name][0]()
        projections = sum(p.numel() for p in block.parameters() if p.ndim > 1)
        return macs(block, (1, C, side, side)) - projections * side**2

    growth = {name: pairs(name, 24) / pairs(name, 12) for name in ("SAGAN", "multi-head", "window", "axial", "linear")}
    assert growth == {"SAGAN": 16, "multi-head": 16, "window": 4, "axial": 8, "linear": 4}       # sides twice as long
