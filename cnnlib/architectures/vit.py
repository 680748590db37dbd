"""The vision transformer: an image as a sequence of patches, and then attention only (Dosovitskiy et al. 2021)."""

import torch
from torch import nn

from cnnlib.blocks import PatchEmbedding, TransformerBlock
from cnnlib.checks import Positive, checked, pair, require
from cnnlib.tensors import check_shape

__all__ = ["PositionEmbedding", "VisionTransformer", "small_vit", "vit_b_16"]


@checked
class PositionEmbedding(nn.Module):
    """Add to each token a learned vector of its place; attention alone knows no places.  (N, T, C) → (N, T, C)

    Raises TypeError or ValueError unless tokens and channels are ints of at least 1, and for an input of another shape.
    """

    def __init__(self, tokens: Positive, channels: Positive):
        super().__init__()
        self.tokens, self.channels = tokens, channels
        self.vectors = nn.Parameter(0.02 * torch.randn(1, tokens, channels))

    def forward(self, x):
        check_shape(self, x, "N", self.tokens, self.channels)
        return x + self.vectors


@checked
class VisionTransformer(nn.Module):
    """ViT (Dosovitskiy et al. 2021).  (N, in_channels, *image_size) → (N, num_classes)

    image → patches as tokens, a class token in front → + positions → depth blocks → norm → head on the class token

    image_size, patch_size: int or (H, W), the second must divide the first; other images than of image_size are
    refused, since each place has its own vector.  channels: of a token.  hidden: of the blocks' MLP.  The layer norms
    add 1e-6 to the variance, as torchvision's do.
    Raises ValueError or TypeError naming the argument.
    """

    def __init__(self, num_classes: Positive, in_channels: Positive, image_size, patch_size, channels: Positive,
                 depth: Positive, heads, hidden):
        super().__init__()
        self.image_size = pair(self, "image_size", image_size)
        patch_size = pair(self, "patch_size", patch_size)
        rows, columns = (whole // part for whole, part in zip(self.image_size, patch_size, strict=True))
        require(self, (rows * patch_size[0], columns * patch_size[1]) == self.image_size,
                f"image_size must divide by patch_size, got {self.image_size} and {patch_size}")
        self.class_token = nn.Parameter(torch.zeros(1, 1, channels))
        self.patches = PatchEmbedding(in_channels, channels, patch_size)
        self.positions = PositionEmbedding(1 + rows * columns, channels)
        self.blocks = nn.Sequential(*[TransformerBlock(channels, heads, hidden, eps=1e-6) for _ in range(depth)])
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.head = nn.Linear(channels, num_classes)

    def tokens(self, x):
        """What the first block sees: the class token, then the patches row by row.  (N, 1 + patches, channels)"""
        check_shape(self, x, "N", self.patches.conv.in_channels, *self.image_size)
        first = self.class_token.expand(x.shape[0], -1, -1)
        return self.positions(torch.cat([first, self.patches(x)], 1))

    def attention_weights(self, x):
        """What each token looks at in each block: (N, depth, heads, T, T) with T = 1 + patches, each row sums to 1.

        attention_weights(x)[n, block, head, 0, 1:].reshape(rows, columns) is a map of where the class token looks.
        Raises ValueError for an input of another shape.
        """
        x = self.tokens(x)
        maps = []
        for block in self.blocks:
            maps.append(block.attention_weights(x))
            x = block(x)
        return torch.stack(maps, 1)

    def forward(self, x):
        x = self.norm(self.blocks(self.tokens(x)))
        return self.head(x[:, 0])


def vit_b_16(num_classes=1000, in_channels=3, image_size=224):
    """ViT-B/16: patches of 16×16, 12 blocks of 12 heads; 86,567,656 parameters.

    (N, in_channels, image_size, image_size) → (N, num_classes).  `load_torchvision_weights` fits torchvision's.
    Raises ValueError or TypeError naming the argument.
    """
    return VisionTransformer(num_classes, in_channels, image_size, 16, channels=768, depth=12, heads=12, hidden=3072)


def small_vit(num_classes=10, in_channels=1):
    """A ViT for digits: 16 patches of 7×7, two blocks of 4 heads; 60,394 parameters.

    (N, in_channels, 28, 28) → (N, num_classes).  Patches of 4×4 make three times as many tokens, and in the same time
    the network learns less.
    Raises ValueError or TypeError naming the argument.
    """
    return VisionTransformer(num_classes, in_channels, 28, 7, channels=48, depth=2, heads=4, hidden=192)
