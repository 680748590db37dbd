"""How good predictions are: of classes, of scores, of masks, of boxes, of pictures; scikit-learn's names and meaning.

Arrays may be anything that `numpy.asarray` takes, and tensors. y_true comes first. Classes are integers or bools; they
may have any shape, so y_true and y_pred may be masks.
"""

from numbers import Real

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view

from .boxes import box_iou, check_boxes
from .checks import Share, check_number, checked, is_int, require

__all__ = ["average_precision", "confusion_matrix", "detection_average_precision", "f1", "iou", "precision",
           "precision_recall_curve", "psnr", "recall", "ssim", "top_k_accuracy"]


# ---- classes ---------------------------------------------------------------------------------------------------------

def top_k_accuracy(y_true, y_score, k=5):
    """The share of examples whose right class is among the k with the largest scores, in [0, 1].

    y_true: (N,) classes from 0 to C − 1;  y_score: (N, C), logits or probabilities;  1 ≤ k ≤ C, and 1 is accuracy.
    Of equal scores that of the later class counts as larger, as in scikit-learn.
    Raises ValueError or TypeError naming the argument.  Source: `sklearn.metrics.top_k_accuracy_score`.
    """
    name = "top_k_accuracy"
    y_true, y_score = _class_numbers(name, "y_true", y_true), _finite(name, "y_score", y_score)
    if y_score.ndim != 2 or y_true.shape != y_score.shape[:1] or y_score.size == 0:
        raise ValueError(f"{name}: y_true must be (N,) and y_score (N, C) with N ≥ 1, "
                         f"got {y_true.shape} and {y_score.shape}")
    classes = y_score.shape[1]
    if not is_int(k) or not 1 <= k <= classes:
        raise ValueError(f"{name}: k must be an int from 1 to {classes}, the number of classes, got {k!r}")
    if y_true.min() < 0 or y_true.max() >= classes:
        raise ValueError(f"{name}: y_true must hold classes from 0 to {classes - 1}, "
                         f"got numbers from {y_true.min()} to {y_true.max()}")
    best = np.argsort(y_score, axis=1, kind="stable")[:, classes - k:]                       # (N, k)
    return float((best == y_true[:, None]).any(axis=1).mean())


def confusion_matrix(y_true, y_pred, labels=None):
    """How often class i was taken for class j: rows are the truth, columns the prediction.

    y_true, y_pred: classes, of one shape  →  int64 (C, C).
    labels: which classes, in which order; None: those that occur, sorted. What has another label is not counted.
    Raises ValueError or TypeError naming the argument.  Source: `sklearn.metrics.confusion_matrix`.
    """
    y_true, y_pred, labels = _check_classes("confusion_matrix", y_true, y_pred, labels)
    kept = np.isin(y_true, labels) & np.isin(y_pred, labels)
    order = np.argsort(labels)
    row, column = (order[np.searchsorted(labels, y[kept], sorter=order)] for y in (y_true, y_pred))
    return np.bincount(row * len(labels) + column, minlength=len(labels) ** 2).reshape(len(labels), -1)


def precision(y_true, y_pred, average="binary", labels=None, zero_division=0.0):
    """Of what was taken for a class, the share that is it: TP / (TP + FP), in [0, 1].

    y_true, y_pred: classes, of one shape.  average, for the C classes of labels (None: those that occur, sorted):
        "binary"    class 1 alone, where there are only 0 and 1  →  float
        None        each class by itself  →  (C,)
        "macro"     the mean over classes  →  float
        "weighted"  the mean, each class counted as often as it occurs in y_true  →  float
        "micro"     TP and FP are summed over the classes first  →  float; with all classes this is the accuracy
    zero_division: what 0/0 is, here for a class that was never predicted: 0, 1, or nan, which the means leave out.
    Where no class of labels occurs in y_true "weighted" is "macro".
    Raises ValueError or TypeError naming the argument.  Source: `sklearn.metrics.precision_score`.
    """
    hits, predicted, actual = _counts("precision", y_true, y_pred, average, labels)
    return _average("precision", hits, predicted, actual, average, zero_division)


def recall(y_true, y_pred, average="binary", labels=None, zero_division=0.0):
    """Of what is a class, the share that was found: TP / (TP + FN), in [0, 1].

    0/0 is the recall of a class that does not occur in y_true. Everything else is as in precision.
    Raises ValueError or TypeError naming the argument.  Source: `sklearn.metrics.recall_score`.
    """
    hits, _, actual = _counts("recall", y_true, y_pred, average, labels)
    return _average("recall", hits, actual, actual, average, zero_division)


