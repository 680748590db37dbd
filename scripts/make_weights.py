"""Make the course's own weights from seeds, into weights/.   python scripts/make_weights.py [NAME …]"""

from typing import Annotated

import torch
import typer
from rich import print

from cnnlib import data, training
from cnnlib.adversarial import StridedCNN, adversarial_fit, pgd, robust_accuracy
from cnnlib.generative import (
    VAE,
    DCGANDiscriminator,
    DCGANGenerator,
    DiffusionUNet,
    DigitClassifier,
    StyleDiscriminator,
    StyleGenerator,
    cosine_schedule,
    ddim,
    digit_scores,
    noise_loss,
    sample_latents,
    save_weights,
    train_gan,
    train_stylegan,
    vae_loss,
)
from cnnlib.generative.scores import SIDE, resized

SEED = 0


def small_digits():
    """The training digits as the generators make them: (4000, 1, 16, 16) in [−1, 1], and their classes."""
    (x, y), _ = data.digits()
    return resized(torch.as_tensor(x), SIDE) * 2 - 1, y


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


def vae():
    """The page's VAE, trained ten times as long."""
    (x, y), _ = data.digits()
    training.set_seed(SEED)
    net, steps = VAE(latent=16, width=16), 4000
    beta = iter(torch.linspace(0, 5, steps).clip(max=1).tolist())          # the KL is let in over the first fifth

    def bound(batch):
        images, _ = batch
        logits, mean, log_variance = net(images)
        return vae_loss(logits, images, mean, log_variance, next(beta))

    training.train(bound, (torch.as_tensor(x), y), torch.optim.Adam(net.parameters(), 2e-3), steps=steps,
                   batch_size=64, seed=SEED, schedule=training.warmup_cosine)
    net.eval()
    print("vae:", digit_scores(net.decode(sample_latents(1000, 16)).sigmoid().detach()))
    return net


def dcgan():
    """The page's generator, half as wide again and trained six times as long."""
    images, _ = small_digits()
    training.set_seed(SEED)
    net = DCGANGenerator(width=48)
    train_gan(net, DCGANDiscriminator(48), images, 6000, lr=2e-3, discriminator_lr=5e-4, seed=SEED)
    with torch.no_grad():
        print("dcgan:", digit_scores((net(sample_latents(1000, 64, 1)) + 1) / 2))
    return net


def diffusion():
    """The page's diffusion model, trained nine times as long: the average of its weights."""
    (images, y), alpha_bar = small_digits(), cosine_schedule()
    training.set_seed(SEED)
    net = DiffusionUNet()
    average = training.EMA(net, 0.998)
    training.train(lambda batch: noise_loss(net, *batch, alpha_bar), (images, y),
                   torch.optim.AdamW(net.parameters(), lr=4e-3), steps=4000, batch_size=64, seed=SEED, clip=1.0,
                   schedule=training.warmup_cosine, ema=average)
    noise = torch.randn(1000, 1, SIDE, SIDE)
    samples = ddim(average.module, noise, alpha_bar, torch.arange(1000) % 10, scale=2, steps=10)
    print("diffusion:", digit_scores((samples + 1) / 2))
    return average.module


def stylegan():
    """The page's StyleGAN, trained fifty times as long, some twenty minutes of one core: the average of its weights.

    The same weights come back on one thread of the same machine only: sums in another order, and GANs part.
    """
    images, _ = small_digits()
    training.set_seed(SEED)
    _, average = train_stylegan(StyleGenerator(), StyleDiscriminator(), images, (250, 750, 8000), seed=SEED)
    net = average.module
    with torch.no_grad():
        samples = net(net.mapping(sample_latents(1000, net.latent)))
    print("stylegan:", digit_scores(samples.clamp(-1, 1) / 2 + 0.5))
    return net


def robust_digits():
    """The page's network against PGD at ε = 0.3, trained six times as long."""
    (x, y), (x_test, y_test) = data.digits()
    training.set_seed(SEED)
    net = StridedCNN()
    adversarial_fit(net, x, y, 0.3, steps=2700, attack_steps=5, seed=SEED)
    x_test = torch.as_tensor(x_test)
    print(f"robust_digits: {robust_accuracy(net, x_test, y_test):.1%} of the test digits, "
          f"{robust_accuracy(net, x_test, y_test, lambda *given: pgd(*given, 0.3)):.1%} when attacked")
    return net


MAKERS = {maker.__name__: maker for maker in (digit_classifier, vae, dcgan, stylegan, diffusion, robust_digits)}


def main(names: Annotated[list[str] | None, typer.Argument(help=f"of {', '.join(MAKERS)}; none: all")] = None):
    for name in names or MAKERS:
        if name not in MAKERS:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(MAKERS)}")
        path = save_weights(MAKERS[name](), name)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    typer.run(main)
