"""Layers that look at the whole image, or a part of it, to decide what counts.

Each layer has `attention_weights(x)`: what it multiplies by for these images, which a figure of attention draws.
Costs are multiply-adds for each image; T = H·W is the number of pixels.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from ..checks import Odd, Positive, check_divisible, checked, pair
from ..tensors import Maker, check_input, check_shape

__all__ = [
    "AxialAttention", "LinearAttention", "MultiHeadSelfAttention", "SelfAttention2d", "SpatialAttention",
    "SqueezeExcitation", "TokenAttention", "WindowAttention",
]


# ---- a number for each channel, a number for each pixel --------------------------------------------------------------

@checked
class SqueezeExcitation(nn.Module):
    """Reweigh channels by what the whole image holds (Hu et al. 2018).  (N, C, H, W) → (N, C, H, W)

    out = x · σ(W₂ δ(W₁ mean_{H,W}(x) + b₁) + b₂)         δ: activation, σ: sigmoid, one number for each channel

    hidden: the channels between the two 1×1 convolutions, channels // 16 unless given.
    attention_weights(x): (N, C, 1, 1), in 0 … 1.  Cost: 2·C·hidden, whatever T is, beside reading x twice.
    activation: makes a layer of nothing, or None.
    Raises TypeError or ValueError unless channels and hidden are ints of at least 1, or for an input of another shape.
    """

    def __init__(self, channels: Positive, hidden: Positive | None = None, activation: Maker | None = nn.ReLU):
        super().__init__()
        hidden = max(1, channels // 16) if hidden is None else hidden
        self.channels = channels
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        between = [] if activation is None else [activation()]
        self.excite = nn.Sequential(nn.Conv2d(channels, hidden, 1), *between,
                                    nn.Conv2d(hidden, channels, 1), nn.Sigmoid())

    def attention_weights(self, x):
        check_input(self, x, self.channels)
        return self.excite(self.squeeze(x))

    def forward(self, x):
        return x * self.attention_weights(x)


@checked
class SpatialAttention(nn.Module):
    """Reweigh pixels by what lies around them: the second half of CBAM (Woo et al. 2018).  (N, C, H, W) → (N, C, H, W)

    out = x · σ(k×k convolution of [max over channels, mean over channels])          one number for each pixel

    attention_weights(x): (N, 1, H, W), in 0 … 1.  Cost: 2·k²·T.  The convolution has no bias and takes the maximum
    first, as in the authors' code (their formula names the mean first); the batch norm that their code has behind it is
    not here.
    Raises TypeError or ValueError unless kernel_size is an odd int of at least 1, and the input (N, C, H, W).
    """

    def __init__(self, kernel_size: Odd = 7):
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)

    def attention_weights(self, x):
        check_input(self, x)
        summary = torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], 1)            # (N, 2, H, W)
        return self.conv(summary).sigmoid()

    def forward(self, x):
        return x * self.attention_weights(x)


# ---- every pixel looks at every pixel --------------------------------------------------------------------------------

@checked
class SelfAttention2d(nn.Module):
    """Self-attention over pixels as in SAGAN (Zhang et al. 2019).  (N, C, H, W) → (N, C, H, W)

    out = x + γ · v(o)      o_j = Σ_i β_ji h(x_i)      β_j = softmax over i of f(x_i)·g(x_j)

    f, g, h, v: 1×1 convolutions without bias, to C/8, C/8, C/2 and back to C channels (at least 1). γ is learned and
    begins at 0, so that the layer begins as the identity. Unlike later forms it does not divide by √(C/8).
    The paper gives h C/8 channels too; C/2 is from the authors' code, which also halves the maps of f and h by a max
    pool, so that each pixel looks at T/4 places. Here there is no pool.
    value_channels: of h, C // 2 unless given.  attention_weights(x): β (N, T, T), row j is what pixel j looks at and
    sums to 1.
    Cost: T²·(C/8 + C/2) + T·C·(C/4 + C): it grows with (H·W)².
    Raises TypeError or ValueError unless channels and value_channels are ints of at least 1, or for an input of another
    shape.
    """

    def __init__(self, channels: Positive, value_channels: Positive | None = None):
        super().__init__()
        value_channels = max(1, channels // 2) if value_channels is None else value_channels
        self.channels = channels
        self.f = nn.Conv2d(channels, max(1, channels // 8), 1, bias=False)                    # keys
        self.g = nn.Conv2d(channels, max(1, channels // 8), 1, bias=False)                    # queries
        self.h = nn.Conv2d(channels, value_channels, 1, bias=False)                           # values
        self.v = nn.Conv2d(value_channels, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(1))

    def attention_weights(self, x):
        check_input(self, x, self.channels)
        f, g = _tokens(self.f(x)), _tokens(self.g(x))                                         # (N, T, C/8)
        return (g @ f.transpose(1, 2)).softmax(-1)

    def forward(self, x):
        o = self.attention_weights(x) @ _tokens(self.h(x))               # (N, T, C/2)
        return x + self.gamma * self.v(_image(o, x))


class TokenAttention(nn.Module):
    """Multi-head self-attention: each token looks at all tokens (Vaswani et al. 2017).  (*, T, C) → (*, T, C)

    out = [P₁V₁, …, P_hV_h] W_outᵀ + b_out      P = softmax(Q Kᵀ / √(C/h))      [Q, K, V] = x W_qkvᵀ + b_qkv

    with h heads, each of which has C/h of the channels of Q, K and V for itself.
    attention_weights(x): P (*, h, T, T), row i is what token i looks at and sums to 1.  Cost: 4·T·C² + 2·T²·C.
    This is torch.nn.MultiheadAttention(channels, heads, batch_first=True)(x, x, x), its tensors in the same order.
    Raises ValueError or TypeError when channels do not divide by heads, or for an input of another shape.
    """

    def __init__(self, channels, heads):
        super().__init__()
        check_divisible(self, channels=channels, heads=heads)
        self.channels, self.heads = channels, heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)

    def project(self, x):
        """→ Q, K, V, each (*, h, T, C/h)"""
        check_shape(self, x, "*", "T", self.channels)
        return _heads(self.qkv(x), self.heads)

    def attention_weights(self, x):
        q, k, _ = self.project(x)
        return (q @ k.transpose(-2, -1) / math.sqrt(self.channels // self.heads)).softmax(-1)

    def forward(self, x):
        q, k, v = self.project(x)
        # P V in one step, which never holds P: 2 times as fast as softmax and matmul at 1,024 tokens, 6 times at 3,072
        return self.out(_join(F.scaled_dot_product_attention(q, k, v)))


class MultiHeadSelfAttention(nn.Module):
    """Multi-head self-attention over pixels (Vaswani et al. 2017).  (N, C, H, W) → (N, C, H, W)

    `TokenAttention` whose tokens are the pixels, row by row. It knows no positions: pixels in another order give the
    same outputs in that order.
    attention_weights(x): (N, heads, T, T), of which [n, head, i·W + j].reshape(H, W) is what pixel (i, j) looks at.
    Cost: 4·T·C² + 2·T²·C: it grows with (H·W)².
    Raises ValueError or TypeError when channels do not divide by heads, or for an input of another shape.
    """

    def __init__(self, channels, heads):
        super().__init__()
        check_divisible(self, channels=channels, heads=heads)
        self.attention = TokenAttention(channels, heads)

    def attention_weights(self, x):
        check_input(self, x, self.attention.channels)
        return self.attention.attention_weights(_tokens(x))

    def forward(self, x):
        check_input(self, x, self.attention.channels)
        return _image(self.attention(_tokens(x)), x)


# ---- cheaper: fewer pairs of pixels, or none -------------------------------------------------------------------------

class WindowAttention(nn.Module):
    """Self-attention within each window of a grid of windows (Liu et al. 2021, Swin).  (N, C, H, W) → (N, C, H, W)

    All windows share one `TokenAttention`. Swin also shifts every second layer's grid and adds a number for each
    distance of two pixels; neither is here, so nothing crosses the edge of a window.
    window_size: int or (h, w), which must divide H and W; other sizes are refused, not padded.
    attention_weights(x): (N, H/h, W/w, heads, h·w, h·w).  Cost: 4·T·C² + 2·T·(h·w)·C: it grows with H·W.
    Raises ValueError or TypeError when channels do not divide by heads, or for an input of another shape.
    """

    def __init__(self, channels, heads, window_size):
        super().__init__()
        check_divisible(self, channels=channels, heads=heads)
        self.window_size = pair(self, "window_size", window_size)
        self.attention = TokenAttention(channels, heads)

    def windows(self, x):
        """(N, C, H, W) → (N, H/h, W/w, h·w, C)"""
        check_input(self, x, self.attention.channels, multiple_of=self.window_size)
        h, w = self.window_size
        x = x.unflatten(3, (-1, w)).unflatten(2, (-1, h))                # (N, C, H/h, h, W/w, w)
        return x.permute(0, 2, 4, 3, 5, 1).flatten(3, 4)

    def attention_weights(self, x):
        return self.attention.attention_weights(self.windows(x))

    def forward(self, x):
        out = self.attention(self.windows(x)).unflatten(3, self.window_size)      # (N, H/h, W/w, h, w, C)
        return out.permute(0, 5, 1, 3, 2, 4).reshape(x.shape)

    def extra_repr(self):
        return f"window_size={self.window_size}"


class AxialAttention(nn.Module):
    """Self-attention within each row, then within each column (Ho et al. 2019, Wang et al. 2020).

    (N, C, H, W) → (N, C, H, W)

    After both, each pixel has heard of every other: through the pixel in its column and the other's row.
    attention_weights(x): that of the rows (N, H, heads, W, W), and of the columns (N, W, heads, H, H).
    Cost: 8·T·C² + 2·T·(H + W)·C: for a square image it grows with (H·W)^1.5.
    Raises ValueError or TypeError when channels do not divide by heads, or for an input of another shape.
    """

    def __init__(self, channels, heads):
        super().__init__()
        check_divisible(self, channels=channels, heads=heads)
        self.rows = TokenAttention(channels, heads)
        self.columns = TokenAttention(channels, heads)

    def attention_weights(self, x):
        check_input(self, x, self.rows.channels)
        x = x.permute(0, 2, 3, 1)
        return self.rows.attention_weights(x), self.columns.attention_weights(self.rows(x).transpose(1, 2))

    def forward(self, x):
        check_input(self, x, self.rows.channels)
        x = self.rows(x.permute(0, 2, 3, 1))                             # (N, H, W, C): the tokens of a row
        x = self.columns(x.transpose(1, 2))                              # (N, W, H, C): the tokens of a column
        return x.permute(0, 3, 2, 1)


class LinearAttention(nn.Module):
    """Self-attention over pixels without softmax, linear in their number (Katharopoulos et al. 2020).

    (N, C, H, W) → (N, C, H, W)

    out_i = φ(q_i)·(Σ_j φ(k_j) v_jᵀ) / φ(q_i)·(Σ_j φ(k_j))      φ(x) = elu(x) + 1 > 0, in each head; then W_out

    (φ(Q) φ(K)ᵀ) V = φ(Q) (φ(K)ᵀ V): on the right no pair of pixels is formed, and the sums over j serve all i.
    attention_weights(x): the matrix of the left side with its rows divided by their sums, (N, heads, T, T), which
    forward never makes.  Cost: 4·T·C² + 2·T·C²/heads + T·C: it grows with H·W.
    Raises ValueError or TypeError when channels do not divide by heads, or for an input of another shape.
    """

    def __init__(self, channels, heads):
        super().__init__()
        check_divisible(self, channels=channels, heads=heads)
        self.channels, self.heads = channels, heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)

    def project(self, x):
        """→ φ(Q), φ(K), V, each (N, heads, T, C/heads), and φ(q_i)·Σ_j φ(k_j), (N, heads, T, 1)"""
        check_input(self, x, self.channels)
        q, k, v = _heads(self.qkv(_tokens(x)), self.heads)
        q, k = F.elu(q) + 1, F.elu(k) + 1
        total = q @ k.sum(-2).unsqueeze(-1)
        return q, k, v, total.clamp(min=1e-12)                           # elu(x) + 1 rounds to 0 below −17 in float32

    def attention_weights(self, x):
        q, k, _, total = self.project(x)
        return q @ k.transpose(-2, -1) / total

    def forward(self, x):
        q, k, v, total = self.project(x)
        context = k.transpose(-2, -1) @ v                                # (N, heads, C/heads, C/heads): all the pixels
        return _image(self.out(_join(q @ context / total)), x)


# ---- images as tokens, and heads -------------------------------------------------------------------------------------

def _tokens(x):
    """The pixels row by row: (N, C, H, W) → (N, T, C)"""
    return x.flatten(2).transpose(1, 2)


def _image(tokens, x):
    """The pixels back in their places, of the size of the image x: (N, T, C) → (N, C, H, W)"""
    return tokens.transpose(1, 2).unflatten(2, x.shape[2:])


def _heads(qkv, heads):
    """Q, K and V beside each other → each by itself, in heads: (*, T, 3·C) → 3 × (*, heads, T, C/heads)"""
    return qkv.unflatten(-1, (3, heads, -1)).transpose(-4, -2).unbind(-3)


def _join(x):
    """(*, heads, T, C/heads) → (*, T, C)"""
    return x.transpose(-3, -2).flatten(-2)