def f1(y_true, y_pred, average="binary", labels=None, zero_division=0.0):
    """The harmonic mean of precision and recall: 2·TP / (2·TP + FP + FN), in [0, 1]; of two masks, Dice.

    0/0 is the F1 of a class that neither occurs nor was predicted. Everything else is as in precision.
    Raises ValueError or TypeError naming the argument.  Source: `sklearn.metrics.f1_score`.
    """
    hits, predicted, actual = _counts("f1", y_true, y_pred, average, labels)
    return _average("f1", 2 * hits, predicted + actual, actual, average, zero_division)


def iou(y_true, y_pred, average="binary", labels=None, zero_division=0.0):
    """Intersection over union, the Jaccard index: TP / (TP + FP + FN), in [0, 1].

    Two masks of 0 and 1, or of bools: as it stands. Masks of classes: None gives each class, "macro" the mean IoU.
    0/0 is the IoU of a class that is in neither mask, which is often left out: zero_division=nan. Everything else is
    as in precision.
    Raises ValueError or TypeError naming the argument.  Source: `sklearn.metrics.jaccard_score`.
    """
    hits, predicted, actual = _counts("iou", y_true, y_pred, average, labels)
    return _average("iou", hits, predicted + actual - hits, actual, average, zero_division)


# ---- scores ----------------------------------------------------------------------------------------------------------

def precision_recall_curve(y_true, y_score):
    """Precision and recall of "score ≥ threshold" for every threshold that makes a difference.

    y_true: (N,), 0 or 1;  y_score: (N,), larger means more likely 1
    →  (precision, recall, thresholds), of T + 1, T + 1 and T numbers: thresholds are the scores that occur, ascending;
    last in precision and recall stand 1 and 0, for "nothing is predicted".  Without a positive the recall is 1.
    Raises ValueError or TypeError naming the argument.  Source: `sklearn.metrics.precision_recall_curve`.
    """
    return _curve("precision_recall_curve", y_true, y_score)


def average_precision(y_true, y_score):
    """The area under the precision–recall curve, as a sum of steps, in [0, 1].

    AP = Σ_n (R_n − R_{n−1}) · P_n          over the thresholds from the highest down, R_0 = 0

    y_true: (N,), 0 or 1;  y_score: (N,)  →  float.  Scores that are all equal give the share of positives; without a
    positive it is 0.  Nothing is interpolated: detection challenges often do (COCO: 101 recalls).
    Raises ValueError or TypeError naming the argument.  Source: `sklearn.metrics.average_precision_score`.
    """
    precision, recall, _ = _curve("average_precision", y_true, y_score)
    return float(np.sum((recall[:-1] - recall[1:]) * precision[:-1]))


# ---- boxes -----------------------------------------------------------------------------------------------------------

@checked
def detection_average_precision(found, boxes, labels, iou_threshold: Share = 0.5):
    """Average precision of a detector, the mean over the classes that occur, in [0, 1] (Everingham et al. 2010).

    From the highest score down, over all images, a found box is right when its IoU with an object of its class that no
    better one has taken is at least iou_threshold; it takes the object of the largest IoU among those left. Each
    object counts in the recall, also one that was never found:

    AP = average_precision(right, scores) · right ones / objects          without the factor recall would end at 1

    found: for each image (boxes, scores, labels), as of `architectures.detect`;  boxes, labels: for each image the true
    ones, (n, 4) and (n,), arrays or tensors  →  float.  No interpolation. Without a single object it is nan.
    Raises TypeError or ValueError for lists of other lengths, boxes of another shape, iou_threshold outside of [0, 1].
    """
    name = "detection_average_precision"
    require(name, len(found) == len(boxes) == len(labels), "found, boxes and labels must be for as many images, "
            f"got {len(found)}, {len(boxes)} and {len(labels)}")
    found = [[torch.as_tensor(part).cpu() for part in parts] for parts in found]
    boxes = [check_boxes(name, "boxes", torch.as_tensor(given).cpu()) for given in boxes]
    labels = [torch.as_tensor(given).cpu() for given in labels]
    precisions = []
    for label in sorted({int(c) for given in labels for c in given}):
        objects = [given[label_ == label] for given, label_ in zip(boxes, labels, strict=True)]
        right, scores = [], []
        for (found_boxes, found_scores, found_labels), true in zip(found, objects, strict=True):
            mine = (found_labels == label).nonzero()[:, 0]
            mine = mine[found_scores[mine].argsort(descending=True, stable=True)]
            overlap = box_iou(found_boxes[mine], true)                   # (found, objects)
            for row in overlap:
                best = row.max(0) if len(row) else None
                hit = best is not None and bool(best.values >= iou_threshold)
                if hit:
                    overlap[:, best.indices] = -1                        # taken
                right.append(hit)
            scores.extend(found_scores[mine].tolist())
        total = sum(map(len, objects))
        precisions.append(average_precision(right, scores) * sum(right) / total if right else 0.0)
    return sum(precisions) / len(precisions) if precisions else np.nan


