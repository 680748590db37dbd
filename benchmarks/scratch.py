"""Time the NumPy functions against PyTorch's on the same CPU: one thread each, interleaved in one run, medians.

python benchmarks/scratch.py [--repeats N]     prints a table: milliseconds of both, and their ratio
"""

import os

os.environ.update(dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1"))

import statistics
import time
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as T
import typer
from rich.console import Console
from rich.table import Table

from cnnlib.scratch import functional as F

# name, function, shapes of the arrays, options
SHAPES = [
    ("LeNet 5×5", "conv2d", [(64, 1, 28, 28), (6, 1, 5, 5), (6,)], {}),
    ("AlexNet stem", "conv2d", [(4, 3, 227, 227), (64, 3, 11, 11), (64,)], {"stride": 4}),
    ("VGG 3×3, 56²", "conv2d", [(2, 64, 56, 56), (128, 64, 3, 3), (128,)], {"padding": 1}),
    ("ResNet 3×3, stride 2", "conv2d", [(4, 64, 56, 56), (128, 64, 3, 3)], {"padding": 1, "stride": 2}),
    ("1×1", "conv2d", [(4, 256, 28, 28), (64, 256, 1, 1)], {}),
    ("grouped", "conv2d", [(4, 64, 28, 28), (64, 16, 3, 3)], {"padding": 1, "groups": 4}),
    ("depthwise", "conv2d", [(4, 64, 28, 28), (64, 1, 3, 3)], {"padding": 1, "groups": 64}),
    ("unfold 3×3", "unfold", [(4, 64, 28, 28)], {"kernel_size": 3}),
    ("max pool 2×2", "max_pool2d", [(16, 64, 28, 28)], {"kernel_size": 2}),
    ("average pool 2×2", "avg_pool2d", [(16, 64, 28, 28)], {"kernel_size": 2}),
]


def seconds(function, arrays, options):
    start = time.perf_counter()
    function(*arrays, **options)
    return time.perf_counter() - start


def main(repeats: Annotated[int, typer.Option(help="How often each is run.", min=1)] = 15):
    """Print the table."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    table = Table("what", "NumPy, ms", "PyTorch, ms", "ratio", title="forward, float32, one thread, medians")
    ratios = []
    for name, function, shapes, options in SHAPES:
        arrays = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
        tensors = [torch.from_numpy(array) for array in arrays]
        times = [(seconds(getattr(F, function), arrays, options), seconds(getattr(T, function), tensors, options))
                 for _ in range(repeats)]
        ours, theirs = (statistics.median(column) for column in zip(*times, strict=True))
        ratios.append(ours / theirs)
        table.add_row(name, f"{1e3 * ours:.2f}", f"{1e3 * theirs:.2f}", f"{ours / theirs:.2f}")
    table.add_row("geometric mean", "", "", f"{statistics.geometric_mean(ratios):.2f}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
