"""The training loop learns, repeats itself from a seed, and measures rightly."""

import numpy as np
import torch
from sklearn.metrics import accuracy_score
from torch import nn

from cnnlib import data
from cnnlib.training import accuracy, fit


def make_net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def test_it_learns_and_repeats_itself():
    (x, y), (x_test, y_test) = data.digits()
    nets = [make_net(), make_net(), make_net()]
    losses = [fit(net, x[:1000], y[:1000], epochs=2, lr=5e-3, seed=seed)
              for net, seed in zip(nets, [1, 1, 2], strict=True)]
    assert len(losses[0]) == 2 * 16 and np.mean(losses[0][-5:]) < 0.6 * losses[0][0]
    assert losses[0] == losses[1] != losses[2]
    assert accuracy(nets[0], x_test, y_test) > 0.75


def test_accuracy_is_the_share_of_hits_whatever_the_batch():
    (_, _), (x, y) = data.digits()
    net = make_net()
    guess = net(torch.as_tensor(x)).argmax(1).numpy()
    for batch_size in (1000, 333):
        assert abs(accuracy(net, x, y, batch_size) - accuracy_score(y, guess)) < 1e-6
