"""Make the course's own weights from seeds, into weights/.   python scripts/make_weights.py [NAME …]"""

from typing import Annotated

import torch
import typer
from rich import print

from cnnlib import data, training
from cnnlib.generative import (
    DiffusionUNet,
    DigitClassifier,
    cosine_schedule,
    ddim,
    digit_scores,
    noise_loss,
    save_weights,
)
from cnnlib.generative.scores import SIDE, resized

SEED = 0


def digit_classifier():
    """The judge of samples: 16×16 digits, moved, turned and sheared, 25 epochs."""
    (x, y), (x_test, y_test) = data.digits()
    training.set_seed(SEED)
    net = DigitClassifier()
    small = resized(torch.as_tensor(x), SIDE)

    def augment(images, labels, generator):
        return training.augmentation.random_affine(images, degrees=8, translate=0.04, generator=generator), labels

    training.fit(net, small, y, epochs=25, lr=3e-3, schedule=training.one_cycle, augment=augment, seed=SEED)
    print(f"digit_classifier: {training.accuracy(net, x_test, y_test):.1%} of the test digits")
    return net


def diffusion():
    """The page's diffusion model, trained seven times as long: from seeds, then on from the average of the weights."""
    (x, y), _ = data.digits()
    images, alpha_bar = resized(torch.as_tensor(x), SIDE) * 2 - 1, cosine_schedule()
    training.set_seed(SEED)
    net = DiffusionUNet()
    # The rate would reach 0 after 4,500 steps; where the first part ends it is still near a half of its peak.
    for steps, lr, decay, of in ((2520, 4e-3, 0.998, 4500), (500, 2e-3, 0.99, 500)):
        ema = training.EMA(net, decay)
        training.train(lambda batch, net=net: noise_loss(net, *batch, alpha_bar), (images, y),
                       torch.optim.AdamW(net.parameters(), lr=lr), steps=steps, batch_size=64, ema=ema, clip=1.0,
                       schedule=lambda optimizer, _, of=of: training.warmup_cosine(optimizer, of, warmup=0.05),
                       seed=SEED)
        net = ema.module
        training.set_seed(SEED)
    samples = ddim(net, torch.randn(1000, 1, SIDE, SIDE), alpha_bar, torch.arange(1000) % 10, scale=2, steps=10)
    print("diffusion:", digit_scores((samples + 1) / 2))
    return net


MAKERS = {maker.__name__: maker for maker in (digit_classifier, diffusion)}


def main(names: Annotated[list[str] | None, typer.Argument(help=f"of {', '.join(MAKERS)}; none: all")] = None):
    for name in names or MAKERS:
        if name not in MAKERS:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(MAKERS)}")
        path = save_weights(MAKERS[name](), name)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    typer.run(main)
