"""The training loop learns, repeats itself from a seed, does what each argument says, and measures rightly."""

import copy
import functools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score
from torch import nn

from cnnlib import data
from cnnlib.testing import assert_close
from cnnlib.training import accuracy, fit, one_cycle, set_seed, warmup_cosine

x3, y3, linear = np.zeros((3, 2), np.float32), np.zeros(3), nn.Linear(2, 2)
sgd = torch.optim.SGD(linear.parameters(), 0.1)

BAD = [
    (fit, (5, x3, y3, 1), {}, "net must be an nn.Module, got int"),
    (fit, (linear, x3.astype(float), y3, 1), {}, "x must have the dtype of the network, torch.float32, got"),
    (fit, (linear, "digits", y3, 1), {}, "x and y must be arrays or tensors, got str"),
    (fit, (linear, x3, y3, 1.5), {}, "epochs must be an int, got 1.5"),
    (fit, (linear, x3, y3, 1, 0), {}, "lr must be a number above 0, got 0"),
    (fit, (linear, x3, y3, 1, 1, 0), {}, "batch_size must be at least 1, got 0"),
    (fit, (linear, x3, y3, 1), {"accumulation_steps": 0}, "accumulation_steps must be at least 1, got 0"),
    (fit, (linear, (x3 * 255).astype(np.uint8), y3, 1), {}, "x must have the dtype .* got torch.uint8; .* x / 255"),
    (fit, (linear, x3.astype(int), y3, 1), {}, "x must have the dtype of the network, torch.float32, got torch.int64"),
    (fit, (linear, torch.tensor(1.0), y3, 1), {}, "x and y must have the same length ≥ 1, got 1.0 and 3"),
    (fit, (linear, x3, y3, 1, None), {}, "lr must be a number above 0, got None"),
    (fit, (linear, x3, y3, 1), {"clip": "short"}, "clip must be a number above 0, got 'short'"),
    (fit, (linear, x3, y3, 1), {"seed": None}, "fit: seed must be an int, got None"),
    (fit, (linear, x3, y3, 1), {"seed": -1}, "fit: seed must be at least 0, got -1"),
    (fit, (linear, x3, y3, 1), {"loss": "mse"}, r"loss must be a function, as F.mse_loss, .* got 'mse'"),
    (fit, (linear, x3, y3, 1), {"loss": nn.CrossEntropyLoss}, r"or an object, as nn.MSELoss\(\), got <class"),
    (fit, (linear, x3, y3.astype(int), 1), {"loss": nn.CrossEntropyLoss(reduction="none")},
     r"loss must give their mean, a scalar tensor, got shape \(3,\)"),
    (fit, (linear, x3, y3, 1), {"loss": lambda out, y: 0.5}, "loss must give their mean, a scalar tensor, got float"),
    (fit, (linear, x3, y3, 1), {"optimizer": "sgd"}, "optimizer must be .* as torch.optim.SGD, got 'sgd'"),
    (fit, (linear, x3, y3, 1), {"schedule": "cosine"}, "schedule must be None or a function, as one_cycle, got 'cosi"),
    (fit, (linear, x3, y3, 1), {"augment": "flip"}, "augment must be None or a function, .* got 'flip'"),
    (fit, (linear, x3, y3, 1), {"clip": -1}, "clip must be a number above 0, got -1"),
    (fit, (linear, x3, y3, 1), {"validation": 3}, r"validation must be \(x, y\), got int"),
    (fit, (linear, x3, y3, 1), {"validation": (x3, y3[:2])}, "fit: validation: .* got 3 and 2"),
    (fit, (linear, x3, y3, 1), {"patience": 2}, "patience needs validation data"),
    (fit, (linear, x3, y3, 1), {"device": "abacus"}, "device 'abacus' cannot be used"),
    (fit, (nn.ReLU(), x3, y3, 1), {}, "net has no parameter that can be trained"),
    (accuracy, (5, x3, y3), {}, "net must be an nn.Module, got int"),
    (accuracy, (linear, x3, y3), {}, "y must be class numbers, got torch.float64"),
    (accuracy, (linear, x3, y3.astype(int), 0), {}, "batch_size must be at least 1, got 0"),
    (accuracy, (linear, x3, np.zeros((3, 1), int)), {}, r"y must be \(N, \*\) .* got \(3, 1\) for shape \(3, 2\)"),
    (accuracy, (nn.Linear(2, 1), x3, y3.astype(int)), {}, r"at least 2 classes, got \(3,\) for shape \(3, 1\)"),
    (accuracy, (nn.Flatten(0), x3, np.zeros(3, int)), {}, r"got \(3,\) for shape \(6,\)"),
    (accuracy, (nn.Conv2d(1, 2, 1), np.zeros((3, 1, 4, 5), np.float32), np.zeros((3, 1, 4, 5), int)), {},
     r"got \(3, 1, 4, 5\) for shape \(3, 2, 4, 5\)"),
    (accuracy, (linear, x3, np.full(3, -100)), {}, "accuracy: y must hold a label, got -100 only"),
    (accuracy, (linear, x3.astype(int), y3.astype(int)), {}, "accuracy: x must have the dtype of the network"),
    (one_cycle, (3, 5), {}, "optimizer must be a torch optimiser, got int"),
    (one_cycle, (sgd, 0), {}, "steps must be at least 1, got 0"),
    (warmup_cosine, (sgd, 2.0), {}, "steps must be an int, got 2.0"),
    (warmup_cosine, (sgd, 5, 1), {}, "warmup must be from 0 up to 1, got 1"),
    (warmup_cosine, (sgd, 5, "half"), {}, "warmup must be a number, got 'half'"),
    (set_seed, (-1,), {}, "seed must be at least 0, got -1"),
    (set_seed, (1.5,), {}, "seed must be an int, got 1.5"),
]


