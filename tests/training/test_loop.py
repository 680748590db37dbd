"""`train` minimises whatever a step returns, and a loop of one's own can keep the same history."""

import copy
import functools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnlib.data import digits
from cnnlib.modes import in_mode
from cnnlib.scratch import lenet
from cnnlib.testing import assert_close
from cnnlib.training import EMA, History, accuracy, fit, one_cycle, train

x, y = torch.linspace(-1, 1, 18).reshape(9, 2).double(), torch.arange(9) % 3


def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 7), nn.Tanh(), nn.Linear(7, 3)).double()


def step_of(net):
    return lambda batch: F.cross_entropy(net(batch[0]), batch[1])


linear = make()
sgd = torch.optim.SGD(linear.parameters(), 0.1)
BAD = [
    (train, (step_of(linear), (x, y), sgd), {}, "train: give epochs or steps, got None and None"),
    (train, (step_of(linear), (x, y), sgd), {"epochs": 1, "steps": 2}, "give epochs or steps, got 1 and 2"),
    (train, (step_of(linear), (x, y[:4]), sgd), {"epochs": 1}, r"data must have one length .* got \[9, 4\]"),
    (train, (step_of(linear), (), sgd), {"epochs": 1}, "data must have one length of at least 1"),
    (train, (step_of(linear), (x, y), sgd), {"epochs": 0}, "train: epochs must be at least 1, got 0"),
    (train, (step_of(linear), (x, y), sgd), {"steps": 2.0}, "train: steps must be an int, got 2.0"),
    (train, (lambda batch: 3.0, (x, y), sgd), {"epochs": 1}, "step must return a scalar tensor .*, got float"),
    (train, (lambda batch: {"a": batch[0]}, x, sgd), {"epochs": 1}, r"a dict of them, got shape \(9, 2\) as a"),
    (EMA, (3,), {}, "EMA: net must be an nn.Module, got int"),
    (EMA, (linear, 2), {}, "EMA: decay must be from 0 to 1, got 2"),
]


def test_losses_by_name_are_summed_and_each_has_its_column():
    ours, theirs = make(), make()

    def step(batch):
        out = ours(batch[0])
        return {"fit": F.cross_entropy(out, batch[1]), "size": 0.1 * out.square().mean()}
    history = train(step, (x, y), torch.optim.SGD(ours.parameters(), 0.5), epochs=2, batch_size=4)
    assert history.columns.tolist() == ["epoch", "step", "lr", "loss", "fit", "size"]
    assert_close((history.fit + history["size"]).to_numpy(), history.loss.to_numpy())

    def sum_of_both(out, target):
        return F.cross_entropy(out, target) + 0.1 * out.square().mean()
    plain = fit(theirs, x, y, 2, 0.5, 4, loss=sum_of_both, optimizer=torch.optim.SGD)
    assert_close(history.loss.to_numpy(), plain.loss.to_numpy())
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_close(a, b)


def test_steps_and_epochs_count_alike():
    nets = [make(), make()]
    by_epochs, by_steps = (train(step_of(net), (x, y), torch.optim.SGD(net.parameters(), 0.1), batch_size=4, **length)
                           for net, length in zip(nets, ({"epochs": 2}, {"steps": 6}), strict=True))
    assert by_epochs.equals(by_steps) and len(by_steps) == 6
    cut = train(step_of(make()), (x, y), sgd, batch_size=4, steps=4)
    assert cut.epoch.tolist() == [1, 1, 1, 2]


def test_a_step_may_take_one_array_or_several():
    seen = []

    def step(batch):
        seen.append([tuple(part.shape) for part in batch])
        return linear(batch[0]).square().mean()
    train(step, x, sgd, epochs=1, batch_size=5)
    train(step, (x.numpy(), y, torch.ones(9, 1, 4)), sgd, epochs=1, batch_size=5)
    assert seen == [[(5, 2)], [(4, 2)], [(5, 2), (5,), (5, 1, 4)], [(4, 2), (4,), (4, 1, 4)]]


def test_the_averaged_weights_are_those_of_the_definition():
    net, decay = make(), 0.8
    ema, weights = EMA(net, decay), []
    wanted = None

    def step(batch):
        weights.append([p.detach().clone() for p in net.parameters()])       # those after the step before
        return step_of(net)(batch)
    train(step, (x, y), torch.optim.SGD(net.parameters(), 0.5), steps=5, batch_size=9, ema=ema)
    for after in [*weights[1:], [p.detach() for p in net.parameters()]]:
        wanted = after if wanted is None else [decay * w + (1 - decay) * p for w, p in zip(wanted, after, strict=True)]
    for a, b in zip(ema.parameters(), wanted, strict=True):
        assert_close(a, b)
    assert len(list(ema.module.parameters())) == len(list(net.parameters()))
    assert ema(x).shape == (9, 3) and not torch.equal(ema(x), net(x))


