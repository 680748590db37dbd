"""LeNet-5 on the NumPy engine: the network, its training and its accuracy."""

import numpy as np

from cnnlib.checks import check_factors, check_positive

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
    check_positive("fit", epochs=epochs, batch_size=batch_size)
    check_factors("fit", max_lr=max_lr)
    loss_function, optimizer = nn.CrossEntropyLoss(), optim.Adam(net.parameters())
    steps = epochs * -(-len(x) // batch_size)

    def step(batch):
        images, labels = batch
        return loss_function(net(images), labels)

    net.train()
    schedule = optim.OneCycleLR(optimizer, max_lr, total_steps=steps)
    return train(step, (x, y), optimizer, epochs=epochs, batch_size=batch_size, seed=seed, schedule=schedule)


def train(step, data, optimizer, *, epochs, batch_size=32, seed=0, schedule=None):
    """Minimise what `step` returns: the loop of `cnnlib.training.train`, on this engine.  → the losses, one a step

    step: step(batch) → the loss, a Tensor; batch: a tuple of Tensors, of each array in data the rows that are drawn.
    data: a tuple of arrays of one length.  seed: of the order of the batches, which are of nearly one size.
    schedule: of the optimiser, or None; it moves after every step.
    Raises TypeError or ValueError for lengths that differ, and unless epochs and batch_size are ints of at least 1.
    """
    check_positive("train", epochs=epochs, batch_size=batch_size)
    lengths = [len(array) for array in data]
    if len(set(lengths)) != 1 or not lengths[0]:
        raise ValueError(f"train: the arrays of data must have the same length ≥ 1, got {lengths}")
    rng, losses = np.random.default_rng(seed), []
    for _ in range(epochs):
        for rows in np.array_split(rng.permutation(len(data[0])), -(-len(data[0]) // batch_size)):
            loss = step(tuple(Tensor(array[rows]) for array in data))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if schedule is not None:
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
