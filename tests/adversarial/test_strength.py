"""Our attacks are as strong as those of torchattacks, on the same networks, images and budgets.

torchattacks pins an old `requests`, so it is no part of .venv: `make test` puts it into _build/torchattacks.
"""

import sys

import pytest
import torch

from cnnlib import data, training
from cnnlib.adversarial import StridedCNN, adversarial_fit, fgsm, pgd, robust_accuracy
from cnnlib.weights import load_weights
from tests.paths import ROOT

FOLDER = ROOT / "_build" / "torchattacks"
STEPS = 20


@pytest.fixture(scope="module")
def torchattacks():
    if not (FOLDER / "torchattacks").is_dir():
        pytest.skip("torchattacks is not here: make _build/torchattacks/.installed")
    sys.path.insert(0, str(FOLDER))
    try:
        import torchattacks
    finally:
        sys.path.remove(str(FOLDER))
    return torchattacks


@pytest.fixture(scope="module")
def images():
    _, (x, y) = data.digits()
    return torch.as_tensor(x[:300]), torch.as_tensor(y[:300])


@pytest.fixture(scope="module", params=["plain", "robust"])
def net(request):
    if request.param == "robust":
        return load_weights(StridedCNN(), "robust_digits")
    (x, y), _ = data.digits()
    training.set_seed(0)
    plain = StridedCNN()
    adversarial_fit(plain, x, y, 0, steps=150, attack_steps=0)
    return plain.eval()


ATTACKS = {
    "fgsm": (lambda eps: lambda *given: fgsm(*given, eps),
             lambda theirs, net, eps: theirs.FGSM(net, eps=eps), (0.1, 0.3)),
    "pgd": (lambda eps: lambda *given: pgd(*given, eps, steps=STEPS),
            lambda theirs, net, eps: theirs.PGD(net, eps=eps, alpha=2.5 * eps / STEPS, steps=STEPS), (0.1, 0.3)),
    "pgd of length": (lambda eps: lambda *given: pgd(*given, eps, steps=STEPS, norm="2"),
                      lambda theirs, net, eps: theirs.PGDL2(net, eps=eps, alpha=2.5 * eps / STEPS, steps=STEPS),
                      (0.5, 2.0)),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_robust_accuracy_is_at_most_a_point_above_theirs(torchattacks, net, images, name):
    ours, theirs, budgets = ATTACKS[name]
    x, y = images
    for eps in budgets:
        torch.manual_seed(0)
        found = theirs(torchattacks, net, eps)(x, y)
        with torch.no_grad():
            their_accuracy = (net(found).argmax(1) == y).double().mean().item()
        assert robust_accuracy(net, x, y, ours(eps)) <= their_accuracy + 0.01 + 1e-9, eps
    assert their_accuracy < 0.95                                         # they did attack
