"""Optimisers and schedules take the same way as PyTorch's, step by step, from the same weights on the same pictures."""

import math

import numpy as np
import pytest
import torch
from torch import nn as T
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from cnnlib.data import digits
from cnnlib.scratch import nn, optim
from cnnlib.scratch.optim import schedules
from cnnlib.scratch.tensor.autograd import Tensor
from cnnlib.testing import assert_close

(IMAGES, LABELS), _ = digits()
STEPS, BATCH = 20, 6

OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    ("Adam", {}),
    ("Adam", {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.01}),
    ("AdamW", {"lr": 0.02, "betas": (0.7, 0.9), "weight_decay": 0.3}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.001, "alpha": 0.9, "momentum": 0.9, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.001, "centered": True, "eps": 1e-4}),
    ("RMSprop", {"lr": 0.001, "centered": True, "momentum": 0.5, "alpha": 0.8}),
]
SCHEDULES = [
    ("StepLR", {"step_size": 4, "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [3, 9, 9, 15]}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("ConstantLR", {"factor": 0.25, "total_iters": 7}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.1, "end_factor": 0.5, "total_iters": 12}),
    ("CosineAnnealingLR", {"T_max": 20, "eta_min": 0.001}),
    ("CosineAnnealingLR", {"T_max": 6}),
    ("LambdaLR", {"lr_lambda": lambda t: 1 / (1 + t)}),
    ("OneCycleLR", {"max_lr": 0.1, "total_steps": 20}),
    ("OneCycleLR", {"max_lr": [0.1, 0.02], "epochs": 5, "steps_per_epoch": 5, "anneal_strategy": "linear",
                    "pct_start": 0.4, "three_phase": True, "div_factor": 10.0, "final_div_factor": 100.0}),
    ("OneCycleLR", {"max_lr": 0.1, "total_steps": 22, "base_momentum": 0.7, "max_momentum": 0.8, "pct_start": 0.2}),
]


def networks():
    """The same small convolutional network of ours and of PyTorch's, in float64."""
    torch.manual_seed(0)
    theirs, ours = network(T), network(nn)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def network(nn):
    """No bias before batch normalisation: its gradient is 0 but for rounding, of which Adam would make whole steps."""
    return nn.Sequential(nn.Conv2d(1, 3, 5, stride=3, bias=False), nn.BatchNorm2d(3), nn.ReLU(),
                         nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(36, 10)).double()


def groups(network):
    """The last layer learns at its own rate."""
    return [{"params": list(network[:-1].parameters())}, {"params": network[-1].parameters(), "lr": 0.02}]


def walk(ours, theirs, optimizers, schedulers=(), clip=None, steps=STEPS):
    """Train both; after each step the losses and all weights must be the same."""
    loss, their_loss = nn.CrossEntropyLoss(), T.CrossEntropyLoss()
    for step in range(steps):
        here = slice(step * BATCH, step * BATCH + BATCH)
        x, y = IMAGES[here].astype(np.float64), LABELS[here]
        for optimizer in optimizers:
            optimizer.zero_grad()
        got, want = loss(ours(x), y), their_loss(theirs(torch.from_numpy(x)), torch.from_numpy(y))
        got.backward()
        want.backward()
        if clip:
            clip()
        for mover in (*optimizers, *schedulers):
            mover.step()
        assert_close(got, want)
        if schedulers:
            assert_close(np.array(schedulers[0].get_last_lr()), np.array(schedulers[1].get_last_lr()), 1e-13)
        for (name, our), their in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            assert np.abs(our.data - their.detach().numpy()).max() < 1e-10, f"{name} after {step + 1} steps"


def title(value):
    return value[0] + "-" + ",".join(f"{key}={option}" for key, option in value[1].items() if not callable(option))


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=title)
def test_the_way_of_each_optimiser_is_torchs(optimizer):
    name, options = optimizer
    ours, theirs = networks()
    walk(ours, theirs, (getattr(optim, name)(ours.parameters(), **options),
                        getattr(torch.optim, name)(theirs.parameters(), **options)))


@pytest.mark.parametrize("schedule", SCHEDULES, ids=title)
@pytest.mark.parametrize("optimizer", [OPTIMIZERS[1], OPTIMIZERS[7]], ids=title)
def test_the_way_of_each_schedule_is_torchs(optimizer, schedule):
    (name, options), (way, arguments) = optimizer, schedule
    ours, theirs = networks()
    optimizers = (getattr(optim, name)(groups(ours), **options), getattr(torch.optim, name)(groups(theirs), **options))
    walk(ours, theirs, optimizers, (getattr(schedules, way)(optimizers[0], **arguments),
                                    getattr(torch.optim.lr_scheduler, way)(optimizers[1], **arguments)))


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=title)
@pytest.mark.parametrize("schedule", SCHEDULES, ids=title)
def test_every_optimiser_with_every_schedule(optimizer, schedule):
    """As above with random gradients in place of a network's, of which some are missing."""
    (name, options), (way, arguments) = optimizer, schedule
    rng = np.random.default_rng(0)
    start = [rng.normal(size=shape) for shape in [(3, 4), (5,), ()]]
    ours, theirs = [nn.Parameter(x.copy()) for x in start], [T.Parameter(torch.tensor(x)) for x in start]
    mine = getattr(optim, name)([{"params": ours[:2]}, {"params": ours[2], "lr": 0.02}], **options)
    yours = getattr(torch.optim, name)([{"params": theirs[:2]}, {"params": theirs[2], "lr": 0.02}], **options)
    if way == "OneCycleLR":
        arguments = {**arguments, "cycle_momentum": name != "RMSprop" or options.get("momentum", 0) > 0}
    schedulers = getattr(schedules, way)(mine, **arguments), getattr(torch.optim.lr_scheduler, way)(yours, **arguments)
    for step in range(STEPS):
        for our, their in zip(ours, theirs, strict=True):
            our.grad = their.grad = None
            if step % 7 != our.data.ndim:
                gradient = rng.normal(size=our.shape)
                our.grad, their.grad = Tensor(np.asarray(gradient)), torch.tensor(gradient)
        for mover in (mine, yours, *schedulers):
            mover.step()
        assert_close(np.array(schedulers[0].get_last_lr()), np.array(schedulers[1].get_last_lr()), 1e-13)
        for our, their in zip(ours, theirs, strict=True):
            assert_close(our, their, 1e-11)


