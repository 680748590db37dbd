"""Losses: by default the mean over the batch, ()."""

from .. import functional as F
from ..tensor.autograd import apply
from .module import FunctionLayer

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss", "NLLLoss",
    "SmoothL1Loss",
]


class _Loss(FunctionLayer):
    """A function of outputs and targets.

    torch's deprecated size_average and reduce are left out; what follows them there is a keyword here.
    """

    def forward(self, input, target):
        return apply(type(self).function, input, target, **self.options())

    def extra_repr(self):
        return ""


class _WeightedLoss(_Loss):
    """A loss with weights for classes or elements, which are part of the state as in torch."""

    def __init__(self, weight=None, **options):
        super().__init__(**options)
        self.register_buffer("weight", weight)

    def forward(self, input, target):
        return apply(type(self).function, input, target, self.weight, **self.options())


class CrossEntropyLoss(_WeightedLoss):
    """−ln softmax(input)[target]: (N, C, *), classes (N, *) or probabilities (N, C, *)  →  ()

    See `functional.cross_entropy`.
    """

    function = F.cross_entropy

    def __init__(self, weight=None, *, ignore_index=-100, reduction="mean", label_smoothing=0.0):
        super().__init__(weight, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing)


class NLLLoss(_WeightedLoss):
    """−input[target]: log-probabilities (N, C, *), classes (N, *)  →  (); see `functional.nll_loss`."""

    function = F.nll_loss

    def __init__(self, weight=None, *, ignore_index=-100, reduction="mean"):
        super().__init__(weight, ignore_index=ignore_index, reduction=reduction)


class BCELoss(_WeightedLoss):
    """−t ln x − (1 − t) ln(1 − x): probabilities (*), targets (*)  →  (); see `functional.binary_cross_entropy`."""

    function = F.binary_cross_entropy

    def __init__(self, weight=None, *, reduction="mean"):
        super().__init__(weight, reduction=reduction)


class BCEWithLogitsLoss(_WeightedLoss):
    """BCELoss of σ(x): (*), targets (*)  →  (); see `functional.binary_cross_entropy_with_logits`."""

    def __init__(self, weight=None, *, reduction="mean", pos_weight=None):
        super().__init__(weight, reduction=reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input, target):
        pos_weight = None if self.pos_weight is None else self.pos_weight.data
        return apply(F.binary_cross_entropy_with_logits, input, target, self.weight, pos_weight=pos_weight,
                     **self.options())


class MSELoss(_Loss):
    """(x − t)²: (*), targets (*)  →  (); see `functional.mse_loss`."""

    function = F.mse_loss

    def __init__(self, *, reduction="mean"):
        super().__init__(reduction=reduction)


class L1Loss(_Loss):
    """|x − t|: (*), targets (*)  →  (); see `functional.l1_loss`."""

    function = F.l1_loss

    def __init__(self, *, reduction="mean"):
        super().__init__(reduction=reduction)


class SmoothL1Loss(_Loss):
    """|x − t|, but (x − t)²/(2 beta) + beta/2 near 0: (*), targets (*)  →  (); see `functional.smooth_l1_loss`."""

    function = F.smooth_l1_loss

    def __init__(self, *, reduction="mean", beta=1.0):
        super().__init__(reduction=reduction, beta=beta)


class HuberLoss(_Loss):
    """delta times SmoothL1Loss with beta = delta: (*), targets (*)  →  (); see `functional.huber_loss`."""

    function = F.huber_loss

    def __init__(self, reduction="mean", delta=1.0):
        super().__init__(reduction=reduction, delta=delta)


class KLDivLoss(_Loss):
    """t (ln t − x): log-probabilities (*), probabilities (*)  →  (); see `functional.kl_div`."""

    function = F.kl_div

    def __init__(self, *, reduction="mean", log_target=False):
        super().__init__(reduction=reduction, log_target=log_target)
