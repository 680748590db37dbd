"""The networks of the course side by side: how large they are, how fast, and what the small ones learn.

python benchmarks/architectures.py [--seeds N] [--only NAME] [--skip-training] [--choose]

Full size: parameters and multiply-adds on the image size of the paper.
Small: each classifier on the 4,000 + 1,000 real digits of `cnnlib.data.digits()`, over several seeds; segmentation and
detection on digits pasted on photographs, `cnnlib.data.scenes`, tested on photographs that training never saw.
Latency is that of one image, the median of interleaved rounds, beside LeNet's in the same run. Seconds of training are
the processor's, those of the slowest seed. All run on one thread: networks so small gain little by a second one, and
lose much by it when other programs want the processor. A row whose worst seed lies below its floor is marked, and the
program then ends with status 1.
`--choose` prints what each learning rate is worth on 1,000 training digits, and on 200 training scenes, that are kept
back: rates are chosen there, never on the test digits or scenes.
"""

import os
import statistics
import sys
import time
from functools import partial
from typing import Annotated

os.environ.update(dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1"))

import torch
import torch.nn.functional as F
import typer
from rich.console import Console
from rich.table import Table

from cnnlib import architectures as nets
from cnnlib import data, losses, metrics
from cnnlib.summary import summary
from cnnlib.training import accuracy, fit, one_cycle, set_seed
from cnnlib.training.augmentation import random_crop

LARGE = [                                        # what, size of its image
    (nets.lenet5, (1, 28, 28)), (nets.lenet5_1998, (1, 28, 28)),
    (nets.alexnet, (3, 224, 224)), (nets.alexnet_two_towers, (3, 227, 227)), (nets.alexnet_ungrouped, (3, 227, 227)),
    *((net, (3, 224, 224)) for net in (
        nets.vgg11, nets.vgg13, nets.vgg16, nets.vgg19, nets.googlenet, nets.resnet18, nets.resnet34, nets.resnet50,
        nets.resnet101, nets.preact_resnet18, nets.se_resnet50, nets.densenet121, nets.mobilenet_v1,
        nets.mobilenet_v2)),
    (nets.xception, (3, 299, 299)),
    *((getattr(nets, f"efficientnet_b{i}"), (3, size, size))
      for i, size in enumerate((224, 240, 260, 300, 380, 456, 528, 600))),
    (nets.hrnet_w18, (3, 224, 224)), (nets.vit_b_16, (3, 224, 224)), (nets.UNet, (1, 572, 572)),
    (nets.resnet50_fpn, (3, 224, 224)), (nets.fcos_resnet50_fpn, (3, 800, 800)),
]


def moves(images, targets, generator):
    """Up to two pixels in any direction: without it the transformer does not learn that digits may move."""
    return random_crop(images, 2, generator=generator), targets


# What, epochs, highest rate of the one-cycle schedule, batch size, augmentation, accuracy that no seed may fall below.
CLASSIFIERS = [
    (nets.small_lenet, 5, 5e-3, 32, None, 0.955),
    (nets.lenet5_1998, 6, 2e-3, 32, None, 0.94),
    (nets.small_alexnet, 6, 2e-3, 32, None, 0.955),
    (nets.small_vgg, 3, 5e-3, 32, None, 0.95),
    (nets.small_googlenet, 4, 1e-2, 32, None, 0.95),
    (nets.small_resnet, 4, 1e-2, 64, None, 0.955),
    (nets.small_preact_resnet, 4, 1e-2, 64, None, 0.955),
    (nets.small_se_resnet, 4, 1e-2, 64, None, 0.95),
    (nets.small_densenet, 3, 1e-2, 64, None, 0.955),
    (nets.small_mobilenet_v1, 6, 1e-2, 32, None, 0.95),
    (nets.small_mobilenet_v2, 4, 1e-2, 32, None, 0.95),
    (nets.small_xception, 4, 1e-2, 32, None, 0.955),
    (nets.small_efficientnet, 4, 1e-2, 32, None, 0.955),
    (nets.small_hrnet, 3, 5e-3, 64, None, 0.95),
    (nets.small_vit, 20, 5e-3, 64, moves, 0.94),
]
RATES = (2e-3, 5e-3, 1e-2, 2e-2)
# What, scenes to train on, epochs, highest rate, what is measured on 200 scenes of unseen photographs, its floor.
SCENES = [
    ("U-Net", nets.small_unet, 1600, 3, 5e-3, "IoU", 0.65),
    ("U-Net without skips", partial(nets.small_unet, skips=False), 1600, 3, 5e-3, "IoU", 0.15),
    ("FPN", nets.small_fpn, 1600, 3, 5e-3, "IoU", 0.45),
    ("HRNet", nets.small_hrnet_segmenter, 1600, 3, 5e-3, "IoU", 0.52),
    ("detector, one class", nets.small_detector, 2000, 4, 5e-3, "AP at IoU .5", 0.70),
    ("detector, ten classes", partial(nets.small_detector, 10), 2000, 9, 5e-3, "AP at IoU .5", 0.30),
]
SIZE = (48, 64)                                  # of a scene


def classifiers(names):
    """The recipes of these networks, or all."""
    return [row for row in CLASSIFIERS if not names or row[0].__name__ in names]


def large():
    table = Table("network", "image", "parameters", "multiply-adds", "activations", title="full size")
    for build, shape in LARGE:
        with torch.device("meta"):
            net = build()
        sums = summary(net, shape)
        table.add_row(build.__name__, " × ".join(map(str, shape)), f"{sums.parameters:,}",
                      f"{sums.multiply_adds / 1e6:,.1f} M", f"{sums.memory / 2**20:,.1f} MiB")
    return table


def small(names, seeds):
    """→ the table, and the names of those below their floor."""
    (x, y), test = data.digits()
    peer = nets.small_lenet()
    table = Table("network", "parameters", "multiply-adds", "latency", "beside LeNet", "epochs", "seconds", "accuracy",
                  "floor", title=f"28 × 28 digits, {seeds} seeds")
    low = []
    for build, epochs, lr, batch_size, augment, floor in classifiers(names):
        scores, seconds = [], []
        for seed in range(seeds):
            set_seed(seed)
            net, start = build(), time.process_time()
            fit(net, x, y, epochs, lr, batch_size, seed, schedule=one_cycle, augment=augment)
            seconds.append(time.process_time() - start)
            scores.append(accuracy(net, *test))
        ours, theirs = latencies([net, peer], torch.as_tensor(x[:1]))
        sums = summary(net, x.shape[1:])
        table.add_row(build.__name__, f"{sums.parameters:,}", f"{sums.multiply_adds / 1e6:.2f} M",
                      f"{ours * 1e3:.2f} ms", f"{ours / theirs:.1f}", str(epochs), f"{max(seconds):.0f}",
                      spread(scores), f"{floor:.3f}{'  BELOW' * (min(scores) < floor)}")
        low += [build.__name__] * (min(scores) < floor)
    return table, low


def choose(names, seeds):
    """→ the table of what each rate, and that of the recipe, is worth on training digits that are kept back."""
    (x, y), _ = data.digits()
    table = rates_table(f"1,000 training digits that are kept back, mean of {seeds} seeds")
    for build, epochs, lr, batch_size, augment, _ in classifiers(names):
        worth = {}
        for rate in sorted({*RATES, lr}):
            scores = []
            for seed in range(100, 100 + seeds):
                set_seed(seed)
                net = build()
                fit(net, x[:3000], y[:3000], epochs, rate, batch_size, seed, schedule=one_cycle, augment=augment)
                scores.append(accuracy(net, x[3000:], y[3000:]))
            worth[rate] = statistics.mean(scores)
        add_rates(table, build.__name__, epochs, worth, lr)
    return table


def rates_table(title):
    return Table("network", "epochs", "rates and what they are worth", "best", "in the recipe", title=title)


def add_rates(table, name, epochs, worth, lr):
    table.add_row(name, str(epochs), "  ".join(f"{rate:g} {value:.4f}" for rate, value in worth.items()),
                  f"{max(worth, key=worth.get):g}", f"{lr:g}")


def spread(scores):
    """The mean, and the least and the largest."""
    return f"{statistics.mean(scores):.3f}  ({min(scores):.3f} … {max(scores):.3f})"


@torch.no_grad()
def latencies(networks, x, rounds=30):
    """Median seconds of each network on x, in turns."""
    times = [[] for _ in networks]
    for _ in range(rounds):
        for net, took in zip(networks, times, strict=True):
            net.eval()
            start = time.process_time()
            net(x)
            took.append(time.process_time() - start)
    return [statistics.median(took) for took in times]


def scenes(names, seeds):
    """→ the table, and the names of those below their floor."""
    table = Table("network", "parameters", "multiply-adds", "steps", "seconds", "measured", "result", "floor",
                  title=f"digits on photographs, {SIZE[0]} × {SIZE[1]}, {seeds} seeds")
    low = []
    for name, build, count, epochs, lr, measured, floor in of_scenes(names):
        scores, seconds, steps = [], [], 0
        for seed in range(seeds):
            make = partial(scene_data, measured, build, seed=seed)
            score, took, steps = scene_score(build, make(count), make(200, train=False), epochs, lr, measured, seed)
            scores.append(score)
            seconds.append(took)
        sums = summary(build(), (1, *SIZE))
        table.add_row(name, f"{sums.parameters:,}", f"{sums.multiply_adds / 1e6:.1f} M", str(steps),
                      f"{max(seconds):.0f}", measured, spread(scores),
                      f"{floor:.2f}{'  BELOW' * (min(scores) < floor)}")
        low += [name] * (min(scores) < floor)
    return table, low


def of_scenes(names):
    """The recipes of these networks, or all."""
    return [row for row in SCENES if not names or row[0] in names or getattr(row[1], "__name__", "") in names]


def scene_data(measured, build, count, seed, train=True):
    """Scenes as this network learns them: masks of two classes, or boxes with as many classes as it has."""
    detects = measured != "IoU"
    x, masks, boxes, labels = data.scenes(count, size=SIZE, gray=True, binary=not detects, seed=seed, train=train)
    if detects and build().num_classes == 1:
        labels = [0 * label for label in labels]
    return x, masks, boxes, labels


def scene_score(build, scenes, test, epochs, lr, measured, seed):
    """A network trained on scenes.  → its worth on test, seconds of training, steps"""
    set_seed(seed)
    net, (x, masks, boxes, labels), detects = build(), scenes, measured != "IoU"
    target = nets.encode_boxes(net, SIZE, boxes, labels) if detects else masks
    start = time.process_time()
    history = fit(net, x, target, epochs, lr, 16, seed, schedule=one_cycle,
                  loss=losses.detection_loss if detects else F.cross_entropy)
    seconds = time.process_time() - start
    return (average_precision if detects else mean_iou)(net, *test), seconds, len(history)


def choose_scenes(names, seeds):
    """→ the same for scenes, on 200 that are kept back: other pieces, and other digits, on the same photographs."""
    table = rates_table(f"200 training scenes that are kept back, mean of {seeds} seeds")
    for name, build, count, epochs, lr, measured, _ in of_scenes(names):
        worth = {rate: [] for rate in sorted({*RATES[:3], lr})}
        for seed in range(100, 100 + seeds):
            made = scene_data(measured, build, count + 200, seed)
            learned, kept = [part[:count] for part in made], [part[count:] for part in made]
            for rate, scores in worth.items():
                scores.append(scene_score(build, learned, kept, epochs, rate, measured, seed)[0])
        add_rates(table, name, epochs, {rate: statistics.mean(scores) for rate, scores in worth.items()}, lr)
    return table


@torch.no_grad()
def mean_iou(net, x, masks, boxes, labels):
    """Of all pixels of all images together."""
    net.eval()
    found = torch.cat([net(part).argmax(1) for part in torch.as_tensor(x).split(50)])
    return metrics.iou(masks, found)


def average_precision(net, x, masks, boxes, labels):
    return metrics.detection_average_precision(nets.detect(net, torch.as_tensor(x)), boxes, labels)


def main(
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds a small network is trained with.")] = 3,
    only: Annotated[list[str] | None, typer.Option(help="Names of small networks; may be given several times.")] = None,
    skip_training: Annotated[bool, typer.Option(help="Only the sizes of the full networks.")] = False,
    rates: Annotated[bool, typer.Option("--choose", help="Only what each learning rate is worth.")] = False,
):
    """Print the tables."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    if rates:
        for make in (choose, choose_scenes):
            table = make(only, seeds)
            if table.row_count:
                console.print(table)
        return
    if not only:
        console.print(large())
    low = []
    for make in () if skip_training else (small, scenes):
        table, below = make(only, seeds)
        if table.row_count:
            console.print(table)
        low += below
    if low:
        console.print(f"below their floors: {', '.join(low)}")
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