@pytest.mark.parametrize(("batch_size", "accumulate"), [(3, 3), (2, 5), (1, 9), (2, 3)])
@pytest.mark.parametrize("loss", [
    F.cross_entropy, functools.partial(F.cross_entropy, weight=torch.tensor([1.0, 5, 0.2]).double()),
    nn.CrossEntropyLoss(weight=torch.tensor([0.3, 1, 4]).double(), ignore_index=1),
    functools.partial(F.cross_entropy, ignore_index=2),
], ids=["plain", "weights", "weights and a class to ignore", "a class to ignore"])
def test_parts_count_as_many_labels_as_they_have(loss, batch_size, accumulate):
    """A mean of means is not the mean where parts hold different numbers of labels; whole parts may hold none."""
    labels = torch.where(torch.arange(9) % 4 == 0, -100, y) if getattr(loss, "ignore_index", -100) == -100 \
        and "ignore_index" not in getattr(loss, "keywords", {}) else y
    nets = [make(), make()]
    momentum = functools.partial(torch.optim.SGD, momentum=0.9)
    parts = fit(nets[0], x, labels, 3, 0.5, batch_size, loss=loss, accumulation_steps=accumulate, optimizer=momentum)
    whole = fit(nets[1], x, labels, 3, 0.5, batch_size * accumulate, loss=loss, optimizer=momentum)
    assert_close(parts.loss.to_numpy(), whole.loss.to_numpy())
    for a, b in zip(*(net.parameters() for net in nets), strict=True):
        assert_close(a, b)


def test_validation_and_accuracy_leave_out_what_has_no_label():
    labels = torch.where(torch.arange(9) % 4 == 0, -100, y)
    for batch_size in (1, 2, 4, 9):
        net = make()
        history = fit(net, x, y, 1, 0.1, batch_size, validation=(x, labels))
        with torch.no_grad():
            outputs = net(x)
        assert history.val_loss.iloc[-1] == pytest.approx(F.cross_entropy(outputs, labels).item())
        right = (outputs.argmax(1) == labels)[labels != -100].double().mean().item()
        assert history.val_accuracy.iloc[-1] == accuracy(net, x, labels, batch_size) == pytest.approx(right)
    masks = torch.randint(3, (4, 5, 6))
    masks[1:, :3] = -100
    conv, images = nn.Conv2d(1, 3, 1), torch.randn(4, 1, 5, 6)
    history = fit(conv, images, masks, 1, 0.1, 1, accumulation_steps=3, validation=(images, masks))
    assert history.val_loss.iloc[-1] == pytest.approx(F.cross_entropy(conv(images), masks).item(), rel=1e-5)


def test_a_gan_owns_its_loop_and_keeps_the_same_history(capsys):
    """Two networks in turns on real digits; the averaged generator follows."""
    torch.manual_seed(0)
    real = torch.as_tensor(digits()[0][0][:64]).flatten(1)
    generator, critic = nn.Sequential(nn.Linear(4, 784), nn.Sigmoid()), nn.Linear(784, 1)
    ema = EMA(generator, 0.5)
    optimizers = [torch.optim.Adam(net.parameters(), 1e-2) for net in (generator, critic)]
    with in_mode(generator, training=True), History(6, progress=True) as history:
        for _ in range(6):
            fake = generator(torch.randn(64, 4))
            loss_d = F.softplus(-critic(real)).mean() + F.softplus(critic(fake.detach())).mean()
            loss_g = F.softplus(-critic(fake)).mean()
            for optimizer, loss in zip(optimizers, (loss_g, loss_d), strict=True):
                optimizer.zero_grad()
                loss.backward(inputs=optimizer.param_groups[0]["params"], retain_graph=True)
            for optimizer in optimizers:
                optimizer.step()
            ema.update()
            history.add(generator=loss_g, discriminator=loss_d)
    table = history.table()
    assert table.columns.tolist() == ["step", "generator", "discriminator"] and table.step.tolist() == [*range(1, 7)]
    assert table.discriminator.iloc[-1] < table.discriminator.iloc[0]
    text = capsys.readouterr().err
    assert "6/6" in text and "discriminator=" in text
    assert not torch.equal(ema.module[0].weight, generator[0].weight)


def test_a_variational_autoencoder_is_a_step():
    torch.manual_seed(0)
    images = torch.as_tensor(digits()[0][0][:128]).flatten(1)
    encoder, decoder = nn.Linear(784, 8), nn.Linear(4, 784)

    def step(batch):
        mean, log_variance = encoder(batch[0]).chunk(2, 1)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        return {"reconstruction": F.binary_cross_entropy_with_logits(decoder(z), batch[0], reduction="sum") / len(z),
                "kl": 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()}
    parameters = [*encoder.parameters(), *decoder.parameters()]
    history = train(step, images, torch.optim.Adam(parameters, 1e-2), epochs=10, batch_size=32, schedule=one_cycle,
                    clip=100.0)
    assert history.columns.tolist() == ["epoch", "step", "lr", "loss", "reconstruction", "kl", "gradient_norm"]
    assert history.loss.iloc[-4:].mean() < 0.7 * history.loss.iloc[:4].mean()


def test_the_numpy_engine_has_the_same_loop():
    """One epoch of one batch: the same step from the same weights, in both."""
    (images, labels), _ = digits()
    images, labels = images[:12].astype(np.float64), labels[:12]
    theirs = nn.Sequential(nn.Flatten(), nn.Linear(784, 10)).double()
    from cnnlib import scratch
    ours = scratch.from_torch(copy.deepcopy(theirs))
    loss = scratch.nn.CrossEntropyLoss()
    mine = lenet.train(lambda batch: loss(ours(batch[0]), batch[1]), (images, labels),
                       scratch.optim.SGD(ours.parameters(), lr=0.1), epochs=3, batch_size=12)
    history = train(lambda batch: F.cross_entropy(theirs(batch[0]), batch[1]), (images, labels),
                    torch.optim.SGD(theirs.parameters(), 0.1), epochs=3, batch_size=12)
    assert_close(np.array(mine), history.loss.to_numpy())
