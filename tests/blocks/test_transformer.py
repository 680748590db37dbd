"""The parts of a vision transformer equal torch's and torchvision's; the time embedding equals its formula."""

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from cnnlib.blocks import PatchEmbedding, TimeEmbedding, TransformerBlock
from cnnlib.scratch import Tensor, from_torch
from cnnlib.testing import assert_close
from cnnlib.torchvision_compat import import_torchvision
from tests.architectures.same import assert_same_in_numpy

vision_transformer = import_torchvision().models.vision_transformer
image = torch.zeros(1, 3, 6, 8)
BAD = [
    (PatchEmbedding, (3, 0, 4), {}, "PatchEmbedding: out_channels must be at least 1, got 0"),
    (PatchEmbedding, (3, 8, 4.0), {}, "PatchEmbedding: patch_size must be an int, got 4.0"),
    (PatchEmbedding, (3, 8, (4,)), {}, r"PatchEmbedding: patch_size must be an int or \(H, W\), got \(4,\)"),
    (PatchEmbedding(3, 8, 4), (image,), {}, "PatchEmbedding: H and W of the input must be multiples of"),
    (PatchEmbedding(3, 8, (3, 5)), (image,), {}, r"must be multiples of \(3, 5\), got shape \(1, 3, 6, 8\)"),
    (PatchEmbedding(4, 8, 2), (image,), {}, r"PatchEmbedding: input must be \(N, 4, H, W\), got shape \(1, 3, 6, 8\)"),
    (TransformerBlock, (8, 3), {}, "TransformerBlock: channels must divide by heads, got channels 8 and heads 3"),
    (TransformerBlock, (8, 2, 0), {}, "TransformerBlock: hidden must be at least 1, got 0"),
    (TransformerBlock(6, 2), (image,), {}, r"TransformerBlock: input must be \(\*, T, 6\), got shape \(1, 3, 6, 8\)"),
    (TransformerBlock, (8, 2, 4, nn.GELU()), {}, "TransformerBlock: activation must be None or .* got GELU"),
    (TransformerBlock(8, 2), (image[0].byte(),), {}, "TransformerBlock: input must be floats, got torch.uint8"),
    (TimeEmbedding, (5, 8), {}, "TimeEmbedding: channels must be even, got 5"),
    (TimeEmbedding, (4, 0), {}, "TimeEmbedding: out_channels must be at least 1, got 0"),
    (TimeEmbedding(4, 8), (torch.zeros(2, 1),), {}, r"TimeEmbedding: input must be \(N,\), got shape \(2, 1\)"),
    (TimeEmbedding(4, 8), (3,), {}, r"TimeEmbedding: input must be a tensor \(N,\), got int"),
]