@pytest.mark.parametrize("milestones", [[5], [5, 12], [0, 3]])
def test_schedules_one_after_the_other(milestones):
    ours, theirs = networks()
    optimizers = optim.AdamW(groups(ours), lr=0.05), torch.optim.AdamW(groups(theirs), lr=0.05)
    schedulers = []
    for optimizer, library in zip(optimizers, (schedules, torch.optim.lr_scheduler), strict=True):
        parts = [library.LinearLR(optimizer, start_factor=0.1, total_iters=5),
                 library.CosineAnnealingLR(optimizer, T_max=15), library.ExponentialLR(optimizer, gamma=0.8)]
        schedulers.append(library.SequentialLR(optimizer, parts[:len(milestones) + 1], milestones))
    walk(ours, theirs, optimizers, schedulers)


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.5, math.inf])
def test_clipping_of_the_norm(norm_type):
    ours, theirs = networks()
    norms = []

    def clip():
        ours_before = [parameter.grad.data for parameter in ours.parameters()]
        copies = [np.array(array) for array in ours_before]
        norms.append(optim.clip_grad_norm_(ours.parameters(), 0.2, norm_type))
        assert_close(np.array(norms[-1]), clip_grad_norm_(theirs.parameters(), 0.2, norm_type).numpy())
        for array, before in zip(ours_before, copies, strict=True):
            np.testing.assert_array_equal(array, before)                 # the arrays of gradients may be shared

    walk(ours, theirs, (optim.SGD(ours.parameters(), 0.1), torch.optim.SGD(theirs.parameters(), 0.1)), clip=clip)
    assert max(norms) > 0.2


def test_clipping_of_the_values():
    ours, theirs = networks()

    def clip():
        optim.clip_grad_value_(ours.parameters(), 0.01)
        clip_grad_value_(theirs.parameters(), 0.01)

    walk(ours, theirs, (optim.SGD(ours.parameters(), 0.1), torch.optim.SGD(theirs.parameters(), 0.1)), clip=clip)


