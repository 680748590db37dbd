"""`train` minimises whatever a step returns, and a loop of one's own can keep the same history."""

import copy
import functools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnlib.architectures import encode_boxes, small_detector, small_unet
from cnnlib.data import digits, scenes
from cnnlib.losses import detection_loss
from cnnlib.modes import in_mode
from cnnlib.scratch import lenet
from cnnlib.testing import assert_close
from cnnlib.training import EMA, History, accuracy, batches, device, fit, one_cycle, train

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
    (train, (step_of(linear), "digits", sgd), {"epochs": 1}, r"data\[0\] must be an array or a tensor, got str"),
    (train, (3, (x, y), sgd), {"epochs": 1}, "train: step must be a function, got 3"),
    (train, (step_of(linear), (x, y), linear), {"epochs": 1}, "optimizer must be a torch optimiser, got Seq"),
    (train, (step_of(linear), (x, y), sgd), {"epochs": 1, "schedule": 0.1}, "schedule must be a function, got 0.1"),
    (train, (step_of(linear), (x, y), sgd), {"epochs": 1, "after_epoch": 1}, "after_epoch must be a function, got 1"),
    (train, (step_of(linear), (x, y), sgd), {"epochs": 1, "ema": 0.9}, "ema must be None or an EMA, got float"),
    (train, (step_of(linear), (x, y), sgd), {"epochs": 1, "weight": [1, 2]}, r"for each row, 9, got shape \(2,\)"),
    (train, (lambda batch: {}, (x, y), sgd), {"epochs": 1}, "a dict of them, got an empty dict"),
    (train, (lambda batch: {"loss": 1, "kl": 2}, x, sgd), {"epochs": 1}, "as a column of the history is named: loss"),
    (train, (lambda batch: {"lr": 1, "step": 2}, x, sgd), {"epochs": 1}, "of the history is named: step, lr"),
    (batches, (x, y[:4]), {}, r"batches: arrays must have one length of at least 1, got \[9, 4\]"),
    (batches, (), {}, "batches: arrays must have one length"),
    (batches, (x, 3), {}, r"batches: arrays\[1\] must be an array or a tensor, got int"),
    (batches, (x,), {"batch_size": 0}, "batches: batch_size must be at least 1, got 0"),
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
    many = train(step_of(make()), (x, y), sgd, batch_size=4, epochs=np.uint8(100))
    assert len(many) == 300                                              # which is more than a uint8 can hold


def test_the_end_of_an_epoch_adds_columns_and_may_end_the_training():
    ends = []

    def run(net, after_epoch, **length):
        return train(step_of(net), (x, y), torch.optim.SGD(net.parameters(), 0.1), batch_size=4, schedule=one_cycle,
                     after_epoch=after_epoch, **length)
    cut = run(make(), lambda row: ends.append(row["step"]), steps=7)
    assert ends == [3, 6, 7] and cut.lr.iloc[-1] == pytest.approx(0.1 / 25 / 1e4)     # the schedule ends with the steps
    net = make()

    def after_epoch(row):
        row["accuracy"] = accuracy(net, x, y)
        return row["epoch"] == 2
    stopped = run(net, after_epoch, epochs=9)
    assert stopped.epoch.max() == 2 and stopped.accuracy.notna().tolist() == [False, False, True] * 2
    assert stopped.accuracy.iloc[-1] == accuracy(net, x, y)


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


def test_buffers_are_averaged_like_weights():
    torch.manual_seed(0)
    net, states = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)).double(), []

    class Watched(EMA):
        def update(self):
            states.append({name: value.clone() for name, value in net.state_dict().items()})
            super().update()
    ema = Watched(net, 0.7)
    train(step_of(net), (x, y), torch.optim.SGD(net.parameters(), 0.1), epochs=2, batch_size=3, ema=ema)
    assert len(states) == 6 and not torch.equal(states[0]["1.running_mean"], states[1]["1.running_mean"])
    wanted = states[0]
    for state in states[1:]:
        wanted = {name: 0.7 * wanted[name] + 0.3 * state[name] for name in state}
    ours = ema.module.state_dict()
    assert {*ema.state_dict()} == {"n_averaged", *(f"module.{name}" for name in net.state_dict())}
    for name in ours.keys() - {"1.num_batches_tracked"}:                 # an int
        assert_close(ours[name], wanted[name])


