"""The training loop that the chapters share."""

import numpy as np
import torch
import torch.nn.functional as F


def fit(model, x, y, epochs, lr=1e-3, batch_size=64, seed=0):
    """Train a classifier with Adam on the cross-entropy, in place.

    model: nn.Module from (N, …) to (N, classes).  x: float32 (N, …), y: int64 (N,), NumPy arrays or tensors.
    epochs ≥ 1, batch_size ≥ 1, lr > 0; seed fixes the order of the batches.  Returns the list of losses, one a step.
    Raises ValueError for lengths that differ or numbers out of range.
    """
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(f"fit: x and y must have the same length ≥ 1, got {len(x)} and {len(y)}")
    for name, value in {"epochs": epochs, "batch_size": batch_size, "lr": lr}.items():
        if not value > 0:
            raise ValueError(f"fit: {name} must be positive, got {value}")
    x, y = torch.as_tensor(x), torch.as_tensor(y)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    losses = []
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(x), generator=generator).split(batch_size):
            loss = F.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


@torch.no_grad()
def accuracy(model, x, y, batch_size=500):
    """Share of x whose largest output is the right class, in [0, 1].

    model, x, y: as in `fit`; batch_size: how many at a time.  Raises ValueError for lengths that differ.
    """
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(f"accuracy: x and y must have the same length ≥ 1, got {len(x)} and {len(y)}")
    x, y = torch.as_tensor(x), torch.as_tensor(y)
    model.eval()
    hits = [(model(a).argmax(1) == b).sum() for a, b in zip(x.split(batch_size), y.split(batch_size), strict=True)]
    return float(np.sum(hits) / len(x))
