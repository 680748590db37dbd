"""Attacks that do not know the network: they send images and read answers, and each answer is counted.

A query is one image sent to the network, that of the start included. Every attack returns images in [0, 1] and how
many queries each image has taken; it sends only images in [0, 1], asks for no gradient, runs the network in eval mode
and leaves its mode and its gradients as they were. An image that is answered wrongly is not asked about again, so an
image that was wrong from the start comes back as it was, after one query. What is drawn for an image depends on the
seed and not on how the others fare.
"""

import math

import torch

from ..checks import NonNegative, NonNegativeNumber, Positive, PositiveNumber, Seed, Share, checked, require
from ..modes import in_mode
from ..tensors import Floats, Net, check_input, check_range
from .attacks import _check, _per_image, margin, project

__all__ = ["boundary_attack", "nes_attack", "nes_gradient", "square_attack"]

HALVINGS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)           # shares of the budget: the paper's table


class _Service:
    """The network as those see it who may only ask: images of some rows → margins and who is wrong; it counts."""

    def __init__(self, net, labels):
        self.net, self.labels = net, labels
        self.queries = torch.zeros(len(labels), dtype=torch.long, device=labels.device)
        self.wrong = torch.zeros(len(labels), dtype=torch.bool, device=labels.device)

    @torch.no_grad()
    def margins(self, images, rows):
        """Margins (len(rows),) of images that stand for these rows; `wrong` is renewed for them."""
        self.queries[rows] += 1
        logits = self.net(images)
        self.wrong[rows] = logits.argmax(1) != self.labels[rows]
        return margin(logits, self.labels[rows])

    def right(self):
        """The rows that are not wrong yet."""
        return torch.nonzero(~self.wrong)[:, 0]


# ---- random search ---------------------------------------------------------------------------------------------------

@checked
def square_attack(net: Net, x: Floats, labels, eps: NonNegativeNumber, *, queries: Positive = 500, share: Share = 0.8,
                  seed: Seed = 0):
    """Random search over squares: a change of one square to ±ε is kept if it lowers the margin of the label.

    It asks for the image, then for the image with vertical stripes of ±ε; then each proposal sets a square at a random
    place to +ε or −ε, a sign for each channel, the same for all its pixels. All changes are relative to x, so that none
    adds to another.

    x: (N, C, H, W) in [0, 1].  eps: of the "inf" norm.  queries: the most an image may take.
    share: of the pixels that a square covers at first; halved nine times, at fixed shares of the budget.
    → (images of the shape of x, queries of each image (N,)).  Raises TypeError or ValueError naming the argument.
    Source: Andriushchenko, Croce, Flammarion & Hein (2020).
    """
    labels, x = _check("square_attack", net, x, labels), x.detach()
    check_input("square_attack", x)
    n, channels, height, width = x.shape
    chance, service = torch.Generator().manual_seed(int(seed)), _Service(net, labels)

    def signs(*shape):
        return (2 * torch.randint(2, shape, generator=chance) - 1).to(x)

    with in_mode(net, training=False):
        best, best_margin = x.clone(), service.margins(x, torch.arange(n, device=x.device))
        for query in range(1, queries):
            if query == 1:
                proposed = project(x + eps * signs(n, channels, 1, width), x, eps)
            else:
                halved = sum(query >= part * queries for part in HALVINGS)
                side = round(math.sqrt(share / 2**halved * height * width))
                side = max(1, min(side, height - 1, width - 1))
                square = _squares(n, height, width, side, chance).to(x.device)
                change = eps * signs(n, channels, 1, 1)
                proposed = torch.where(square, project(x + change, x, eps), best)
                same = (proposed == best).flatten(1).all(1)                  # the other sign, for a query of no use
                other = torch.where(square, project(x - change, x, eps), best)
                proposed = torch.where(_per_image(same, x), other, proposed)
            rows = service.right()
            if not len(rows):
                break
            found = service.margins(proposed[rows], rows)
            better = (found < best_margin[rows]) | service.wrong[rows] | (query == 1)
            best[rows[better]], best_margin[rows[better]] = proposed[rows][better], found[better]
    return best, service.queries


