"""Sound, sample by sample: WaveNet with the cache that makes it fast, μ-law classes, and the TCN of whole sequences."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from ..blocks.sequence import CausalConv1d, WaveNetStack
from ..checks import Int, Positive, PositiveNumber, Share, called, check_type, checked, require
from ..tensors import Floats, check_shape, describe

__all__ = ["TCN", "TCNBlock", "WaveNet", "generate", "mu_law_decode", "mu_law_encode"]


# ---- samples as classes ----------------------------------------------------------------------------------------------

@checked
def mu_law_encode(x: Floats, classes: Positive = 256):
    """Samples as classes that lie closer where the sound is quiet (ITU-T G.711; van den Oord et al. 2016).

    f(x) = sign(x) · ln(1 + μ|x|) / ln(1 + μ),   class = ⌊(f(x) + 1)/2 · μ + ½⌋       μ = classes − 1

    x: floats in [−1, 1], of any shape.  → int64 of the same shape, 0 … classes − 1; silence is class ⌈μ/2⌉.
    Raises TypeError or ValueError naming the argument, also for samples outside [−1, 1] and fewer than 2 classes.
    """
    name, mu = "mu_law_encode", classes - 1
    require(name, classes >= 2, f"classes must be at least 2, got {classes}")
    require(name, bool((x.abs() <= 1).all()), "x must lie in [−1, 1]: divide by its largest absolute value")
    bent = x.sign() * torch.log1p(mu * x.abs()) / math.log1p(mu)
    return torch.floor((bent + 1) / 2 * mu + 0.5).long()


@checked
def mu_law_decode(y, classes: Positive = 256):
    """Classes as samples, the inverse of `mu_law_encode` but for the rounding.

    f = 2y/μ − 1,   x = sign(f) · ((1 + μ)^|f| − 1) / μ       μ = classes − 1

    y: a tensor of ints, 0 … classes − 1, of any shape.  → float32 in [−1, 1] of the same shape.
    Raises TypeError or ValueError naming the argument.
    """
    require("mu_law_decode", classes >= 2, f"classes must be at least 2, got {classes}")
    _check_classes("mu_law_decode", "y", y, classes)
    mu = classes - 1
    bent = 2 * y.float() / mu - 1
    return bent.sign() * torch.expm1(bent.abs() * math.log1p(mu)) / mu


# ---- WaveNet ---------------------------------------------------------------------------------------------------------

@checked
class WaveNet(nn.Module):
    """A distribution over the next sample, for each sample of a sound (van den Oord et al. 2016).

    x (N, T) → embedding (+ that of the condition) → `WaveNetStack` → ReLU, 1 × 1, ReLU, 1 × 1 → logits (N, classes, T)

    logits[n, :, t] are those of sample t + 1, from the samples t − receptive_field + 1 to t.
    x: a tensor of ints, 0 … classes − 1.  condition: (N,) ints, 0 … conditions − 1, for a network with conditions.
    The condition is added to the input of the stack; the paper adds it inside of every block.
    Raises TypeError or ValueError naming the argument.
    """

    def __init__(self, classes: Positive = 256, channels: Positive = 32, layers: Positive = 8,
                 conditions: Positive | None = None):
        super().__init__()
        self.classes = classes
        self.embed = nn.Embedding(classes, channels)
        self.condition = None if conditions is None else nn.Embedding(conditions, channels)
        self.stack = WaveNetStack(channels, channels, layers)
        self.head = nn.Sequential(nn.ReLU(), nn.Conv1d(channels, channels, 1),
                                  nn.ReLU(), nn.Conv1d(channels, classes, 1))
        self.receptive_field = self.stack.receptive_field

    def forward(self, x, condition=None):
        check_shape(self, x, "N", "T", floats=False)
        _check_classes(self, "x", x, self.classes)
        h = self.embed(x)                                                # (N, T, channels)
        offset = self._offset(len(x), condition)
        if offset is not None:
            h = h + offset[:, None]
        return self.head(self.stack(h.transpose(1, 2)))

    def start(self, count: int, condition=None):
        """The cache before the first sample of `count` sounds: for each block its last `dilation` inputs, here 0."""
        conv = self.stack.blocks[0].filter_and_gate.conv
        return {"t": 0, "offset": self._offset(count, condition), "queues": [
            torch.zeros(block.filter_and_gate.past, count, conv.in_channels, dtype=conv.weight.dtype)
            for block in self.stack.blocks]}

    def step(self, x, cache):
        """One sample more: x (N,) → the logits (N, classes) of the next, those of `forward`; the cache moves on."""
        h = self.embed(x)                                                # (N, channels)
        if cache["offset"] is not None:
            h = h + cache["offset"]
        total = 0
        for block, queue in zip(self.stack.blocks, cache["queues"], strict=True):
            conv, place = block.filter_and_gate.conv, cache["t"] % len(queue)
            pair = torch.cat([queue[place], h], 1)                       # as it was `dilation` samples ago, and now
            queue[place] = h
            value, gate = F.linear(pair, conv.weight.transpose(1, 2).flatten(1), conv.bias).chunk(2, 1)
            z = torch.tanh(value) * torch.sigmoid(gate)
            total = total + F.linear(z, block.skip.weight[..., 0], block.skip.bias)
            if block.residual is not None:
                h = h + F.linear(z, block.residual.weight[..., 0], block.residual.bias)
        cache["t"] += 1
        return self.head(total[..., None])[..., 0]

    def _offset(self, count, condition):
        if self.condition is None or condition is None:
            require(self, self.condition is None and condition is None,
                    "condition must be given exactly if the network has conditions")
            return None
        check_shape(self, condition, count, floats=False)
        _check_classes(self, "condition", condition, self.condition.num_embeddings)
        return self.condition(condition)


@torch.no_grad()
@checked
def generate(net, length: Positive, condition=None, count: Positive = 1, temperature: PositiveNumber = 1.0,
             seed: Int = 0):
    """Draw sounds sample by sample, each sample the input of the next; what was computed once is kept in a cache.

    x_{t+1} ~ softmax(logits_t / temperature),   the first after one sample of silence

    net: a `WaveNet`.  condition: (count,) ints for a net with conditions.  seed: of the draws.
    → classes (count, length), int64.  A sample costs what one column of a forward pass costs, whatever came before it;
    without the cache (Paine et al. 2016) it would cost a forward pass over the receptive field.
    Raises TypeError or ValueError naming the argument.
    """
    check_type("generate", WaveNet, "a WaveNet", net=net)
    chance = torch.Generator().manual_seed(int(seed))
    cache = net.start(count, condition)
    x = torch.full((count,), net.classes // 2)
    sound = []
    for _ in range(length):
        p = (net.step(x, cache) / temperature).softmax(1)
        x = torch.multinomial(p, 1, generator=chance)[:, 0]
        sound.append(x)
    return torch.stack(sound, 1)


# ---- TCN -------------------------------------------------------------------------------------------------------------

@checked
class TCNBlock(nn.Module):
    """One level of a TCN: two causal convolutions of one dilation, and a shortcut (Bai et al. 2018, figure 1).

    y = ReLU(V x + f(f(x))),   f = dropout ∘ ReLU ∘ (causal convolution with weight norm)
    V: 1 × 1 where the widths differ, else the identity

    (N, in_channels, L)  →  (N, out_channels, L); output t depends on inputs t − 2·dilation·(kernel_size − 1) to t.
    Raises TypeError or ValueError naming the argument.
    """

    def __init__(self, in_channels: Positive, out_channels: Positive, kernel_size: Positive = 3,
                 dilation: Positive = 1, dropout: Share = 0.0):
        super().__init__()
        layers = []
        for width in (in_channels, out_channels):
            causal = CausalConv1d(width, out_channels, kernel_size, dilation)
            weight_norm(causal.conv)
            layers += [causal, nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers)
        self.shortcut = nn.Identity() if in_channels == out_channels else nn.Conv1d(in_channels, out_channels, 1)

    def forward(self, x):
        y = self.layers(x)
        return F.relu(self.shortcut(x) + y)


@checked
class TCN(nn.Sequential):
    """Temporal convolutional network: levels of dilation 1, 2, 4, … (Bai et al. 2018).

    (N, in_channels, L)  →  (N, channels, L); output t depends on the last 1 + 2·(kernel_size − 1)·(2^levels − 1) inputs
    up to t: two convolutions a level.  Raises TypeError or ValueError naming the argument.
    """

    def __init__(self, in_channels: Positive, channels: Positive, levels: Positive, kernel_size: Positive = 3,
                 dropout: Share = 0.0):
        super().__init__(*(TCNBlock(channels if level else in_channels, channels, kernel_size, 2**level, dropout)
                           for level in range(levels)))
        self.receptive_field = 1 + 2 * (kernel_size - 1) * (2**levels - 1)


# ---- helpers ---------------------------------------------------------------------------------------------------------

def _check_classes(name, argument, y, classes):
    if not isinstance(y, torch.Tensor) or y.is_floating_point() or y.dtype == torch.bool:
        raise TypeError(f"{called(name)}: {argument} must be a tensor of ints, got {describe(y)}")
    require(name, y.numel() == 0 or 0 <= int(y.min()) and int(y.max()) < classes,
            f"{argument} must be from 0 to {classes - 1}")
