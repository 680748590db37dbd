"""Make the course's own weights from seeds, into weights/.   python scripts/make_weights.py [NAME …]"""

from typing import Annotated

import torch
import typer
from rich import print

from cnnlib import data, training
from cnnlib.generative import DigitClassifier, save_weights
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


MAKERS = {maker.__name__: maker for maker in (digit_classifier,)}


def main(names: Annotated[list[str] | None, typer.Argument(help=f"of {', '.join(MAKERS)}; none: all")] = None):
    for name in names or MAKERS:
        if name not in MAKERS:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(MAKERS)}")
        path = save_weights(MAKERS[name](), name)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    typer.run(main)
