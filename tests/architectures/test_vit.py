"""ViT equals torchvision's; its maps, its tokens, its small form."""

import torch
from torch import nn

from cnnlib.architectures import PositionEmbedding, VisionTransformer, small_vit, vit_b_16
from cnnlib.testing import assert_close
from tests.architectures.same import (
    assert_same_as_torchvision,
    assert_same_in_numpy,
    count_parameters,
    models,
    unsettle,
)

SMALL = {"channels": 24, "depth": 3, "heads": 4, "hidden": 40}
BAD = [
    (PositionEmbedding, (0, 8), {}, "PositionEmbedding: tokens must be at least 1, got 0"),
    (PositionEmbedding(5, 8), (torch.zeros(1, 4, 8),), {}, r"PositionEmbedding: input must be \(N, 5, 8\), got shape"),
    (VisionTransformer, (0, 3, 32, 8), SMALL, "VisionTransformer: num_classes must be at least 1, got 0"),
    (VisionTransformer, (10, 3, 32, 7), SMALL, r"image_size must divide by patch_size, got \(32, 32\) and"),
    (VisionTransformer, (10, 3, (32, 0), 8), SMALL, "VisionTransformer: image_size must be at least 1, got 0"),
    (VisionTransformer, (10, 3, 32, 8), {**SMALL, "heads": 5}, "TransformerBlock: channels must divide by heads"),
    (vit_b_16, (1000, 3, 225), {}, r"must divide by patch_size, got \(225, 225\) and \(16, 16\)"),
    (vit_b_16, (10.0,), {}, "num_classes must be an int, got 10.0"),
    (small_vit, (10, 0), {}, "in_channels must be at least 1, got 0"),
    (small_vit(), (torch.zeros(2, 1, 32, 32),), {}, r"VisionTransformer: input must be \(N, 1, 28, 28\), got .* 32\)"),
    (small_vit(), (torch.zeros(28, 28),), {}, r"input must be \(N, 1, 28, 28\), got shape \(28, 28\)"),
]


def test_vit_b_16_has_torchvisions_tensors():
    with torch.device("meta"):
        ours, theirs = vit_b_16(), models.vit_b_16()
        assert count_parameters(ours) == count_parameters(theirs) == 86_567_656
        assert [p.shape for p in ours.state_dict().values()] == [p.shape for p in theirs.state_dict().values()]
        assert count_parameters(vit_b_16(10, 1)) == 86_567_656 - 990 * 769 - 2 * 768 * 256
    assert {norm.eps for norm in ours.modules() if isinstance(norm, nn.LayerNorm)} == {1e-6}


def test_vit_b_16_gives_torchvisions_outputs():
    theirs = models.VisionTransformer(image_size=48, patch_size=16, num_layers=12, num_heads=12, hidden_dim=768,
                                      mlp_dim=3072, num_classes=7)
    nn.init.normal_(theirs.heads.head.weight, 0, 0.05)                   # made as zeros: the outputs would say nothing
    nn.init.normal_(theirs.class_token, 0, 0.5)
    assert_same_as_torchvision(vit_b_16(7, image_size=48), theirs, (2, 3, 48, 48))


def test_a_small_one_gives_torchvisions_outputs_where_the_variance_is_small():
    theirs = models.VisionTransformer(image_size=32, patch_size=8, num_layers=3, num_heads=4, hidden_dim=24,
                                      mlp_dim=40, num_classes=10)
    for p in theirs.parameters():
        nn.init.normal_(p, 0, 0.02)                                      # so that the 1e-6 of the norms is seen
    assert_same_as_torchvision(VisionTransformer(10, 3, 32, 8, **SMALL), theirs, (2, 3, 32, 32))


def test_the_twin_in_numpy():
    assert_same_in_numpy(small_vit(), (2, 1, 28, 28))
    assert_same_in_numpy(VisionTransformer(5, 2, (6, 20), (3, 4), **SMALL), (3, 2, 6, 20))


def test_tokens_are_the_class_token_then_the_patches_and_know_their_places():
    torch.manual_seed(0)
    net = unsettle(VisionTransformer(5, 2, (6, 20), (3, 4), **SMALL))
    with torch.no_grad():
        net.class_token.normal_()
    x = torch.randn(3, 2, 6, 20)
    tokens, vectors = net.tokens(x), net.positions.vectors[0]
    assert tokens.shape == (3, 11, 24)
    assert_close(tokens[:, 0], (net.class_token[0, 0] + vectors[0]).expand(3, 24))
    assert_close(tokens[:, 1 + 5 * 1 + 3], net.patches(x[:, :, 3:6, 12:16])[:, 0] + vectors[9])
    turned = x.unflatten(3, (5, 4)).flip(3).flatten(3)                   # the patches of each row from right to left
    assert (net(turned) - net(x)).abs().max() > 1e-3
    with torch.no_grad():
        net.positions.vectors.zero_()
    assert_close(net(turned), net(x))                                    # without positions it is a bag of patches


def test_the_maps_are_those_of_the_blocks_on_their_way():
    torch.manual_seed(0)
    net, x = unsettle(VisionTransformer(5, 2, (6, 20), (3, 4), **SMALL)).double(), torch.randn(3, 2, 6, 20).double()
    maps = net.attention_weights(x)
    assert maps.shape == (3, 3, 4, 11, 11)                               # N, depth, heads, T, T
    assert_close(maps.sum(-1), torch.ones(3, 3, 4, 11).double())
    tokens = net.tokens(x)
    for i, block in enumerate(net.blocks):
        normed = block.norm1(tokens)
        theirs = nn.MultiheadAttention(24, 4, batch_first=True).double()
        theirs.load_state_dict(dict(zip(theirs.state_dict(), block.attention.state_dict().values(), strict=True)))
        assert_close(maps[:, i], theirs(normed, normed, normed, average_attn_weights=False)[1])
        tokens = block(tokens)


def test_the_head_reads_the_class_token_only():
    net = VisionTransformer(5, 2, (6, 20), (3, 4), **SMALL)
    seen = {}
    net.norm.register_forward_hook(lambda layer, args, out: seen.update(out=out) or out.retain_grad())
    net(torch.randn(2, 2, 6, 20)).square().sum().backward()
    assert seen["out"].grad[:, 0].abs().min() > 0 and not seen["out"].grad[:, 1:].any()


def test_every_weight_of_the_small_one_takes_part():
    torch.manual_seed(0)
    net = small_vit()
    assert count_parameters(net) == 60_394
    assert small_vit(7, 3)(torch.zeros(2, 3, 28, 28)).shape == (2, 7)
    net(torch.rand(2, 1, 28, 28)).square().sum().backward()
    assert all(p.grad.abs().max() > 0 for p in net.parameters())
