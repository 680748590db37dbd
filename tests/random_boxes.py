"""Boxes to test with."""

import numpy as np
import torch


def random_boxes(rng, n, size=(48, 64), least=2.0):
    """n boxes in an image of this size, (n, 4), each side at least `least` long."""
    low = rng.uniform(0, 0.7, (n, 2)) * size[::-1]
    return torch.tensor(np.concatenate([low, low + least + rng.uniform(0, 0.4, (n, 2)) * size[::-1]], 1)).float()
