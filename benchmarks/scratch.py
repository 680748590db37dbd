"""Time and memory of the NumPy engine beside PyTorch's on the same CPU: one thread each, float32.

python benchmarks/scratch.py [--rounds N] [--only NAME] [--figure FILE]

Every row is the median of interleaved rounds: ours, theirs, ours, theirs, so that both meet the same machine. It counts
the processor's time, so that other programs disturb less. What is timed is what a training step needs: the forward
with what it keeps, and the gradients of all arguments.
glibc gives big arrays back to the system after each use, and page faults then cost more than the computation; `mallopt`
turns that off for both sides.
"""

import os

os.environ.update(dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1"))

import ctypes
import statistics
import time
import tracemalloc
from pathlib import Path
from typing import Annotated

import matplotlib
import numpy as np
import torch
import torch.nn.functional as T
import typer
from rich.console import Console
from rich.table import Table

from cnnlib import scratch
from cnnlib.scratch import functional as F
from cnnlib.scratch import nn, optim

matplotlib.use("agg")
import matplotlib.pyplot as plt
import torchvision  # after cnnlib, which makes it importable

M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -3, -1                             # the names in glibc's malloc.h

# what, shapes of the arrays, options
CONVOLUTIONS = [
    ("LeNet 5×5, first", [(64, 1, 28, 28), (6, 1, 5, 5), (6,)], {"padding": 2}),
    ("LeNet 5×5, second", [(64, 6, 14, 14), (16, 6, 5, 5), (16,)], {}),
    ("AlexNet stem 11×11", [(4, 3, 224, 224), (64, 3, 11, 11), (64,)], {"stride": 4, "padding": 2}),
    ("ResNet stem 7×7", [(4, 3, 224, 224), (64, 3, 7, 7), (64,)], {"stride": 2, "padding": 3}),
    ("VGG 3×3, 56²", [(4, 128, 56, 56), (256, 128, 3, 3), (256,)], {"padding": 1}),
    ("VGG 3×3, 14²", [(4, 512, 14, 14), (512, 512, 3, 3), (512,)], {"padding": 1}),
    ("ResNet 3×3, stride 2", [(8, 64, 56, 56), (128, 64, 3, 3), (128,)], {"stride": 2, "padding": 1}),
    ("1×1", [(8, 256, 28, 28), (64, 256, 1, 1), (64,)], {}),
    ("dilated 3×3", [(4, 64, 28, 28), (64, 64, 3, 3), (64,)], {"padding": 2, "dilation": 2}),
    ("grouped 3×3, 4 groups", [(4, 128, 28, 28), (128, 32, 3, 3), (128,)], {"padding": 1, "groups": 4}),
    ("depthwise 3×3", [(8, 96, 28, 28), (96, 1, 3, 3), (96,)], {"padding": 1, "groups": 96}),
    ("depthwise 3×3, stride 2", [(8, 96, 28, 28), (96, 1, 3, 3), (96,)], {"stride": 2, "padding": 1, "groups": 96}),
    ("depthwise 7×7, 56²", [(4, 96, 56, 56), (96, 1, 7, 7), (96,)], {"padding": 3, "groups": 96}),
]
# what, function, shapes, arguments that are no arrays (after the input), options
OTHERS = [
    ("max pool 2×2", "max_pool2d", [(16, 64, 28, 28)], {"kernel_size": 2}),
    ("max pool 3×3, stride 2", "max_pool2d", [(16, 64, 56, 56)], {"kernel_size": 3, "stride": 2, "padding": 1}),
    ("average pool 2×2", "avg_pool2d", [(16, 64, 28, 28)], {"kernel_size": 2}),
    ("global average pool", "adaptive_avg_pool2d", [(16, 512, 7, 7)], {"output_size": 1}),
    ("adaptive pool 28² → 3²", "adaptive_avg_pool2d", [(16, 64, 28, 28)], {"output_size": 3}),
    ("batch norm", "batch_norm", [(16, 64, 28, 28), (64,), (64,), (64,), (64,)], {"training": True}),
    ("layer norm", "layer_norm", [(64, 196, 192), [192], (192,), (192,)], {}),
    ("layer norm, rows of 96", "layer_norm", [(32, 196, 96), [96], (96,), (96,)], {}),
    ("layer norm, rows of 768", "layer_norm", [(32, 49, 768), [768], (768,), (768,)], {}),
    ("group norm", "group_norm", [(16, 64, 28, 28), 32, (64,), (64,)], {}),
    ("group norm, 7²", "group_norm", [(16, 256, 7, 7), 32, (256,), (256,)], {}),
    ("group norm, 4²", "group_norm", [(32, 512, 4, 4), 32, (512,), (512,)], {}),
    ("instance norm", "instance_norm", [(8, 64, 32, 32)], {}),
    ("relu", "relu", [(16, 64, 28, 28)], {}),
    ("leaky relu", "leaky_relu", [(16, 64, 28, 28)], {}),
    ("hardswish", "hardswish", [(16, 64, 28, 28)], {}),
    ("sigmoid", "sigmoid", [(16, 64, 28, 28)], {}),
    ("silu", "silu", [(16, 64, 28, 28)], {}),
    ("gelu", "gelu", [(16, 64, 28, 28)], {}),
    ("softmax", "softmax", [(64, 196, 196)], {"dim": -1}),
    ("transposed 4×4, stride 2", "conv_transpose2d", [(8, 64, 14, 14), (64, 32, 4, 4), (32,)],
     {"stride": 2, "padding": 1}),
    ("bilinear ×2", "interpolate", [(8, 64, 28, 28)], {"scale_factor": 2, "mode": "bilinear"}),
]


def main(rounds: Annotated[int, typer.Option(help="How often each is run.", min=3)] = 15,
         only: Annotated[str, typer.Option(help="Only the rows whose name holds this.")] = "",
         figure: Annotated[Path, typer.Option(help="Where to draw the ratios.")] = Path("_build/benchmark.svg")):
    """Print the tables, and draw them."""
    torch.set_num_threads(1)
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):                                         # glibc; other systems keep their memory anyway
        libc.mallopt(M_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(M_TRIM_THRESHOLD, 1 << 30)
    console, drawn = Console(width=100), {}

    table = Table("convolution", "NumPy, ms", "PyTorch, ms", "forward", "forward + backward")
    forward, both = [], []
    for name, shapes, options in CONVOLUTIONS:
        if only in name:
            ours, theirs = time_function("conv2d", arrays(shapes), options, rounds)
            forward.append(ours[0] / theirs[0])
            both.append(sum(ours) / sum(theirs))
            drawn[name] = both[-1]
            table.add_row(name, f"{1e3 * sum(ours):.2f}", f"{1e3 * sum(theirs):.2f}", f"{forward[-1]:.2f}",
                          f"{both[-1]:.2f}")
    if both:
        table.add_row("geometric mean", "", "", f"{statistics.geometric_mean(forward):.2f}",
                      f"{statistics.geometric_mean(both):.2f}")
        console.print(table)

    table = Table("other operations", "NumPy, ms", "PyTorch, ms", "forward", "forward + backward")
    both = []
    for name, function, shapes, options in OTHERS:
        if only in name:
            ours, theirs = time_function(function, arrays(shapes), options, rounds)
            both.append(sum(ours) / sum(theirs))
            drawn[name] = both[-1]
            table.add_row(name, f"{1e3 * sum(ours):.2f}", f"{1e3 * sum(theirs):.2f}", f"{ours[0] / theirs[0]:.2f}",
                          f"{both[-1]:.2f}")
    if both:
        table.add_row("geometric mean", "", "", "", f"{statistics.geometric_mean(both):.2f}")
        console.print(table)

    table = Table("networks", "NumPy, ms", "PyTorch, ms", "ratio")
    for name, pair in [("LeNet, a training step, batch 64", lenet_steps), ("ResNet-18, 32×32, batch 8", resnet_steps)]:
        if only in name:
            ours, theirs = interleave(*pair(), rounds)
            drawn[name] = ours / theirs
            table.add_row(name, f"{1e3 * ours:.2f}", f"{1e3 * theirs:.2f}", f"{ours / theirs:.2f}")
    if table.row_count:
        console.print(table)

    table = Table("batch size, VGG 3×3 at 28²", "NumPy, ms", "PyTorch, ms", "forward + backward")
    if only in "batch size":
        ratios = []
        for batch in (4, 16, 64):
            shapes = [(batch, 128, 28, 28), (128, 128, 3, 3), (128,)]
            ours, theirs = time_function("conv2d", arrays(shapes), {"padding": 1}, max(3, rounds // 3))
            ratios.append(sum(ours) / sum(theirs))
            table.add_row(str(batch), f"{1e3 * sum(ours):.2f}", f"{1e3 * sum(theirs):.2f}", f"{ratios[-1]:.2f}")
        table.add_row("largest over smallest", "", "", f"{max(ratios) / min(ratios):.2f}")
        console.print(table)

    if only in "memory":
        table = Table("peak memory over input + output, VGG 3×3 at 56²", "forward", "backward")
        for channels in ((128, 256), (256, 256)):
            table.add_row(f"batch 4, {channels[0]} → {channels[1]}", *(f"{peak:.2f}" for peak in peaks(*channels)))
        console.print(table)
    if drawn:
        draw(drawn, figure)
        console.print(f"drawn: {figure}")


def arrays(shapes):
    """Normal noise for tuples; a layer's other arguments stay as they are. Running variances are positive."""
    rng = np.random.default_rng(0)
    return [rng.normal(1, 0.3, size=shape).astype(np.float32) if isinstance(shape, tuple) else shape
            for shape in shapes]


def interleave(ours, theirs, rounds):
    """Medians of the processor's seconds that two functions take in turns."""
    ours(), theirs()
    times = []
    for _ in range(rounds):
        start = time.process_time()
        ours()
        middle = time.process_time()
        theirs()
        times.append((middle - start, time.process_time() - middle))
    return tuple(map(statistics.median, zip(*times, strict=True)))


def time_function(name, args, options, rounds):
    """→ (forward, backward) of ours and of theirs, in seconds."""
    function, backward, torch_function = getattr(F, name), getattr(F, f"{name}_backward"), getattr(T, name)
    keeps = "saved" in function.__kwdefaults__ if function.__kwdefaults__ else False
    tensors = [torch.from_numpy(arg).requires_grad_(name != "batch_norm" or i not in (1, 2))
               if isinstance(arg, np.ndarray) else arg for i, arg in enumerate(args)]
    leaves = [t for t in tensors if isinstance(t, torch.Tensor) and t.requires_grad]
    grad_output = np.random.default_rng(1).normal(size=function(*args, **options).shape).astype(np.float32)
    torch_grad = torch.from_numpy(grad_output)

    def ours():
        start = time.process_time()
        saved = {"saved": {}} if keeps else {}
        function(*args, **options, **saved)
        middle = time.process_time()
        backward(grad_output, *args, **options, **saved)
        return middle - start, time.process_time() - middle

    def theirs():
        start = time.process_time()
        out = torch_function(*tensors, **options)
        middle = time.process_time()
        torch.autograd.grad(out, leaves, torch_grad)
        return middle - start, time.process_time() - middle

    ours(), theirs()
    pairs = [(*ours(), *theirs()) for _ in range(rounds)]
    medians = [statistics.median(column) for column in zip(*pairs, strict=True)]
    return medians[:2], medians[2:]


def lenet(library):
    """LeNet-5 with ReLU and max pooling, from `scratch.nn` or `torch.nn`."""
    return library.Sequential(
        library.Conv2d(1, 6, 5, padding=2), library.ReLU(), library.MaxPool2d(2),
        library.Conv2d(6, 16, 5), library.ReLU(), library.MaxPool2d(2), library.Flatten(),
        library.Linear(400, 120), library.ReLU(), library.Linear(120, 84), library.ReLU(), library.Linear(84, 10))


def lenet_steps():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 1, 28, 28)).astype(np.float32), rng.integers(10, size=64)
    theirs, ours = lenet(torch.nn), lenet(nn)
    ours.load_state_dict(theirs.state_dict())
    our_optimizer = optim.SGD(ours.parameters(), lr=0.05, momentum=0.9)
    their_optimizer = torch.optim.SGD(theirs.parameters(), lr=0.05, momentum=0.9)
    our_loss, their_loss = nn.CrossEntropyLoss(), torch.nn.CrossEntropyLoss()

    def our_step():
        our_optimizer.zero_grad()
        our_loss(ours(scratch.Tensor(x)), scratch.Tensor(y)).backward()
        our_optimizer.step()

    def their_step():
        their_optimizer.zero_grad()
        their_loss(theirs(torch.from_numpy(x)), torch.from_numpy(y)).backward()
        their_optimizer.step()

    return our_step, their_step


def resnet_steps():
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18()
    ours = scratch.from_torch(theirs)
    x = np.random.default_rng(0).normal(size=(8, 3, 32, 32)).astype(np.float32)
    grad = np.random.default_rng(1).normal(size=(8, 1000)).astype(np.float32)

    def our_step():
        ours.zero_grad()
        ours(scratch.Tensor(x)).backward(grad)

    def their_step():
        theirs.zero_grad()
        theirs(torch.from_numpy(x)).backward(torch.from_numpy(grad))

    return our_step, their_step


def peaks(channels, out_channels):
    """Peak memory of forward and of backward, over that of input and output."""
    x, w, b = arrays([(4, channels, 56, 56), (out_channels, channels, 3, 3), (out_channels,)])
    out = F.conv2d(x, w, b, padding=1)
    together = x.nbytes + out.nbytes
    for run, held in ((lambda: F.conv2d(x, w, b, padding=1), x.nbytes),
                      (lambda: F.conv2d_backward(out, x, w, b, padding=1), together)):
        tracemalloc.start()
        run()
        yield (held + tracemalloc.get_traced_memory()[1]) / together
        tracemalloc.stop()


def draw(ratios, path):
    """Horizontal bars on a logarithmic axis; PyTorch is 1."""
    figure, axes = plt.subplots(figsize=(7, 0.28 * len(ratios) + 0.8), layout="constrained")
    axes.barh(list(ratios), list(ratios.values()), color="C0")
    axes.axvline(1, color="C1")
    axes.set(xscale="log", xlabel="time over PyTorch's, forward + backward, one thread")
    axes.set_xticks([0.5, 1, 2], ["0.5", "1", "2"])
    axes.xaxis.minorticks_off()
    axes.invert_yaxis()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


if __name__ == "__main__":
    typer.run(main)
