"""Distillation: its loss in the one loop, what the teacher sees, and that its opinion helps where labels are few."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from cnnlib import data
from cnnlib.losses import distillation_loss
from cnnlib.testing import assert_close
from cnnlib.training import EMA, accuracy, fit
from cnnlib.training.distillation import distill

x6, y6 = np.zeros((6, 2), np.float32), np.zeros(6, int)
two, three = nn.Linear(2, 2), nn.Linear(2, 3)
BAD = [
    (distill, (two, 5, x6, y6, 1), {}, "distill: teacher must be an nn.Module, got int"),
    (distill, (None, two, x6, y6, 1), {}, "distill: student must be an nn.Module, got NoneType"),
    (distill, (two, two, x6, y6[:5], 1), {}, r"y must be None or classes \(N,\) for x \(N, …\).*\(5,\) for \(6, 2\)"),
    (distill, (two, two, x6, x6[:, 0], 1), {}, "y must be None or classes .*got torch.float32"),
    (distill, (two, two, x6[:0], y6[:0], 1), {}, "with N ≥ 1"),
    (distill, (two, two, x6.astype(float), y6, 1), {}, "x must have the dtype of the teacher, torch.float32"),
    (distill, (two, two, (x6 * 255).astype(np.uint8), y6, 1), {}, "x must have the dtype of the teacher.*uint8"),
    (distill, (two, two, None, y6, 1), {}, "distill: x must be an array or a tensor, got NoneType"),
    (distill, (two, two, x6, "y", 1), {}, "distill: y must be an array or a tensor, got str"),
    (distill, (two, two, x6, y6, 1), {"augment": "flip"}, "distill: augment must be None or a function"),
    (distill, (two, two, x6, y6, 1), {"temperature": None}, "temperature must be a number, got None"),
    (distill, (two, three, x6, y6, 1), {}, r"must both be \(N, C\), got \(6, 2\) and \(6, 3\)"),
    (distill, (two, two, x6, y6 + 2, 1), {}, "target must hold classes from 0 to 1 or −100"),
    (distill, (two, two, x6, y6, 1), {"temperature": 0}, "temperature must be above 0, got 0"),
    (distill, (two, two, x6, y6, 1), {"soft_weight": 2}, "soft_weight must be from 0 to 1, got 2"),
    (distill, (two, two, x6, y6, 1), {"validation": (x6, y6)}, "distill: validation cannot be given"),
    (distill, (two, two, x6, y6, 0), {}, "epochs must be at least 1, got 0"),
]


def make(seed=0, width=12, drop=0.0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(drop), nn.Linear(width, 3))


def make_data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(20, 4)).astype(np.float32), rng.integers(3, size=20)


@pytest.mark.parametrize("labels", ["all", "some", "none"])
def test_it_is_the_plain_loop_with_the_loss_of_hinton(labels):
    x, y = make_data()
    y = {"all": y, "some": np.where(np.arange(20) % 3, y, -100), "none": None}[labels]
    x, teacher, ours, theirs = x.astype(np.float64), make(1).double(), make(2).double(), make(2).double()
    history = distill(ours, teacher, x, y, epochs=3, lr=0.02, batch_size=8, seed=5, temperature=3, soft_weight=0.4)
    teacher.eval()
    target = torch.full((20,), -100) if y is None else torch.as_tensor(y)
    optimizer, losses = torch.optim.Adam(theirs.parameters(), lr=0.02), []
    generator = torch.Generator().manual_seed(5)
    for _ in range(3):
        for batch in torch.randperm(20, generator=generator).split(8):
            images = torch.as_tensor(x)[batch]
            loss = distillation_loss(theirs(images), teacher(images), 3, target[batch], 0.4)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert_close(history["loss"].to_numpy(), np.array(losses))
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_close(a, b)


def test_the_teacher_does_not_change_and_answers_as_in_use():
    x, y = make_data()
    teacher = make(1, drop=0.5).train()
    teacher[1].eval()                                                    # a mode of its own
    before, modes = copy.deepcopy(teacher.state_dict()), [module.training for module in teacher.modules()]
    histories = [distill(make(2), teacher, x, y, epochs=2)["loss"].tolist() for _ in range(2)]
    assert histories[0] == histories[1]                                  # no dropout in the teacher
    assert all(torch.equal(tensor, before[name]) for name, tensor in teacher.state_dict().items())
    assert all(p.grad is None for p in teacher.parameters())
    assert [module.training for module in teacher.modules()] == modes


def test_the_teacher_sees_what_the_student_sees():
    x, y = make_data()
    seen = {"teacher": [], "student": []}

    def watch(name):
        return lambda module, inputs: seen[name].append(inputs[0].clone())

    def augment(images, labels, generator):
        return images + torch.randn(images.shape, generator=generator), labels

    teacher, student = make(1), make(2)
    teacher.register_forward_pre_hook(watch("teacher"))
    student.register_forward_pre_hook(watch("student"))
    distill(student, teacher, x, y, epochs=2, batch_size=8, augment=augment)
    assert len(seen["student"]) == len(seen["teacher"]) == 6
    for a, b in zip(seen["student"], seen["teacher"], strict=True):
        assert torch.equal(a, b)
    seen["teacher"].clear()
    distill(student, teacher, x, y, epochs=2, batch_size=8)
    assert len(seen["teacher"]) == 1 and len(seen["teacher"][0]) == 20   # asked once, at the beginning


@pytest.mark.parametrize("augment", [None, lambda images, labels, generator: (images, labels)])
def test_class_numbers_survive_a_teacher_in_bfloat16(augment):
    """There 257 would be 256."""
    torch.manual_seed(0)
    x, y = torch.randn(8, 4, dtype=torch.bfloat16), torch.full((8,), 257)
    teacher, student = nn.Linear(4, 300).bfloat16(), nn.Linear(4, 300).bfloat16()
    with torch.no_grad():
        want = nn.functional.cross_entropy(student(x), y).item()
    history = distill(student, teacher, x, y, 1, soft_weight=0.0, augment=augment)
    assert history.loss[0] == pytest.approx(want, rel=0.01)
    with torch.no_grad():
        assert abs(nn.functional.cross_entropy(student(x), y - 1).item() - want) > 0.05 * want


def test_a_teacher_helps_where_labels_are_few():
    """The recipe of the course: 300 labels, and the rest of the digits as the teacher sees them."""
    (x, y), (x_test, y_test) = data.digits()
    x, y = x[:2000], y[:2000]
    torch.manual_seed(0)
    teacher = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(1, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU(),
                            nn.Flatten(), nn.Linear(16 * 49, 10))
    fit(teacher, x, y, epochs=4, lr=5e-3)

    def student():
        torch.manual_seed(1)
        return nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(49, 20), nn.ReLU(), nn.Linear(20, 10))

    alone, taught = student(), student()
    fit(alone, x[:100], y[:100], epochs=200, lr=5e-3)
    some = np.where(np.arange(len(y)) < 100, y, -100)
    distill(taught, teacher, x, some, epochs=10, lr=5e-3)                # as many steps: 400 and 320
    scores = [accuracy(net, x_test, y_test) for net in (teacher, alone, taught)]
    assert scores[0] > 0.9 and scores[2] > scores[1] + 0.05, scores


def test_options_of_train_reach_it():
    x, y = make_data()
    student, other = make(2), make(2)
    ema = EMA(student, 0.0)
    history = distill(student, make(1), x, y, 2, batch_size=8, clip=0.1, accumulation_steps=2, ema=ema,
                      optimizer=torch.optim.SGD)
    assert len(history) == 4 and "gradient_norm" in history
    for a, b in zip(student.parameters(), ema.parameters(), strict=True):
        assert_close(a, b)
    assert distill(other, make(1), x, y, 2, batch_size=16, clip=0.1, optimizer=torch.optim.SGD).shape == history.shape


def test_the_student_is_left_in_its_mode_and_its_labels_may_be_augmented():
    x, y = make_data()
    student, told = make(2).eval(), make(2).eval()
    distill(student, make(1), x, y, 2, augment=lambda images, labels, generator: (-images, (labels + 1) % 3))
    distill(told, make(1), -x, (y + 1) % 3, 2)
    assert not student.training
    for a, b in zip(student.parameters(), told.parameters(), strict=True):
        assert_close(a, b)