def test_gradients_that_are_small_or_missing_are_not_clipped():
    x, y = nn.Parameter(np.ones(3)), nn.Parameter(np.ones(2))
    x.grad = Tensor(np.full(3, 0.1))
    before = x.grad
    assert optim.clip_grad_norm_([x, y], 1.0) == pytest.approx(0.1 * math.sqrt(3))
    assert x.grad is before and y.grad is None and optim.clip_grad_norm_([y], 1.0) == 0
    optim.clip_grad_value_(x, 0.05)
    assert_close(x.grad, np.full(3, 0.05))


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
def test_big_arrays_are_done_in_blocks_and_no_gradient_is_changed(name):
    shape = (7, 3 * optim.optimizers.BLOCK // 11)
    rng = np.random.default_rng(0)
    start, gradient = rng.normal(size=shape), rng.normal(size=shape)
    ours, theirs = nn.Parameter(start.copy()), T.Parameter(torch.tensor(start))
    mine, yours = getattr(optim, name)([ours], lr=0.1), getattr(torch.optim, name)([theirs], lr=0.1)
    for _ in range(3):
        ours.grad, theirs.grad = Tensor(gradient), torch.tensor(gradient)
        mine.step()
        yours.step()
    assert_close(ours, theirs)
    np.testing.assert_array_equal(gradient, theirs.grad.numpy())


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=title)
def test_a_saved_optimiser_and_schedule_go_on_as_before(optimizer):
    name, options = optimizer
    rng = np.random.default_rng(0)
    gradients, start = rng.normal(size=(8, 3, 4)), rng.normal(size=(3, 4))

    def run(parameter, mover, schedule, some):
        for gradient in some:
            parameter.grad = Tensor(gradient)
            mover.step()
            schedule.step()

    def make(array):
        parameter = nn.Parameter(np.array(array))
        mover = getattr(optim, name)([parameter], **options)
        schedule = schedules.SequentialLR(mover, [schedules.LinearLR(mover), schedules.StepLR(mover, 2)], [3])
        return parameter, mover, schedule

    whole = make(start)
    run(*whole, gradients)
    first = make(start)
    run(*first, gradients[:4])
    second = make(first[0].data)
    for part, saved in zip(second[1:], first[1:], strict=True):
        part.load_state_dict(saved.state_dict())
    first[1].step()                                                      # the saved state is a copy of its own
    run(*second, gradients[4:])
    assert_close(second[0], whole[0])


def test_a_schedule_that_goes_on_needs_the_first_rates():
    parameter = nn.Parameter(np.ones(2))
    optimizer = optim.SGD([parameter], lr=0.5)
    with pytest.raises(ValueError, match='StepLR: last_epoch = 3 needs "initial_lr"'):
        schedules.StepLR(optimizer, 2, last_epoch=3)
    optimizer.param_groups[0]["initial_lr"] = 0.5
    assert schedules.StepLR(optimizer, 2, gamma=0.1, last_epoch=3).get_last_lr() == [pytest.approx(0.005)]


