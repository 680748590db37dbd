"""Weights that are kept: what is written is read again, and only what fits."""

import pytest
import torch
from torch import nn

from cnnlib.generative import load_weights, save_weights, weights


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


BAD = [
    (save_weights, ("net", "name"), {}, "net must be"),
    (save_weights, (nn.Linear(1, 1), "a/b"), {}, "name must be a word, got 'a/b'"),
    (load_weights, ("net", "name"), {}, "net must be"),
    (load_weights, (nn.Linear(1, 1), "nowhere"), {}, "name must be one of .*digit_classifier.*; got 'nowhere'"),
]