def _squares(n, height, width, side, chance):
    """(n, 1, height, width), true in a square at a random place of each image."""
    top = torch.randint(height - side + 1, (n, 1, 1, 1), generator=chance)
    left = torch.randint(width - side + 1, (n, 1, 1, 1), generator=chance)
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    return (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)


# ---- an estimate of the gradient -------------------------------------------------------------------------------------

@checked
def nes_gradient(f, x: Floats, noise: Floats, sigma: PositiveNumber):
    """An estimate of the gradient from n pairs of values, on either side of x (antithetic).

    ĝ = 1/(2 σ n) Σ_i [f(x + σ u_i) − f(x − σ u_i)] u_i

    f: (N, …) → (N,), a value of each image.  x: (N, …).  noise: (n, N, …), the u_i, standard normal.
    → tensor of the shape of x; f has been asked 2n times.  If f is linear the mean of ĝ is the gradient itself; of
    other f it is that of f blurred by a Gaussian of deviation σ.  Raises TypeError or ValueError naming the argument.
    Source: Ilyas, Engstrom, Athalye & Lin (2018), after Wierstra et al. (2014).
    """
    require("nes_gradient", x.ndim > 1 and len(noise) and noise.shape[1:] == x.shape,
            f"noise must be (n, {', '.join(map(str, x.shape))}), as x with an axis in front, got {tuple(noise.shape)}")
    total = torch.zeros_like(x)
    for u in noise:
        total += _per_image(f(x + sigma * u) - f(x - sigma * u), x) * u
    return total / (2 * sigma * len(noise))


@checked
def nes_attack(net: Net, x: Floats, labels, eps: NonNegativeNumber, *, queries: Positive = 500, pairs: Positive = 10,
               sigma: PositiveNumber = 0.1, step_size: PositiveNumber | None = None, momentum: Share = 0.9,
               seed: Seed = 0):
    """The attack `pgd`, on gradients that are estimated by `nes_gradient`: 2 pairs + 1 queries for each step.

    It asks for the image; then each step asks for the pairs, clipped to [0, 1], and for the image to which it has led:

    v ← μ v + ĝ,    x ← project(x − α sign v),    ĝ the estimate for the margin of the label

    eps: of the "inf" norm.  queries: the most an image may take; what is left for less than a whole step is not used.
    step_size: α; None: ε/5.  momentum: μ; without it the errors of the steps do not cancel.
    x: (N, …) in [0, 1].  → (images of the shape of x, queries of each image (N,)).
    Raises TypeError or ValueError naming the argument.  Source: Ilyas, Engstrom, Athalye & Lin (2018).
    """
    labels, x = _check("nes_attack", net, x, labels), x.detach()
    steps = (queries - 1) // (2 * pairs + 1)
    step_size = eps / 5 if step_size is None else step_size
    chance, service = torch.Generator().manual_seed(int(seed)), _Service(net, labels)
    with in_mode(net, training=False):
        at, mean = x.clone(), torch.zeros_like(x)
        service.margins(x, torch.arange(len(x), device=x.device))
        for _ in range(steps):
            noise = torch.randn((pairs, *x.shape), generator=chance, dtype=x.dtype).to(x.device)
            rows = service.right()
            if not len(rows):
                break
            slope = nes_gradient(lambda images, rows=rows: service.margins(images.clamp(0, 1), rows), at[rows],
                                 noise[:, rows], sigma)
            mean[rows] = momentum * mean[rows] + slope
            at[rows] = project(at[rows] - step_size * mean[rows].sign(), x[rows], eps)
            service.margins(at[rows], rows)
    return at, service.queries


# ---- labels only -----------------------------------------------------------------------------------------------------