x = nn.Parameter(np.ones(2))
sgd = optim.SGD([x])
# function, arguments, keywords, what the message must hold
BAD = [
    (optim.Optimizer, ([],), {}, "Optimizer: params is empty"),
    (optim.SGD, (x,), {}, "SGD: params must be a list of tensors or of dicts, got one tensor"),
    (optim.SGD, ([np.ones(2)],), {}, "SGD: params must be tensors, got ndarray"),
    (optim.SGD, ([x, x],), {}, r"SGD: a parameter of shape \(2,\) is there twice"),
    (optim.SGD, ([x * 2],), {}, "SGD: a parameter must not be computed from other tensors"),
    (optim.SGD, ([{"params": [x], "rate": 1}],), {}, "SGD: unknown options rate; there are lr, momentum"),
    (optim.SGD, ([x],), {"lr": -1}, "SGD: lr must be at least 0, got -1"),
    (optim.SGD, ([x],), {"nesterov": True}, "SGD: nesterov needs momentum and no dampening"),
    (optim.Adam, ([x],), {"betas": (0.9, 1.0)}, r"Adam: betas must be at least 0 and below 1, got \(0.9, 1.0\)"),
    (optim.AdamW, ([x],), {"weight_decay": -0.1}, "AdamW: weight_decay must be at least 0"),
    (optim.RMSprop, ([x],), {"alpha": -0.1}, "RMSprop: alpha must be at least 0"),
    (sgd.load_state_dict, (optim.SGD([x, nn.Parameter(np.ones(3))]).state_dict(),), {}, r"the groups have \[1\] param"),
    (optim.clip_grad_norm_, ([x], -1), {}, "clip_grad_norm_: max_norm must be at least 0 and norm_type above 0"),
    (optim.clip_grad_value_, ([x], -1), {}, "clip_grad_value_: clip_value must be at least 0, got -1"),
    (schedules.LRScheduler, (sgd,), {}, "LRScheduler: a subclass of LRScheduler must define factor"),
    (schedules.StepLR, (sgd, 0), {}, "StepLR: step_size must be at least 1, got 0"),
    (schedules.ConstantLR, (sgd, 1.5), {}, "ConstantLR: factor must be from 0 to 1, got 1.5"),
    (schedules.LinearLR, (sgd, -0.5), {}, "LinearLR: start_factor must be from 0 to 1"),
    (schedules.CosineAnnealingLR, (sgd, 0), {}, "CosineAnnealingLR: T_max must be at least 1"),
    (schedules.OneCycleLR, (sgd, 0.1), {}, "OneCycleLR: total_steps, or epochs · steps_per_epoch, must be at least 1"),
    (schedules.OneCycleLR, (sgd, [0.1, 0.2], 9), {}, "OneCycleLR: max_lr must be a number or 1 numbers"),
    (schedules.OneCycleLR, (sgd, 0.1, 9), {"anneal_strategy": "sin"}, "anneal_strategy must be"),
    (schedules.SequentialLR, (sgd, [schedules.StepLR(sgd, 2)], [3]), {}, "1 schedulers need one milestone less"),
    (schedules.MultiStepLR, (sgd, [3]), {"last_epoch": 2}, "MultiStepLR: last_epoch"),
    (schedules.ExponentialLR, (sgd, 0.1), {"last_epoch": 2}, "ExponentialLR: last_epoch"),
    (schedules.LambdaLR, (sgd, abs), {"last_epoch": 2}, "LambdaLR: last_epoch"),
]


KINDS = {
    "SGD": {"lr": 0.1}, "SGD with momentum": {"lr": 0.1, "momentum": 0.9}, "Adam": {"lr": 0.01}, "AdamW": {"lr": 0.01},
    "RMSprop": {"lr": 0.01}, "RMSprop centered": {"lr": 0.01, "momentum": 0.5, "centered": True},
}


@pytest.mark.parametrize("name", KINDS)
def test_one_enormous_gradient_ends_nothing(name):
    """Its square overflows float32; the average must stay finite, and other numbers go on moving."""
    parameter = nn.Parameter(np.zeros(2, np.float32))
    optimizer = getattr(optim, name.split()[0])([parameter], **KINDS[name])
    for gradient in ([1e25, 1.0], *[[1.0, 1.0]] * 3):
        before = parameter.data.copy()
        parameter.grad = Tensor(np.array(gradient, np.float32))
        optimizer.step()
        assert np.isfinite(parameter.data).all() and parameter.data[1] != before[1]
    arrays = [value for key, value in optimizer.state.get(parameter, {}).items() if key != "step"]
    assert all(np.isfinite(array).all() for array in arrays)


@pytest.mark.parametrize("gradient", [1e18, 1e19, 3e19])
def test_a_large_gradient_moves_as_in_exact_arithmetic(gradient):
    """g² is beyond float32, (1 − β₂) g² is not: the first step of Adam is lr, whatever the gradient."""
    parameter = nn.Parameter(np.zeros(3, np.float32))
    optimizer = optim.Adam([parameter], lr=0.01)
    parameter.grad = Tensor(np.array([gradient, -gradient, 1], np.float32))
    optimizer.step()
    np.testing.assert_allclose(parameter.data, [-0.01, 0.01, -0.01], rtol=1e-5)