@pytest.mark.parametrize(("batch_size", "accumulation"), [(2, 2), (4, 2), (2, 100)])
def test_losses_by_name_accumulate_to_those_of_the_big_batch(batch_size, accumulation):
    def run(batch_size, accumulation):
        net = make()

        def step(batch):
            out = net(batch[0])
            return {"fit": F.cross_entropy(out, batch[1]), "size": out.square().mean()}
        history = train(step, (x, y), torch.optim.SGD(net.parameters(), 0.5), epochs=2, batch_size=batch_size,
                        accumulation_steps=accumulation, clip=1.0)
        return history, net
    (mine, ours), (big, theirs) = run(batch_size, accumulation), run(batch_size * accumulation, 1)
    assert_close(mine.to_numpy(), big.to_numpy())
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_close(a, b)


def test_batches_hold_every_row_once_in_an_order_of_the_generator():
    def orders(generator):
        return [torch.cat([labels for _, labels in batches(x.numpy(), torch.arange(9), batch_size=4,
                                                           generator=generator)]) for _ in range(2)]
    first, second = orders(torch.Generator().manual_seed(3))
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(9)) and not torch.equal(first, second)
    assert torch.equal(orders(torch.Generator().manual_seed(3))[1], second)
    assert [len(rows) for rows, in batches(x, batch_size=np.int64(4))] == [4, 4, 1]
    seen = []
    train(lambda batch: seen.append(batch[1]) or linear(batch[0]).sum(), (x, torch.arange(9)), sgd, epochs=2,
          batch_size=4, seed=3)
    assert torch.equal(torch.cat(seen), torch.cat([first, second]))      # the order of `train`
    for rows, numbers in batches(x, torch.arange(9)):
        assert torch.equal(rows, x[numbers])


@pytest.mark.parametrize("found", [False, True])
def test_the_device_is_a_gpu_where_torch_finds_one(monkeypatch, found):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: found)
    assert device() == torch.device("cuda" if found else "cpu")


def test_the_bar_ends_when_the_training_breaks_off(capsys):
    def step(batch):
        raise KeyError("of the step")
    with pytest.raises(KeyError, match="of the step"):
        train(step, (x, y), sgd, epochs=1, progress=True)
    assert capsys.readouterr().err.endswith("\n")


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


def test_adversarial_training_is_a_step():
    """By the sign of the gradient (Goodfellow et al. 2015): the net then does better on images that are so attacked."""
    torch.manual_seed(0)
    images = torch.randn(200, 2).double()
    labels = (images.sum(1) > 0).long()

    def attack(net, images, labels):
        images = images.clone().requires_grad_()
        gradient, = torch.autograd.grad(F.cross_entropy(net(images), labels), images)
        return (images + 0.3 * gradient.sign()).detach()

    def loss_under_attack(attacked):
        net = make()

        def step(batch):
            images, labels = batch
            return F.cross_entropy(net(attack(net, images, labels) if attacked else images), labels)
        train(step, (images, labels), torch.optim.Adam(net.parameters(), 0.05), epochs=40)
        return F.cross_entropy(net(attack(net, images, labels)), labels).item()
    assert loss_under_attack(True) < loss_under_attack(False)


def test_segmentation_is_a_line_of_fit_and_detection_a_step_of_two():
    size = (24, 32)
    images, masks, boxes, labels = scenes(6, size, (1, 1), seed=0, gray=True, binary=True)
    torch.manual_seed(0)
    unet, detector = small_unet(), small_detector()
    history = fit(unet, images, masks, 1, lr=1e-2, batch_size=4, validation=(images, masks))
    assert history.val_accuracy.iloc[-1] == accuracy(unet, images, masks)

    targets, other = encode_boxes(detector, size, boxes, [0 * label for label in labels]), copy.deepcopy(detector)

    def step(batch):
        images, targets = batch
        return detection_loss(detector(images), targets)
    history = train(step, (images, targets), torch.optim.Adam(detector.parameters(), 5e-3), epochs=2, batch_size=4)
    assert history.equals(fit(other, images, targets, 2, lr=5e-3, batch_size=4, loss=detection_loss))


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