@checked
def boundary_attack(net: Net, x: Floats, labels, start: Floats, *, queries: Positive = 1000,
                    halvings: NonNegative = 10, block: Positive = 1, after_query=None, seed: Seed = 0):
    """Come nearer to the image from one that is answered wrongly, and never lose the wrong answer: labels suffice.

    It asks for the image and for its start; halves the way between them `halvings` times; then each proposal goes
    aside, and a little inwards:

    x' = clip(x + (1 − s²/2) r e, 0, 1),   e ∝ (at − x)/r + s η,   ‖e‖₂ = 1, r = ‖at − x‖₂, η of length 1 and random

    and is kept if the answer is still wrong. s, of each image, grows by a quarter when one is kept and falls by a
    sixteenth when one is not, so that about one in five is.

    x, start: (N, …) in [0, 1], of one shape; start: images that the network takes for something else than the labels,
    such as other photographs. A start that is not wrong leads nowhere: x comes back, after two queries.
    block: η is constant on blocks of block × block pixels: fewer directions to try.
    queries: that each image takes, if it is not settled by one or two.  after_query: called with the images and the
    queries taken after each query from the second on.
    → (images of the shape of x, no farther from it than the start in the "2" norm; queries of each image (N,)).
    Raises TypeError or ValueError naming the argument.  Source: a simple form of Brendel, Rauber & Bethge (2018).
    """
    labels, x = _check("boundary_attack", net, x, labels), x.detach()
    require("boundary_attack", start.shape == x.shape,
            f"start must have the shape of x, {tuple(x.shape)}, got {tuple(start.shape)}")
    check_range("boundary_attack", 0, 1, start=start)
    chance, service = torch.Generator().manual_seed(int(seed)), _Service(net, labels)
    rows, at = torch.arange(len(x), device=x.device), x.clone()
    low, high = torch.zeros(len(x)).to(x), torch.ones(len(x)).to(x)
    scale = torch.full((len(x),), 0.1).to(x)
    coarse = (*x.shape[:-2], *(-(-side // block) for side in x.shape[-2:])) if block > 1 else x.shape

    with in_mode(net, training=False):
        service.margins(x, rows)
        rows = service.right()
        for query in range(1, queries):
            noise = torch.randn(coarse, generator=chance, dtype=x.dtype).to(x.device)
            for axis in range(-2, 0) if block > 1 else ():
                noise = noise.repeat_interleave(block, axis).narrow(axis, 0, x.shape[axis])
            if not len(rows):
                break
            middle, here, s = (low + high)[rows] / 2, x[rows], scale[rows]
            if query == 1:
                proposed = start[rows].clone()
            elif query < 2 + halvings:
                proposed = here + _per_image(middle, x) * (start[rows] - here)
            else:
                proposed = _aside(here, at[rows], noise[rows], s)
            service.margins(proposed, rows)
            wrong = service.wrong[rows]
            at[rows[wrong]] = proposed[wrong]
            if query == 1:
                rows = rows[wrong]
            elif query < 2 + halvings:
                high[rows], low[rows] = torch.where(wrong, middle, high[rows]), torch.where(wrong, low[rows], middle)
            else:
                scale[rows] = s * torch.where(wrong, 1.25, 0.9375).to(s)
            if after_query is not None:
                after_query(at.clone(), service.queries.clone())
    return at, service.queries


def _aside(x, at, noise, scale):
    """Proposals: at turned about x by random directions, and somewhat nearer to it."""
    delta = at - x
    radius = delta.flatten(1).norm(dim=1)
    eta = noise / _per_image(noise.flatten(1).norm(dim=1), x)
    turned = delta + _per_image(scale * radius, x) * eta
    length = turned.flatten(1).norm(dim=1).clamp(min=1e-12)
    return (x + turned * _per_image((1 - scale**2 / 2).clamp(min=0.5) * radius / length, x)).clamp(0, 1)