def make_net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def small(dropout=0.0):
    """A net in double precision, with all it takes to tell one loop from another."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 3)).double()


def small_data(n=22, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 5, generator=generator, dtype=torch.float64), torch.randint(3, (n,), generator=generator)


def assert_same_weights(ours, theirs, tolerance=1e-10):
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_close(p, q, tolerance)


def test_it_learns_and_repeats_itself():
    (x, y), (x_test, y_test) = data.digits()
    nets = [make_net(), make_net(), make_net()]
    losses = [fit(net, x[:1000], y[:1000], epochs=2, lr=5e-3, seed=seed).loss.tolist()
              for net, seed in zip(nets, [1, 1, 2], strict=True)]
    assert len(losses[0]) == 2 * 16 and np.mean(losses[0][-5:]) < 0.6 * losses[0][0]
    assert losses[0] == losses[1] != losses[2]
    assert accuracy(nets[0], x_test, y_test) > 0.75


def test_the_loop_is_the_one_everybody_writes():
    (x, y), ours, theirs = small_data(), small(), small()
    history = fit(ours, x, y, 3, lr=0.02, batch_size=8, seed=4)
    optimizer, order, losses = torch.optim.Adam(theirs.parameters(), 0.02), torch.Generator().manual_seed(4), []
    for _ in range(3):
        for batch in torch.randperm(22, generator=order).split(8):
            optimizer.zero_grad()
            loss = F.cross_entropy(theirs(x[batch]), y[batch])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert history.loss.tolist() == losses
    assert_same_weights(ours, theirs, 0)
    assert history.columns.tolist() == ["epoch", "step", "lr", "loss"]
    assert history.epoch.tolist() == [1, 1, 1, 2, 2, 2, 3, 3, 3] and history.step.tolist() == list(range(1, 10))
    assert (history.lr == 0.02).all()


def noisy(images, targets, generator):
    return images + 0.1 * torch.randn(images.shape, generator=generator, dtype=images.dtype), targets


@pytest.mark.parametrize("augment", [None, noisy])
@pytest.mark.parametrize("schedule", [None, one_cycle, warmup_cosine])
@pytest.mark.parametrize(("batch_size", "accumulation", "clip"), [(8, 1, None), (4, 2, 0.1), (5, 3, None)])
def test_all_options_together_are_the_loop_written_out(augment, schedule, batch_size, accumulation, clip):
    """To the last bit, dropout and the last, shorter batch included."""
    (x, y), (x_test, y_test) = small_data(), small_data(9, seed=1)
    ours, theirs = small(dropout=0.5), small(dropout=0.5)
    torch.manual_seed(7)
    history = fit(ours, x, y, 3, 0.05, batch_size, 4, accumulation_steps=accumulation, clip=clip, schedule=schedule,
                  augment=augment, validation=(x_test, y_test), optimizer=torch.optim.AdamW)
    torch.manual_seed(7)
    optimizer = torch.optim.AdamW(theirs.parameters(), 0.05)
    scheduler = schedule and schedule(optimizer, 3 * math.ceil(22 / (batch_size * accumulation)))
    order, chance, rows = torch.Generator().manual_seed(4), torch.Generator().manual_seed(5), []
    for _ in range(3):
        theirs.train()
        for examples in torch.randperm(22, generator=order).split(batch_size * accumulation):
            optimizer.zero_grad()
            rate, total = optimizer.param_groups[0]["lr"], 0.0
            for part in examples.split(batch_size):
                images, targets = augment(x[part], y[part], chance) if augment else (x[part], y[part])
                loss = F.cross_entropy(theirs(images), targets) * (len(part) / len(examples))
                loss.backward()
                total += loss.item()
            norm = nn.utils.clip_grad_norm_(theirs.parameters(), clip or math.inf).item()
            optimizer.step()
            if scheduler:
                scheduler.step()
            rows.append([rate, total, norm])
        theirs.eval()
        with torch.no_grad():
            val_loss = sum(F.cross_entropy(theirs(a), b).item() * len(a) for a, b in
                           zip(x_test.split(batch_size), y_test.split(batch_size), strict=True)) / 9
        assert history.val_loss[len(rows) - 1] == val_loss
    columns = ["lr", "loss", "gradient_norm"][:2 + (clip is not None)]
    assert history[columns].to_numpy().tolist() == [row[:len(columns)] for row in rows]
    assert_same_weights(ours, theirs, 0)


@pytest.mark.parametrize(("batch_size", "accumulate"), [(4, 2), (2, 4), (3, 5), (1, 22), (22, 1), (5, 100)])
def test_accumulation_equals_the_big_batch(batch_size, accumulate):
    """22 images in steps of 8, 15 or more: the last step has fewer batches, and its last batch fewer images."""
    (x, y), ours, theirs = small_data(), small(), small()
    sgd = functools.partial(torch.optim.SGD, momentum=0.9)
    mine = fit(ours, x, y, 2, 0.5, batch_size, accumulation_steps=accumulate, optimizer=sgd)
    big = fit(theirs, x, y, 2, 0.5, batch_size * accumulate, optimizer=sgd)
    assert len(mine) == len(big) == 2 * math.ceil(22 / (batch_size * accumulate))
    assert_close(mine.loss.to_numpy(), big.loss.to_numpy())
    assert_same_weights(ours, theirs)
    norms = [fit(small(), x, y, 1, 0.5, n, accumulation_steps=steps, clip=0.1).gradient_norm.to_numpy()
             for n, steps in [(batch_size, accumulate), (batch_size * accumulate, 1)]]
    assert_close(*norms)


def test_clipping_shortens_the_step_to_its_bound():
    (x, y), net = small_data(), small()
    before = copy.deepcopy(net)
    fit_sgd = functools.partial(fit, x=x, y=y, epochs=1, lr=1.0, batch_size=22, optimizer=torch.optim.SGD)
    history = fit_sgd(net, clip=0.05)
    norm = torch.cat([p.grad.flatten() for p in net.parameters()]).norm()
    moved = torch.cat([(p - q).flatten() for p, q in zip(net.parameters(), before.parameters(), strict=True)]).norm()
    assert_close(norm, 0.05, 1e-4)
    assert_close(moved, 0.05, 1e-4)
    assert history.gradient_norm[0] > 0.1                                # what it was before
    free, loose = copy.deepcopy(before), copy.deepcopy(before)
    fit_sgd(free)
    fit_sgd(loose, clip=100)
    assert_same_weights(free, loose)


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW])
def test_an_optimizer_may_be_given_or_made(optimizer):
    (x, y), made, given, plain = small_data(), small(), small(), small()
    fit(made, x, y, 2, lr=0.1, batch_size=8, optimizer=optimizer)
    fit(given, x, y, 2, lr=77, batch_size=8, optimizer=optimizer(given.parameters(), lr=0.1))
    fit(plain, x, y, 2, lr=0.1, batch_size=8)
    assert_same_weights(made, given, 0)
    with pytest.raises(AssertionError):
        assert_same_weights(made, plain)


def test_schedules_move_at_every_step_and_end_low():
    (x, y) = small_data()

    def rates(schedule, **options):
        return fit(small(), x, y, 10, lr=0.3, batch_size=8, schedule=schedule, **options).lr.to_numpy()
    one = rates(one_cycle)
    assert len(one) == 30 and one[0] == pytest.approx(0.3 / 25) and one.max() == pytest.approx(0.3)
    assert one.argmax() == 8 and one[-1] == pytest.approx(0.3 / 25 / 1e4)               # 30 % of 30 steps, from 0
    reference = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.3, momentum=0.9)
    scheduler, wanted = torch.optim.lr_scheduler.OneCycleLR(reference, 0.3, total_steps=30), []
    for _ in range(30):
        wanted.append(reference.param_groups[0]["lr"])
        reference.step()
        scheduler.step()
    assert_close(one, np.array(wanted))
    assert_close(rates(one_cycle, optimizer=torch.optim.SGD), np.array(wanted))         # without a momentum to cycle

    cosine = rates(warmup_cosine)                                                        # 3 of 30 steps up
    t = np.arange(27)
    assert_close(cosine, np.concatenate([[0.1, 0.2, 0.3], 0.3 * (1 + np.cos(np.pi * t / 27)) / 2]))
    assert rates(functools.partial(warmup_cosine, warmup=0))[0] == 0.3
    fewer = rates(one_cycle, accumulation_steps=2)                                               # steps, not batches
    assert len(fewer) == 20 and fewer.argmax() == 5 and fewer[-1] == pytest.approx(0.3 / 25 / 1e4)
    steps = rates(lambda optimizer, steps: torch.optim.lr_scheduler.StepLR(optimizer, steps // 3, 0.1))
    assert_close(steps, np.repeat([0.3, 0.03, 0.003], 10))


def test_one_cycle_moves_the_momentum_only_where_there_is_one():
    def group(optimizer):
        one_cycle(optimizer, 10)
        return optimizer.param_groups[0]
    assert group(torch.optim.SGD(small().parameters(), 0.1))["momentum"] == 0
    assert group(torch.optim.SGD(small().parameters(), 0.1, momentum=0.5))["momentum"] == 0.95
    assert group(torch.optim.Adam(small().parameters(), 0.1))["betas"][0] == 0.95


def test_the_loss_may_be_any():
    x, _ = small_data()
    net = nn.Linear(5, 5).double()
    history = fit(net, x, 2 * x, 200, 0.05, loss=F.mse_loss, validation=(x, 2 * x))
    assert history.loss.iloc[-1] < 1e-3 and "val_accuracy" not in history
    assert_close(net.weight, 2 * torch.eye(5, dtype=torch.float64), 0.1)
    soft = F.one_hot(small_data()[1], 3).double()
    assert fit(small(), x, soft, 1).loss[0] == pytest.approx(fit(small(), *small_data(), 1).loss[0])


def test_augment_gets_each_batch_and_a_generator_of_the_seed():
    (x, y), seen = small_data(), []

    def augment(images, targets, generator):
        noise = torch.randn(images.shape, generator=generator, dtype=images.dtype)
        seen.append((images.clone(), targets, noise))
        return images + noise, targets
    ours, plain = small(), small()
    first = fit(ours, x, y, 2, batch_size=8, seed=3, augment=augment)
    assert [len(images) for images, _, _ in seen] == [8, 8, 6] * 2
    generator = torch.Generator().manual_seed(3)
    plan = torch.cat([torch.randperm(22, generator=generator) for _ in range(2)])       # as without augmentation
    assert torch.equal(torch.cat([images for images, _, _ in seen]), x[plan])
    assert torch.equal(torch.cat([targets for _, targets, _ in seen]), y[plan])
    images, targets, noise = seen[0]
    with torch.no_grad():
        assert first.loss[0] == pytest.approx(F.cross_entropy(plain(images + noise), targets).item())
    assert not torch.equal(seen[0][2], seen[1][2]) and not torch.equal(seen[0][2], seen[3][2])
    assert first.equals(fit(small(), x, y, 2, batch_size=8, seed=3, augment=augment))
    assert torch.equal(seen[0][2], seen[6][2])
    fit(small(), x, y, 1, batch_size=8, seed=4, augment=augment)
    assert not torch.equal(seen[0][2], seen[12][2])                     # another seed, other noise


def test_augment_may_change_the_targets():
    (x, y), changed, told = small_data(), small(), small()
    fit(changed, x, y, 2, augment=lambda images, targets, generator: (-images, (targets + 1) % 3))
    fit(told, -x, (y + 1) % 3, 2)
    assert_same_weights(changed, told, 0)


def test_validation_is_measured_in_eval_mode_after_each_epoch():
    (x, y), held_out, net = small_data(), small_data(9, seed=1), small(dropout=0.5)
    history = fit(net, x, y, 3, batch_size=8, validation=held_out)
    net.eval()
    with torch.no_grad():
        loss = F.cross_entropy(net(held_out[0]), held_out[1]).item()
    assert history.val_loss.notna().tolist() == [False, False, True] * 3
    assert history.val_loss.iloc[-1] == pytest.approx(loss)             # 9 images in batches of 8 and 1
    assert history.val_accuracy.iloc[-1] == accuracy(net, *held_out)
    plain, watched = small(), small()
    fit(plain, x, y, 2)
    fit(watched, x, y, 2, validation=held_out)
    assert_same_weights(plain, watched, 0)                              # who watches changes nothing


def test_patience_stops_and_puts_the_best_weights_back():
    x, y = small_data()
    net = small()
    wrong = (y + 1) % 3                                                 # the more it learns, the worse it gets
    history = fit(net, x, y, 60, 0.05, validation=(x, wrong), patience=2)
    best = history.val_loss.idxmin()
    assert len(history) == best + 1 + 2
    net.eval()
    with torch.no_grad():
        assert F.cross_entropy(net(x), wrong).item() == pytest.approx(history.val_loss[best])
    assert len(fit(small(), x, y, 5, 0.01, validation=(x, y), patience=2)) == 5


@pytest.mark.parametrize("training", [True, False])
def test_each_layer_stays_in_its_mode(training):
    x, y = small_data()
    net = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 3)).double()
    net.train(training)
    net[1].train(not training)
    modes = [module.training for module in net.modules()]

    def loss(outputs, targets):
        inside.append([module.training for module in net.modules()])
        return F.cross_entropy(outputs, targets)
    for function in (lambda: fit(net, x, y, 1, loss=loss, validation=(x, y)), lambda: accuracy(net, x, y)):
        inside = []
        function()
        assert [module.training for module in net.modules()] == modes
        if inside:
            assert all(inside[0]) and not any(inside[-1])
    with pytest.raises(FloatingPointError):
        fit(net, x * math.nan, y, 1)
    assert [module.training for module in net.modules()] == modes


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_it_at_its_step(bad):
    x, y = small_data(24)
    calls = []

    def loss(outputs, targets):
        calls.append(0)
        return F.cross_entropy(outputs, targets) * (bad if len(calls) == 5 else 1)
    net = small()
    with pytest.raises(FloatingPointError, match=rf"the loss is {bad} at step 5 \(epoch 2, lr 0.001\)"):
        fit(net, x, y, 3, batch_size=8, loss=loss)
    assert all(p.isfinite().all() for p in net.parameters())            # that step has not been taken


def test_frozen_parameters_stay_and_integers_of_any_kind_are_classes():
    x, y = small_data()
    net = small()
    net[0].requires_grad_(False)
    before = copy.deepcopy(net)
    fit(net, x.numpy(), y.numpy().astype(np.uint8), 1, clip=1.0)
    assert torch.equal(net[0].weight, before[0].weight) and not torch.equal(net[3].weight, before[3].weight)
    again = copy.deepcopy(before)
    fit(again, x, y.int(), 1, clip=1.0)
    assert_same_weights(net, again, 0)


def test_device_is_where_the_net_goes():
    x, y = small_data()
    net = small()
    assert fit(net, x, y, 1, device="cpu").equals(fit(small(), x, y, 1))
    assert next(net.parameters()).device.type == "cpu"


def test_the_bar_is_shown_only_when_asked(capsys):
    x, y = small_data()
    quiet = fit(small(), x, y, 2, batch_size=8)
    assert capsys.readouterr() == ("", "")
    shown = fit(small(), x, y, 2, batch_size=8, progress=True)
    text = capsys.readouterr().err
    assert "6/6" in text and "loss=" in text
    assert quiet.equals(shown)


def test_set_seed_repeats_weights_dropout_and_numpy():
    def draws():
        import random
        set_seed(5)
        net = nn.Sequential(nn.Linear(3, 3), nn.Dropout())
        return [random.random(), np.random.rand(), *net(torch.ones(1, 3)).flatten().tolist()]
    first = draws()
    assert first == draws() and len(set(first)) > 2


def test_accuracy_is_the_share_of_hits_whatever_the_batch():
    (_, _), (x, y) = data.digits()
    net = make_net()
    guess = net(torch.as_tensor(x)).argmax(1).numpy()
    for batch_size in (1000, 333):
        assert abs(accuracy(net, x, y, batch_size) - accuracy_score(y, guess)) < 1e-6


def test_accuracy_of_images_is_the_share_of_pixels():
    torch.manual_seed(0)
    net, x, y = nn.Conv2d(1, 3, 1), torch.randn(4, 1, 5, 7), torch.randint(3, (4, 5, 7))
    assert accuracy(net, x, y, 3) == pytest.approx((net(x).argmax(1) == y).double().mean().item())


def test_numpys_ints_are_ints_and_words_are_ints_too():
    (x, y), ours, theirs = small_data(), small(), small()
    three = np.int64(3)
    fit(ours, x, y, three, batch_size=np.int32(8), seed=three, accumulation_steps=np.uint8(2), schedule=one_cycle,
        lr=np.float32(0.5))
    fit(theirs, x, y, 3, batch_size=8, seed=3, accumulation_steps=2, schedule=one_cycle, lr=0.5)
    assert_same_weights(ours, theirs, 0)
    set_seed(three)
    first = torch.rand(2)
    set_seed(3)
    assert torch.equal(first, torch.rand(2))
    words = nn.Sequential(nn.Embedding(7, 4), nn.Flatten(), nn.Linear(12, 3))
    assert len(fit(words, torch.randint(7, (9, 3)), torch.randint(3, (9,)), 1, batch_size=9)) == 1


def test_validation_leaves_accuracy_out_where_the_outputs_are_no_classes():
    """Whole-number masks (N, 1, H, W) of one logit: their classes are not along an axis."""
    torch.manual_seed(0)
    net, x, masks = nn.Conv2d(1, 1, 1), torch.randn(4, 1, 5, 6), torch.randint(2, (4, 1, 5, 6))

    def loss(outputs, targets):
        return F.binary_cross_entropy_with_logits(outputs, targets.float())
    history = fit(net, x, masks, 1, batch_size=4, loss=loss, validation=(x, masks))
    assert history.columns.tolist() == ["epoch", "step", "lr", "loss", "val_loss"]
    net, maps = nn.Conv2d(1, 3, 1), torch.randint(3, (4, 5, 6))
    history = fit(net, x, maps, 1, batch_size=3, validation=(x, maps))
    assert history.val_accuracy.iloc[-1] == pytest.approx((net(x).argmax(1) == maps).double().mean().item())
