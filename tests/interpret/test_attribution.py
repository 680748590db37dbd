"""Attribution: equal to captum's where it has the method, and the network is left as it was."""

import captum.attr
import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from cnnlib import interpret as I
from cnnlib.architectures import efficientnet_lite0, normalize_lite0
from cnnlib.data import photo
from cnnlib.testing import assert_close

torch_seed = torch.Generator().manual_seed(0)
x = torch.randn(3, 2, 11, 14, generator=torch_seed, dtype=torch.float64)
target = torch.tensor([4, 0, 2])


class Small(nn.Module):
    """Everything that makes hooks hard: in place, batch norm, dropout, a ReLU that is used once only each."""

    def __init__(self, inplace=False):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(2, 6, 3, stride=2, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace), nn.Conv2d(6, 5, 3),
            nn.ReLU(inplace), nn.Dropout(0.5))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d((2, 1)), nn.Flatten(), nn.Linear(10, 5))

    def forward(self, x):
        return self.head(self.features(x))


def small(seed=0, inplace=False):
    """A network with random weights and random statistics, in training mode."""
    torch.manual_seed(seed)
    net = Small(inplace).double()
    net.features[1].running_mean.normal_()
    net.features[1].running_var.uniform_(0.5, 2)
    return net


def theirs(explainer, net, *args, **kwargs):
    """captum's answer, of a network in eval mode."""
    was = net.training
    net.eval()
    out = explainer(net).attribute(*args, **kwargs)
    net.train(was)
    return out.detach()


pytestmark = pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require gradients")     # captum's