# ---- pictures --------------------------------------------------------------------------------------------------------

def psnr(image, reference, *, data_range):
    """The peak signal-to-noise ratio in decibels: 10 · log₁₀(data_range² / mean((image − reference)²)).

    image, reference: numbers of one shape.  data_range: the largest possible difference, 1 for pictures in [0, 1], 255
    for bytes.  ∞ for equal pictures.
    Raises ValueError or TypeError naming the argument.  Source: `skimage.metrics.peak_signal_noise_ratio`.
    """
    image, reference, data_range = _check_pictures("psnr", image, reference, data_range)
    error = np.mean((image - reference) ** 2)
    return float(10 * np.log10(data_range**2 / error)) if error else np.inf


def ssim(image, reference, *, data_range, window=7, channel_axis=None, sample_covariance=True):
    """Structural similarity: do mean, contrast and pattern of small windows agree (Wang et al. 2004).

    SSIM = (2 μx μy + C1)(2 σxy + C2) / ((μx² + μy² + C1)(σx² + σy² + C2))     C1, C2 = (0.01, 0.03)² · data_range²

    The mean over all windows inside of the picture, and over channels; from −1 to 1, and 1 for equal pictures.
    image, reference: (H, W), or with an axis of channels, which channel_axis names.  data_range: as in psnr.
    window: an odd int for a square of equal weights, at most H and W, so that one pixel is too little; "gaussian" for
    11×11 with σ = 1.5, as in the paper.  sample_covariance: divide variances by n − 1 (scikit-image's default), not by
    n (the paper), n being the number of pixels in a window.
    Raises ValueError or TypeError naming the argument.  Source: `skimage.metrics.structural_similarity`.
    """
    x, y, data_range = _check_pictures("ssim", image, reference, data_range)
    if channel_axis is not None:
        if not is_int(channel_axis) or not -x.ndim <= channel_axis < x.ndim:
            raise ValueError(f"ssim: channel_axis must be an axis of {x.shape} or None, got {channel_axis!r}")
        x, y = np.moveaxis(x, channel_axis, 0), np.moveaxis(y, channel_axis, 0)
    else:
        x, y = x[None], y[None]                                          # (C, H, W)
    weights = _window(window)
    if x.ndim != 3 or min(x.shape[1:]) < len(weights):
        raise ValueError(f"ssim: pictures must have two axes of at least {len(weights)}, and channel_axis if there are "
                         f"channels, got shape {np.shape(image)} and channel_axis {channel_axis}")

    def mean(a):                                                         # of each window, one axis after the other
        for axis in (1, 2):
            a = sliding_window_view(a, len(weights), axis) @ weights
        return a

    n = len(weights) ** 2
    norm = n / (n - 1) if sample_covariance else 1
    mx, my = mean(x), mean(y)
    vx, vy, cov = (norm * (mean(a) - b) for a, b in ((x * x, mx * mx), (y * y, my * my), (x * y, mx * my)))
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    return float(np.mean((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))))


# ---- helpers ---------------------------------------------------------------------------------------------------------

def _counts(name, y_true, y_pred, average, labels):
    """Of each class of labels: how often it was found, predicted, and there.  Three of (C,)"""
    if average not in ("binary", None, "macro", "weighted", "micro"):
        raise ValueError(f'{name}: average must be "binary", None, "macro", "weighted" or "micro"; got {average!r}')
    y_true, y_pred, occur = _check_classes(name, y_true, y_pred, None)
    if average == "binary":
        if not np.isin(occur, (0, 1)).all():
            raise ValueError(f'{name}: average="binary" needs classes 0 and 1, got {occur.tolist()}; '
                             'with more take None, "macro", "weighted" or "micro"')
        if labels is not None:
            raise ValueError(f'{name}: labels must be None with average="binary", got {labels!r}')
        labels = [1]
    labels = occur if labels is None else _check_labels(name, labels)
    every = np.union1d(labels, occur)
    matrix = confusion_matrix(y_true, y_pred, every)
    place = np.searchsorted(every, labels)
    return matrix.diagonal()[place], matrix.sum(axis=0)[place], matrix.sum(axis=1)[place]


