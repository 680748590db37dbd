"""Weights that are kept: what is written is read again, and only what fits."""

import pytest
import torch
from torch import nn

from cnnlib import weights
from cnnlib.generative import (
    VAE,
    DCGANGenerator,
    digit_scores,
    load_weights,
    sample_latents,
    save_weights,
)
from cnnlib.modes import in_mode


def net(width=3):
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.BatchNorm2d(width))


def test_what_is_saved_is_loaded_as_float32_in_eval_mode(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    first, second = net(), net()
    first(torch.rand(2, 1, 5, 6))                                        # moves the buffers
    path = save_weights(first, "small")
    assert path.exists() and path.parent == tmp_path
    assert load_weights(second, "small") is second and not second.training and first.training
    for ours, theirs in zip(second.state_dict().values(), first.state_dict().values(), strict=True):
        assert ours.dtype == theirs.dtype
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-6)


def test_weights_of_other_sizes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    save_weights(net(), "small")
    with pytest.raises(RuntimeError, match="size mismatch"):
        load_weights(net(4), "small")


def test_all_weights_together_are_small():
    files = list(weights.FOLDER.glob("*.pt"))
    assert files and sum(file.stat().st_size for file in files) < 4e6


@torch.no_grad()
def test_the_vae_of_the_course_draws_mush_and_its_dcgan_digits():
    vae, dcgan = load_weights(VAE(16, 16), "vae"), load_weights(DCGANGenerator(width=48), "dcgan")
    mush = digit_scores(vae.decode(sample_latents(1000, 16)).sigmoid())
    assert 0.4 < mush["confident"] < 0.8 and mush["entropy"] > 0.95 and mush["distance"] < 90
    with in_mode(dcgan, training=True):                                  # batch norm as in training
        digits = digit_scores((dcgan(sample_latents(1000, 64)) + 1) / 2)
    assert digits["confident"] > 0.5 and digits["entropy"] > 0.95 and digits["distance"] < 50


BAD = [
    (save_weights, ("net", "name"), {}, "net must be"),
    (save_weights, (nn.Linear(1, 1), "a/b"), {}, "name must be a word, got 'a/b'"),
    (load_weights, ("net", "name"), {}, "net must be"),
    (load_weights, (nn.Linear(1, 1), "nowhere"), {}, "name must be one of .*digit_classifier.*; got 'nowhere'"),
]
