"""LeNet-5 on the NumPy engine: the network, its training and its accuracy."""

import numpy as np

from . import nn, optim
from .tensor.autograd import Tensor, no_grad


class LeNet(nn.Module):
    """LeNet-5 (LeCun et al. 1998) with ReLU and max pooling: two convolutions, three linear layers.

    (N, 1, 28, 28) → (N, 10), one number for each class.  61,706 parameters.
    Raises what `functional.conv2d` raises for other shapes.
    """

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),       # (N, 6, 14, 14)
            nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),                 # (N, 16, 5, 5)
        )
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
        )

    def forward(self, x):
        return self.classifier(self.features(x))


def fit(net, x, y, epochs=5, max_lr=5e-3, batch_size=32, seed=0):
    """Train a classifier with Adam and a one-cycle learning rate on the cross-entropy, in place.

    net: Module from (N, …) to (N, classes).  x: float32 (N, …), y: int64 (N,).  epochs ≥ 1, batch_size ≥ 1, max_lr > 0.
    seed: of the order of the batches; the weights come from `manual_seed`.  Returns the losses, one a step.
    Raises ValueError for lengths that differ or numbers out of range.
    """
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(f"fit: x and y must have the same length ≥ 1, got {len(x)} and {len(y)}")
    for name, value in {"epochs": epochs, "batch_size": batch_size, "max_lr": max_lr}.items():
        if not value > 0:
            raise ValueError(f"fit: {name} must be positive, got {value}")
    rng = np.random.default_rng(seed)
    loss_function = nn.CrossEntropyLoss()
    optimizer = optim.Adam(net.parameters())
    steps = -(-len(x) // batch_size)
    schedule = optim.OneCycleLR(optimizer, max_lr, total_steps=epochs * steps)
    losses = []
    net.train()
    for _ in range(epochs):
        for batch in np.array_split(rng.permutation(len(x)), steps):
            loss = loss_function(net(Tensor(x[batch])), Tensor(y[batch]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
    return losses


def accuracy(net, x, y, batch_size=500):
    """Share of x whose largest output is the right class, in [0, 1].

    net, x, y: as in `fit`; batch_size: how many at a time.  Raises ValueError for lengths that differ.
    """
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(f"accuracy: x and y must have the same length ≥ 1, got {len(x)} and {len(y)}")
    net.eval()
    with no_grad():
        hits = [np.sum(net(Tensor(x[i:i + batch_size])).data.argmax(axis=1) == y[i:i + batch_size])
                for i in range(0, len(x), batch_size)]
    return float(np.sum(hits) / len(x))