def noise(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def drawn(block, seed=0):
    """The block in double precision with every tensor drawn, so that no bias is 0 and no scale 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in block.double().parameters():
            p.normal_(0.2, 0.4, generator=generator)
    return block


def test_the_twins_in_numpy():
    assert_same_in_numpy(PatchEmbedding(3, 8, (2, 3)), (2, 3, 6, 15))
    assert_same_in_numpy(TransformerBlock(12, 3, 20), (2, 7, 12))


@pytest.mark.parametrize("patch_size", [4, (2, 5), 1])
def test_patch_embedding_equals_unfold_and_one_linear_map(patch_size):
    block, x = drawn(PatchEmbedding(3, 6, patch_size)), noise(2, 3, 8, 20)
    patches = F.unfold(x, patch_size, stride=patch_size).transpose(1, 2)                      # (N, T, C·h·w)
    assert_close(block(x), F.linear(patches, block.conv.weight.flatten(1), block.conv.bias))


def test_patches_come_row_by_row():
    block = drawn(PatchEmbedding(3, 6, (2, 5)))
    x = noise(2, 3, 8, 20)
    for i in range(4):
        for j in range(4):
            alone = x[:, :, 2 * i:2 * i + 2, 5 * j:5 * j + 5]
            assert_close(block(x)[:, 4 * i + j], block(alone)[:, 0])


@pytest.mark.parametrize(("activation", "name", "eps"), [(nn.GELU, "gelu", 1e-5), (nn.ReLU, "relu", 1e-2)])
def test_transformer_block_equals_torch(activation, name, eps):
    ours = drawn(TransformerBlock(12, 3, 20, activation, eps))
    theirs = nn.TransformerEncoderLayer(12, 3, 20, dropout=0, activation=name, layer_norm_eps=eps, batch_first=True,
                                        norm_first=True).double()
    parts = [(theirs.norm1, ours.norm1), (theirs.self_attn, ours.attention), (theirs.norm2, ours.norm2),
             (theirs.linear1, ours.mlp[0]), (theirs.linear2, ours.mlp[2])]
    for there, here in parts:
        there.load_state_dict(dict(zip(there.state_dict(), here.state_dict().values(), strict=True)))
    x = 0.05 * noise(2, 7, 12)                                           # small, so that eps is seen
    assert_close(ours(x), theirs(x))
    normed = ours.norm1(x)
    assert_close(ours.attention_weights(x), theirs.self_attn(normed, normed, normed, average_attn_weights=False)[1])


def test_transformer_block_equals_torchvision():
    ours = drawn(TransformerBlock(12, 3, 20, eps=1e-6))
    theirs = vision_transformer.EncoderBlock(3, 12, 20, 0.0, 0.0, partial(nn.LayerNorm, eps=1e-6)).double()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    x = noise(2, 7, 12)
    assert_close(ours(x), theirs(x))
    assert TransformerBlock(12, 3).mlp[0].out_features == 48


def test_the_counted_cost_is_the_stated_one():
    def macs(block, x):
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
            block(x)
        return counter.get_total_flops() / 2

    for t in (7, 13):
        assert macs(TransformerBlock(12, 3, 20), torch.randn(1, t, 12)) == t * (4 * 144 + 2 * 12 * 20) + 2 * t**2 * 12
    assert macs(PatchEmbedding(3, 8, (2, 5)), torch.randn(1, 3, 6, 20)) == 12 * 2 * 5 * 3 * 8


def test_the_waves_are_their_formula_all_sines_then_all_cosines():
    block = TimeEmbedding(8, 5)
    for t in (0.0, 1.0, 0.37, 12.5, -3.25, 999.0):
        want = [math.sin(t / 10000**(i / 4)) for i in range(4)] + [math.cos(t / 10000**(i / 4)) for i in range(4)]
        assert_close(block.wave(torch.tensor([t]))[0], torch.tensor(want), 1e-6)


@pytest.mark.parametrize(("dtype", "tolerance"), [
    (torch.bfloat16, 2**-8), (torch.float16, 2**-11), (torch.float32, 1e-7), (torch.float64, 1e-12)])
def test_the_waves_are_as_exact_as_the_network_s_numbers(dtype, tolerance):
    block = TimeEmbedding(8, 5).to(dtype)
    want = [wave(999 / 10000**(i / 4)) for wave in (math.sin, math.cos) for i in range(4)]
    wave = block.wave(torch.tensor([999]))
    assert wave.dtype == dtype and block(torch.tensor([999])).dtype == dtype
    assert_close(wave[0].double(), torch.tensor(want, dtype=torch.float64), tolerance)


def test_the_waves_are_those_of_vaswani_in_another_order():
    channels, steps = 16, torch.arange(50)
    want = torch.zeros(50, channels)                                     # PE(pos, 2i) = sin(pos/10000^(2i/d)), …
    for pos in range(50):
        for i in range(channels // 2):
            want[pos, 2 * i] = math.sin(pos / 10000**(2 * i / channels))
            want[pos, 2 * i + 1] = math.cos(pos / 10000**(2 * i / channels))
    wave = TimeEmbedding(channels, 5).wave(steps)
    assert_close(torch.stack([wave[:, :8], wave[:, 8:]], 2).flatten(1), want, 1e-5)


def test_the_network_behind_the_waves():
    block = drawn(TimeEmbedding(6, 5))
    t = torch.tensor([0.5, 3.0, 100.25], dtype=torch.float64)
    first, second = block.mlp[0], block.mlp[2]
    hidden = block.wave(t) @ first.weight.T + first.bias
    assert_close(block(t), hidden * torch.sigmoid(hidden) @ second.weight.T + second.bias)
    assert block(t).shape == (3, 5)
    assert_close(from_torch(block)(Tensor(t.numpy())).data, block(t))
    assert not any("index" in key for key in block.state_dict())
    ints = torch.tensor([0, 3, 100])
    assert_close(block.float()(ints), block(ints.double()))