@pytest.mark.parametrize("gradients", [[np.nan, 1.0], [np.inf, 1.0], [1e30, 1e30], [3.0, 4.0], [0.1, 0.2]], ids=str)
@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, np.inf])
def test_clipping_by_a_norm_that_is_no_number_is_torchs(gradients, norm_type):
    ours, theirs = [], []
    for gradient in gradients:
        ours.append(nn.Parameter(np.zeros(1)))
        ours[-1].grad = Tensor(np.array([gradient]))
        theirs.append(torch.zeros(1, dtype=torch.float64, requires_grad=True))
        theirs[-1].grad = torch.tensor([gradient], dtype=torch.float64)
    norm = optim.clip_grad_norm_(ours, 1.0, norm_type)
    np.testing.assert_allclose(norm, clip_grad_norm_(theirs, 1.0, norm_type).numpy(), rtol=1e-12)
    for mine, their in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine.grad.data, their.grad.numpy(), rtol=1e-10)


def test_the_norm_of_large_gradients_in_float32_is_finite():
    parameter = nn.Parameter(np.zeros(2, np.float32))
    parameter.grad = Tensor(np.array([3e30, 4e30], np.float32))
    assert_close(optim.clip_grad_norm_([parameter], 1.0), 5e30, 1e-6)
    np.testing.assert_allclose(parameter.grad.data, [0.6, 0.8], rtol=1e-5)
    assert parameter.grad.dtype == np.float32


@pytest.mark.parametrize("name", KINDS)
def test_a_state_of_torchs_is_gone_on_from(name):
    kind, rng = name.split()[0], np.random.default_rng(0)
    start, gradients = rng.normal(size=(2, 3)), rng.normal(size=(4, 2, 3))
    theirs = torch.tensor(start, requires_grad=True)
    optimizer = getattr(torch.optim, kind)([theirs], **KINDS[name])
    for gradient in gradients[:2]:
        theirs.grad = torch.tensor(gradient)
        optimizer.step()
    ours = nn.Parameter(theirs.detach().numpy().copy())
    twin = getattr(optim, kind)([ours], **{**KINDS[name], "lr": 5.0})                   # the state brings its lr
    twin.load_state_dict(optimizer.state_dict())
    for gradient in gradients[2:]:
        theirs.grad, ours.grad = torch.tensor(gradient), Tensor(gradient)
        optimizer.step(), twin.step()
    assert_close(ours.data, theirs.detach(), 1e-12)


@pytest.mark.parametrize(("kind", "options", "message"), [
    ("Adam", {"amsgrad": True}, "amsgrad"), ("SGD", {"momentum": 0.9, "maximize": True}, "maximize"),
    ("AdamW", {}, "decoupled_weight_decay"), ("RMSprop", {}, "exp_avg, exp_avg_sq of its shape, got .*square_avg"),
])
def test_a_state_that_would_step_otherwise_is_refused_and_nothing_changes(kind, options, message):
    theirs = torch.ones(3, requires_grad=True)
    optimizer = getattr(torch.optim, kind)([theirs], lr=0.1, **options)
    theirs.grad = torch.ones(3)
    optimizer.step()
    twin = (optim.SGD if kind == "SGD" else optim.Adam)([nn.Parameter(np.ones(3))], lr=0.5)
    with pytest.raises((TypeError, ValueError), match=message):
        twin.load_state_dict(optimizer.state_dict())
    assert twin.param_groups[0]["lr"] == 0.5 and not twin.state


@pytest.mark.parametrize(("function", "args", "kwargs", "message"), BAD)
def test_bad_input_is_named(function, args, kwargs, message):
    for group in sgd.param_groups:
        group.pop("initial_lr", None)
    with pytest.raises((ValueError, TypeError), match=message):
        function(*args, **kwargs)


def test_one_step_too_many():
    schedule = schedules.OneCycleLR(optim.SGD([nn.Parameter(np.ones(2))], momentum=0.9), 0.1, 3)
    for _ in range(3):
        schedule.step()
    with pytest.raises(ValueError, match="OneCycleLR: there are 3 steps, and all have been made"):
        schedule.step()