# ---- captum's answers ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("chosen", [target, 3], ids=["a class each", "one class"])
def test_saliency_is_captums(seed, chosen):
    net = small(seed)
    assert_close(I.saliency(net, x, chosen), theirs(captum.attr.Saliency, net, x.clone(), target=chosen), 1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_guided_backprop_is_captums(seed):
    net = small(seed)
    ours = I.guided_backprop(net, x, target)
    with pytest.warns(UserWarning, match="Setting backward hooks on ReLU"):
        assert_close(ours, theirs(captum.attr.GuidedBackprop, net, x.clone(), target=target), 1e-10)
    assert not torch.allclose(ours.abs(), I.saliency(net, x, target))
    assert_close(I.guided_backprop(small(seed, inplace=True), x, target), ours, 1e-10)


@pytest.mark.parametrize("baseline", [0.0, 0.7, x.flip(0)], ids=["black", "grey", "an image"])
@pytest.mark.parametrize("steps", [2, 7, 50])
def test_integrated_gradients_are_captums_by_the_midpoint_rule(baseline, steps):
    net = small(1)
    expected = theirs(captum.attr.IntegratedGradients, net, x.clone(), baselines=baseline, target=target, n_steps=steps,
                      method="riemann_middle")
    assert_close(I.integrated_gradients(net, x, target, baseline, steps), expected, 1e-8)       # weights of 32 bits


def test_integrated_gradients_add_up_to_the_difference_of_the_logits():
    net = small(2).eval()
    total = I.integrated_gradients(net, x, target, steps=500).sum((1, 2, 3))
    difference = net(x).gather(1, target[:, None])[:, 0] - net(torch.zeros_like(x)).gather(1, target[:, None])[:, 0]
    assert_close(total, difference, 5e-3)
    one = I.integrated_gradients(net, x, target, steps=1).sum((1, 2, 3))
    assert not torch.allclose(one, difference, rtol=0.02)


@pytest.mark.parametrize("layer", [0, 1, 3])
@pytest.mark.parametrize("inplace", [False, True])
def test_grad_cam_is_captums(layer, inplace):
    net = small(0, inplace)
    ours = I.grad_cam(net, x, target, net.features[layer])
    reference = small(0)
    expected = theirs(lambda net: captum.attr.LayerGradCam(net, net.features[layer]), reference, x.clone(),
                      target=target, relu_attributions=True)
    assert ours.shape == expected.shape and float(ours.min()) >= 0 and float(ours.max()) > 0
    assert_close(ours, expected, 1e-10)


@pytest.mark.parametrize(("size", "stride"), [(1, 1), (3, 3), (3, 2), (4, 3), (11, None)])
@pytest.mark.parametrize("value", [0.0, -0.3])
def test_occlusion_is_captums(size, stride, value):
    net = small(1)
    ours = I.occlusion(net, x, target, size, stride, value)
    step = stride or size
    expected = theirs(captum.attr.Occlusion, net, x.clone(), sliding_window_shapes=(2, size, size),
                      strides=(2, step, step), baselines=value, target=target)
    assert_close(ours.expand_as(x), expected, 1e-8)                       # captum adds up in 32 bits


def test_between_squares_that_leave_gaps_nothing_is_said():
    ours, alone = (I.occlusion(small(1), x, target, 2, stride) for stride in (5, 1))
    covered = (torch.arange(11) % 5 < 2)[:, None] & (torch.arange(14) % 5 < 2)
    assert not ours[..., ~covered].any() and ours[..., covered].all() and alone.all()


def test_smooth_grad_averages_the_gradients_of_its_noisy_images():
    net = small(2)
    chance, total = torch.Generator().manual_seed(5), 0
    spread = 0.2 * torch.stack([image.max() - image.min() for image in x])[:, None, None, None]
    for _ in range(4):
        noisy = x + spread * torch.randn(x.shape, generator=chance, dtype=x.dtype)
        total = total + theirs(captum.attr.Saliency, net, noisy, target=target, abs=False) / 4
    assert_close(I.smooth_grad(net, x, target, 4, 0.2, seed=5), total, 1e-10)
    assert_close(I.smooth_grad(net, x, target, 3, 0).abs(), I.saliency(net, x, target), 1e-10)
    assert not torch.equal(I.smooth_grad(net, x, target, 1, 0.2, seed=1), I.smooth_grad(net, x, target, 1, 0.2, seed=2))


# ---- networks of others ----------------------------------------------------------------------------------------------

def test_a_relu_in_place_that_is_used_twice_is_guided_both_times():
    """torchvision's ResNet does so; module hooks, as captum's are, cannot be set on it."""
    torch.manual_seed(0)
    net = torchvision.models.resnet18(num_classes=7).double().eval()
    images = torch.randn(1, 3, 33, 40, dtype=torch.float64)

    class Guided(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.clamp(min=0)

        @staticmethod
        def backward(ctx, g):
            x, = ctx.saved_tensors
            return g * (g > 0) * (x > 0)

    ours = I.guided_backprop(net, images, 2)
    for block in net.modules():
        for module in list(block.children()):
            if isinstance(module, nn.ReLU):
                module.forward = Guided.apply
    images.requires_grad_()
    expected, = torch.autograd.grad(net(images)[:, 2].sum(), images)
    assert_close(ours, expected, 1e-10)


@pytest.fixture(scope="module")
def lite0():
    return efficientnet_lite0(pretrained=True).requires_grad_(False)


def test_of_two_photographs_grad_cam_looks_at_the_right_one(lite0):
    cat, cup = (torch.tensor(photo(name, (97, 97), crop=0.875)).permute(2, 0, 1) for name in ("chelsea", "coffee"))
    both = torch.cat([cat, cup[:, :, :96]], dim=2)[None]                                          # 97 × 193
    heat = {target: F.interpolate(I.grad_cam(lite0, normalize_lite0(both), target, lite0.blocks[-1]), (97, 193),
                                  mode="bilinear")[0, 0] for target in (285, 967)}          # Egyptian cat, espresso
    left = {target: float(one[:, :97].sum() / one.sum()) for target, one in heat.items()}
    assert left[285] > 0.6 and left[967] < 0.4


def test_of_a_trained_network_the_maps_are_captums_too(lite0):
    image = normalize_lite0(torch.tensor(photo("coffee", (65, 65), crop=0.875)).permute(2, 0, 1)[None])
    espresso, last = 967, lite0.blocks[-1]
    for ours, expected in [
            (I.saliency(lite0, image, espresso), theirs(captum.attr.Saliency, lite0, image.clone(), target=espresso)),
            (I.integrated_gradients(lite0, image, espresso, -1.0, 5),
             theirs(captum.attr.IntegratedGradients, lite0, image.clone(), baselines=-1.0, target=espresso, n_steps=5,
                    method="riemann_middle")),
            (I.grad_cam(lite0, image, espresso, last),
             theirs(lambda net: captum.attr.LayerGradCam(net, last), lite0, image.clone(), target=espresso,
                    relu_attributions=True)),
            (I.occlusion(lite0, image, espresso, 20, 15).expand_as(image),
             theirs(captum.attr.Occlusion, lite0, image.clone(), sliding_window_shapes=(3, 20, 20),
                    strides=(3, 15, 15), target=espresso))]:
        assert_close(ours / expected.abs().max(), expected / expected.abs().max(), 1e-5)


# ---- what is left as it was ------------------------------------------------------------------------------------------

CALLS = {
    "saliency": lambda net, c=target: I.saliency(net, x, c),
    "smooth_grad": lambda net, c=target: I.smooth_grad(net, x, c, 2),
    "integrated_gradients": lambda net, c=target: I.integrated_gradients(net, x, c, steps=2),
    "guided_backprop": lambda net, c=target: I.guided_backprop(net, x, c),
    "grad_cam": lambda net, c=target: I.grad_cam(net, x, c, net.features[3]),
    "occlusion": lambda net, c=target: I.occlusion(net, x, c, 5),
}


def hooks(net):
    return sum(len(module._forward_hooks) + len(module._backward_hooks) for module in net.modules())


@pytest.mark.parametrize("name", CALLS)
def test_mode_gradients_weights_and_hooks_stay_as_they_were(name):
    net, before = small(), x.clone()
    net.head.eval()
    net.features[0].weight.requires_grad_(False)
    net(x).sum().backward()
    state = {key: value.clone() for key, value in net.state_dict().items()}
    gradients = {key: p.grad.clone() for key, p in net.named_parameters() if p.grad is not None}
    modes = [module.training for module in net.modules()]
    with torch.no_grad():
        first = CALLS[name](net)
    assert not first.requires_grad and torch.equal(first, CALLS[name](net))          # no dropout, no moving statistics
    assert [module.training for module in net.modules()] == modes and hooks(net) == 0
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())
    assert {key for key, p in net.named_parameters() if p.grad is not None} == set(gradients)
    assert all(torch.equal(p.grad, gradients[key]) for key, p in net.named_parameters() if key in gradients)
    assert torch.equal(x, before) and not x.requires_grad


class Broken(Small):
    def forward(self, x):
        self.features(x)
        raise ArithmeticError("in the middle")


@pytest.mark.parametrize("name", CALLS)
def test_hooks_are_gone_and_the_mode_is_back_when_the_network_raises(name):
    net = Broken().double()
    with pytest.raises(ArithmeticError):
        CALLS[name](net)
    assert hooks(net) == 0 and all(module.training for module in net.modules())


# ---- bad input -------------------------------------------------------------------------------------------------------

net = small()
unrectified = nn.Sequential(nn.Flatten(), nn.Linear(308, 5)).double()
BAD = [
    *[(function, (wrong, x, 0, *more), {}, f"{function.__name__}: net must be an nn.Module, got function")
      for wrong in [lambda x: x] for function, *more in [(I.saliency,), (I.smooth_grad,), (I.integrated_gradients,),
                                                         (I.guided_backprop,), (I.grad_cam, net), (I.occlusion, 3)]],
    (I.saliency, (net, x.numpy(), 0), {}, "x must be a tensor of floats, got ndarray"),
    (I.saliency, (net, x[0], 0), {}, r"x must be \(N, C, H, W\) with N ≥ 1, got shape \(2, 11, 14\)"),
    (I.saliency, (net, x[:0], 0), {}, "with N ≥ 1, got shape"),
    (I.saliency, (net, x, 0.5), {}, "target must be a class or classes .*, ints, got torch.float32"),
    (I.saliency, (net, x, True), {}, "target must be a class or classes .*, ints, got torch.bool"),
    (I.saliency, (net, x, [0, 1]), {}, r"target must be a class or classes \(3,\), got shape \(2,\)"),
    (I.saliency, (net, x, 5), {}, "target must be from 0 to 4, got 5"),
    (I.saliency, (net, x, [0, -1, 1]), {}, "target must be from 0 to 4, got -1"),
    (I.saliency, (net.features, x, 0), {}, r"net must give logits \(N, classes\), got \(3, 5, 4, 5\)"),
    (I.smooth_grad, (net, x, 0, 0), {}, "smooth_grad: samples must be at least 1, got 0"),
    (I.smooth_grad, (net, x, 0, 2, -1), {}, "noise must be at least 0, got -1"),
    (I.integrated_gradients, (net, x, 0, torch.ones(3)), {}, r"baseline must be .* \(3, 2, 11, 14\), got shape \(3,\)"),
    (I.integrated_gradients, (net, x, 0), {"steps": 0}, "steps must be at least 1, got 0"),
    (I.guided_backprop, (unrectified, x, 0), {}, "net must have layers nn.ReLU or nn.ReLU6, it has none"),
    (I.grad_cam, (net, x, 0, nn.ReLU()), {}, "layer must be a module of net"),
    (I.grad_cam, (net, x, 0, "features"), {}, "layer must be an nn.Module, got str"),
    (I.grad_cam, (net, x, 0, net.head), {}, r"layer must give \(N, K, h, w\), got \(3, 5\)"),
    (I.grad_cam, (nn.Sequential(net, nn.Linear(5, 5).double()), x, 0, net.features[0]), {"bogus": 1}, "bogus"),
    (I.occlusion, (net, x, 0, 12), {}, "size must fit into 11 × 14, got 12"),
    (I.occlusion, (net, x, 0, 3, 0), {}, "stride must be at least 1, got 0"),
    (I.occlusion, (net, x, 0, 3), {"value": "black"}, "value must be a number, got 'black'"),
]


def test_a_layer_that_runs_twice_has_no_map():
    block = nn.Conv2d(2, 2, 3, padding=1).double()
    twice = nn.Sequential(block, nn.ReLU(), block, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(ValueError, match="layer must run once, it ran 2 times"):
        I.grad_cam(twice, x, 0, block)
    assert hooks(twice) == 0