def _average(name, numerator, denominator, support, average, zero_division):
    if not (isinstance(zero_division, Real) and (zero_division in (0, 1) or np.isnan(zero_division))):
        raise ValueError(f"{name}: zero_division must be 0, 1 or nan, got {zero_division!r}")
    if average == "micro":
        numerator, denominator = numerator.sum(keepdims=True), denominator.sum(keepdims=True)
    values = np.where(denominator == 0, zero_division, numerator / np.maximum(denominator, 1))
    if average is None:
        return values
    kept = ~np.isnan(values)
    if not kept.any():
        return np.nan
    weights = support[kept] if average == "weighted" and support[kept].any() else None
    return float(np.average(values[kept], weights=weights))


def _curve(name, y_true, y_score):
    y_true, y_score = _class_numbers(name, "y_true", y_true), _finite(name, "y_score", y_score)
    if y_true.ndim != 1 or y_true.shape != y_score.shape or y_true.size == 0:
        raise ValueError(f"{name}: y_true and y_score must both be (N,) with N ≥ 1, "
                         f"got {y_true.shape} and {y_score.shape}")
    if not np.isin(y_true, (0, 1)).all():
        raise ValueError(f"{name}: y_true must hold 0 and 1, got numbers from {y_true.min()} to {y_true.max()}")
    order = np.argsort(y_score)
    thresholds, first = np.unique(y_score[order], return_index=True)     # equal scores are accepted together
    hits = np.cumsum(y_true[order][::-1])[::-1][first]                   # positives from here up, (T,)
    positives = hits[0]
    recall = hits / positives if positives else np.ones(len(hits))
    return np.append(hits / (len(y_true) - first), 1.0), np.append(recall, 0.0), thresholds


def _window(window):
    """The weights of a window along one axis."""
    if isinstance(window, str) and window == "gaussian":
        weights = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
        return weights / weights.sum()
    if not is_int(window) or window < 3 or window % 2 == 0:
        raise ValueError(f'ssim: window must be an odd int from 3 on or "gaussian", got {window!r}')
    return np.full(window, 1 / window)


def _array(value):
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)           # a tensor needs this


def _class_numbers(name, argument, value):
    array = _array(value)
    if array.dtype.kind not in "biu":
        raise TypeError(f"{name}: {argument} must hold classes, which are integers or bools, got {array.dtype}")
    return array.astype(np.int64)


def _check_classes(name, y_true, y_pred, labels):
    """y_true and y_pred flat, and the labels."""
    y_true, y_pred = _class_numbers(name, "y_true", y_true), _class_numbers(name, "y_pred", y_pred)
    if y_true.shape != y_pred.shape or y_true.size == 0:
        raise ValueError(f"{name}: y_true and y_pred must have one shape and at least one element, "
                         f"got {y_true.shape} and {y_pred.shape}")
    labels = np.union1d(y_true, y_pred) if labels is None else _check_labels(name, labels)
    return y_true.ravel(), y_pred.ravel(), labels


def _check_labels(name, labels):
    array = _class_numbers(name, "labels", labels)
    if array.ndim != 1 or array.size == 0 or len(np.unique(array)) < len(array):
        raise ValueError(f"{name}: labels must be None or a list of different classes, got {labels!r}")
    return array


def _finite(name, argument, value):
    array = _array(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name}: {argument} must hold numbers, got {array.dtype}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: {argument} must hold finite numbers")
    return array


def _check_pictures(name, image, reference, data_range):
    image, reference = _finite(name, "image", image), _finite(name, "reference", reference)
    if image.shape != reference.shape or image.size == 0:
        raise ValueError(f"{name}: image and reference must have one shape and at least one pixel, "
                         f"got {image.shape} and {reference.shape}")
    check_number(name, data_range=data_range)
    if not 0 < data_range < np.inf:
        raise ValueError(f"{name}: data_range must be above 0 and finite, got {data_range}")
    return image.astype(np.float64), reference.astype(np.float64), float(data_range)                 # 255² is no uint8
