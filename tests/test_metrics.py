"""Metrics equal scikit-learn's and scikit-image's, on random input and on the edges; those of boxes, brute force."""

import math
import warnings

import numpy as np
import pytest
import skimage.metrics
import sklearn.metrics
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlib import data, metrics
from cnnlib.testing import assert_close
from cnnlib.torchvision_compat import import_torchvision
from tests.random_boxes import random_boxes

torchvision = import_torchvision()

y3, s35, image, one_box = np.array([0, 1, 4]), np.zeros((3, 5)), np.zeros((8, 9)), torch.tensor([[0.0, 0, 1, 1]])

BAD = [
    (metrics.top_k_accuracy, (y3, s35[:2]), {}, r"y_true must be \(N,\) and y_score \(N, C\).*got \(3,\) and \(2, 5\)"),
    (metrics.top_k_accuracy, (y3, s35, 6), {}, "k must be an int from 1 to 5, the number of classes, got 6"),
    (metrics.top_k_accuracy, (y3, s35, 1.0), {}, "k must be an int from 1 to 5, the number of classes, got 1.0"),
    (metrics.top_k_accuracy, (y3 + 1, s35), {}, "y_true must hold classes from 0 to 4, got numbers from 1 to 5"),
    (metrics.top_k_accuracy, (y3, s35 * np.nan), {}, "y_score must hold finite numbers"),
    (metrics.top_k_accuracy, (y3 * 1.0, s35), {}, "y_true must hold classes, which are integers or bools, got float64"),
    (metrics.confusion_matrix, (y3, y3[:2]), {}, r"y_true and y_pred must have one shape.*got \(3,\) and \(2,\)"),
    (metrics.confusion_matrix, ([], []), {}, "y_true must hold classes"),
    (metrics.confusion_matrix, (y3[:0], y3[:0]), {}, "at least one element"),
    (metrics.confusion_matrix, (y3, y3, [0, 0]), {}, "labels must be None or a list of different classes"),
    (metrics.precision, (y3, y3), {}, r'precision: average="binary" needs classes 0 and 1, got \[0, 1, 4\]'),
    (metrics.precision, (y3, y3, "samples"), {}, "average must be .*got 'samples'"),
    (metrics.precision, (y3, s35), {}, "precision: y_pred must hold classes"),
    (metrics.recall, (y3, y3, "macro"), {"zero_division": 0.5}, "recall: zero_division must be 0, 1 or nan, got 0.5"),
    (metrics.f1, (y3 > 0, y3 > 0), {"labels": [0, 1]}, 'f1: labels must be None with average="binary"'),
    (metrics.iou, (y3, y3, None), {"labels": [[1]]}, "iou: labels must be None or a list"),
    (metrics.precision_recall_curve, (y3, y3), {}, "y_true must hold 0 and 1, got numbers from 0 to 4"),
    (metrics.precision_recall_curve, (y3 > 0, s35), {}, r"must both be \(N,\) with N ≥ 1, got \(3,\) and \(3, 5\)"),
    (metrics.average_precision, (y3 > 0, [0.1, 0.2, np.inf]), {}, "average_precision: y_score must hold finite"),
    (metrics.average_precision, (y3 > 0, ["a", "b", "c"]), {}, "average_precision: y_score must hold numbers"),
    (metrics.psnr, (image, image[1:]), {"data_range": 1}, r"must have one shape.*got \(8, 9\) and \(7, 9\)"),
    (metrics.psnr, (image, image), {"data_range": 0}, "psnr: data_range must be above 0 and finite, got 0"),
    (metrics.psnr, (image, image), {}, "data_range"),
    (metrics.psnr, (image, image), {"data_range": None}, "psnr: data_range must be a number, got None"),
    (metrics.psnr, (image, image), {"data_range": np.inf}, "data_range must be above 0 and finite, got inf"),
    (metrics.ssim, (image, image), {"data_range": "255"}, "ssim: data_range must be a number, got '255'"),
    (metrics.recall, (y3, y3, "macro"), {"zero_division": None}, "zero_division must be 0, 1 or nan, got None"),
    (metrics.recall, (y3, y3, "macro"), {"zero_division": "warn"}, "zero_division must be 0, 1 or nan, got 'warn'"),
    (metrics.ssim, (image[:6], image[:6]), {"data_range": 1}, r"two axes of at least 7.*got shape \(6, 9\)"),
    (metrics.ssim, (image, image), {"data_range": 1, "window": "gaussian"}, "two axes of at least 11"),
    (metrics.ssim, (image[:1, :1], image[:1, :1]), {"data_range": 1}, r"at least 7.*got shape \(1, 1\)"),
    (metrics.ssim, (s35[None], s35[None]), {"data_range": 1}, "and channel_axis if there are channels"),
    (metrics.ssim, (image, image), {"data_range": 1, "window": 4}, "window must be an odd int from 3 on .*got 4"),
    (metrics.ssim, (image, image), {"data_range": 1, "channel_axis": 2}, r"must be an axis of \(8, 9\) or None, got 2"),
    (metrics.detection_average_precision, ([], [one_box], [[1]]), {}, "for as many images, got 0, 1 and 1"),
    (metrics.detection_average_precision, ([], [], [], -1), {}, "iou_threshold must be from 0 to 1, got -1"),
]

AVERAGES = ["binary", None, "macro", "weighted", "micro"]
PAIRS = [(metrics.precision, sklearn.metrics.precision_score), (metrics.recall, sklearn.metrics.recall_score),
         (metrics.f1, sklearn.metrics.f1_score), (metrics.iou, sklearn.metrics.jaccard_score)]

pytestmark = pytest.mark.filterwarnings("error:invalid value:RuntimeWarning", "error:divide by zero:RuntimeWarning")


def quiet(function, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")                                  # scikit-learn warns of every 0/0
        return function(*args, **kwargs)


def same(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)     # nan equals nan
    assert np.shape(ours) == np.shape(theirs)


# ---- classes ---------------------------------------------------------------------------------------------------------

def pairs_of(classes):
    """Two lists of equal length with classes below this number; often some are missing."""
    return st.lists(st.tuples(st.integers(0, classes - 1), st.integers(0, classes - 1)), min_size=1, max_size=12)


@given(pairs=pairs_of(5))
@settings(max_examples=150, deadline=None)
def test_confusion_matrix_is_sklearns(pairs):
    y_true, y_pred = np.array(pairs).T
    ours = metrics.confusion_matrix(y_true, y_pred)
    np.testing.assert_array_equal(ours, quiet(sklearn.metrics.confusion_matrix, y_true, y_pred))
    for labels in (range(5), [(y_true[0] + shift) % 5 for shift in (0, 3, 1)]):              # all; some, not sorted
        np.testing.assert_array_equal(metrics.confusion_matrix(y_true, y_pred, labels),
                                      quiet(sklearn.metrics.confusion_matrix, y_true, y_pred, labels=list(labels)))
    assert ours.dtype == np.int64


@given(pairs=pairs_of(4), average=st.sampled_from(AVERAGES[1:]), zero_division=st.sampled_from([0, 1, np.nan]),
       labels=st.sampled_from([None, [0, 1, 2, 3], [2, 1], [3], [5, 0]]))
@settings(max_examples=60, deadline=None)
def test_scores_of_classes_are_sklearns(pairs, average, zero_division, labels):
    y_true, y_pred = np.array(pairs).T
    for ours, theirs in PAIRS:
        if theirs is sklearn.metrics.jaccard_score and np.isnan(zero_division):
            continue                                                     # theirs takes 0 and 1 only
        same(ours(y_true, y_pred, average, labels, zero_division),
             quiet(theirs, y_true, y_pred, average=average, labels=labels, zero_division=zero_division))


@pytest.mark.parametrize("average", AVERAGES[1:])
def test_every_average_is_sklearns(average):
    """The same with nothing left to chance: each average meets each set of labels and each 0/0."""
    rng = np.random.default_rng(0)
    for y_true, y_pred in rng.integers(4, size=(2, 2, 9)).tolist() + [([0, 0, 1], [0, 2, 1]), ([3, 3], [1, 1])]:
        for labels in (None, [0, 1, 2, 3], [2, 1], [5, 0]):
            for zero_division in (0, 1, np.nan):
                for ours, theirs in PAIRS:
                    if theirs is not sklearn.metrics.jaccard_score or not np.isnan(zero_division):
                        same(ours(y_true, y_pred, average, labels, zero_division),
                             quiet(theirs, y_true, y_pred, average=average, labels=labels, zero_division=zero_division))


@given(pairs=pairs_of(2), zero_division=st.sampled_from([0, 1, np.nan]))
@settings(max_examples=60, deadline=None)
def test_scores_of_two_classes_are_sklearns(pairs, zero_division):
    y_true, y_pred = np.array(pairs).T
    for ours, theirs in PAIRS:
        if theirs is sklearn.metrics.jaccard_score and np.isnan(zero_division):
            continue
        want = quiet(theirs, y_true, y_pred, zero_division=zero_division)
        same(ours(y_true, y_pred, zero_division=zero_division), want)
        same(ours(y_true.astype(bool), y_pred.astype(bool), zero_division=zero_division), want)


def test_the_defaults_are_sklearns():
    y_true, y_pred = np.array([0, 0, 1]), np.array([0, 0, 0])            # nothing is predicted
    for ours, theirs in PAIRS:
        same(ours(y_true, y_pred), quiet(theirs, y_true, y_pred))


def test_mean_iou_leaves_out_what_is_nowhere():
    y_true, y_pred = np.array([[0, 0, 1], [1, 1, 1]]), np.array([[0, 1, 1], [1, 1, 0]])
    each = metrics.iou(y_true, y_pred, None, range(3), np.nan)
    np.testing.assert_allclose(each, [1 / 3, 3 / 5, np.nan])
    assert metrics.iou(y_true, y_pred, "macro", range(3), np.nan) == pytest.approx((1 / 3 + 3 / 5) / 2)
    assert metrics.iou(y_true, y_pred, "macro", range(3)) == pytest.approx((1 / 3 + 3 / 5) / 3)
    assert np.isnan(metrics.iou(y_true, y_pred, "macro", [2], np.nan))


def test_iou_and_f1_of_masks_count_pixels():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 3, 7, 5)) < 0.4
    assert metrics.iou(a, b) == np.sum(a & b) / np.sum(a | b)
    assert metrics.f1(a, b) == 2 * np.sum(a & b) / (a.sum() + b.sum())
    assert metrics.iou(a, np.zeros_like(a)) == metrics.iou(a & False, b & False) == 0
    assert metrics.iou(a & False, b & False, zero_division=1) == 1


@given(seed=st.integers(0, 1000), n=st.integers(1, 8), classes=st.integers(3, 6), levels=st.integers(1, 4))
@settings(max_examples=150, deadline=None)
def test_top_k_accuracy_is_sklearns(seed, n, classes, levels):
    rng = np.random.default_rng(seed)
    y_true, y_score = rng.integers(classes, size=n), rng.integers(levels, size=(n, classes)) / 4            # many ties
    for k in range(1, classes + 1):
        same(metrics.top_k_accuracy(y_true, y_score, k),
             quiet(sklearn.metrics.top_k_accuracy_score, y_true, y_score, k=k, labels=range(classes)))


def test_top_1_of_two_classes_is_accuracy():
    rng = np.random.default_rng(0)
    y_true, y_score = rng.integers(2, size=20), rng.normal(size=(20, 2))
    assert metrics.top_k_accuracy(y_true, y_score, 1) == np.mean(y_true == y_score.argmax(1))
    assert metrics.top_k_accuracy(y_true, y_score, 2) == 1


# ---- scores ----------------------------------------------------------------------------------------------------------

@given(seed=st.integers(0, 1000), n=st.integers(1, 15), levels=st.integers(1, 30), share=st.sampled_from([0, 0.3, 1]))
@settings(max_examples=200, deadline=None)
def test_average_precision_is_sklearns(seed, n, levels, share):
    rng = np.random.default_rng(seed)
    y_true, y_score = (rng.random(n) < share).astype(int), rng.integers(levels, size=n) - levels / 2
    for ours, theirs in zip(metrics.precision_recall_curve(y_true, y_score),
                            quiet(sklearn.metrics.precision_recall_curve, y_true, y_score), strict=True):
        same(ours, theirs)
    same(metrics.average_precision(y_true, y_score),
         quiet(sklearn.metrics.average_precision_score, y_true, y_score))


# ---- pictures --------------------------------------------------------------------------------------------------------

def theirs_ssim(x, y, window=7, sample_covariance=True, **options):
    window = {"gaussian_weights": True} if window == "gaussian" else {"win_size": window}
    return skimage.metrics.structural_similarity(x, y, use_sample_covariance=sample_covariance, **window, **options)


@given(seed=st.integers(0, 1000), height=st.integers(11, 16), width=st.integers(11, 16),
       window=st.sampled_from([3, 7, 11, "gaussian"]), channels=st.sampled_from([None, 0, 1, 2, -1]),
       data_range=st.sampled_from([1.0, 2, 255]), sample_covariance=st.booleans(),
       kind=st.sampled_from(["noise", "near", "constant", "equal", "bytes"]))
@settings(max_examples=150, deadline=None)
def test_psnr_and_ssim_are_skimages(seed, height, width, window, channels, data_range, sample_covariance, kind):
    rng = np.random.default_rng(seed)
    shape = [height, width]
    if channels is not None:
        shape.insert(channels % 3, 3)
    x, y = rng.random((2, *shape))
    if kind == "near":
        y = x + 0.05 * y
    elif kind == "constant":
        x, y = np.full(shape, 0.3), np.full(shape, 0.7)
    elif kind == "equal":
        y = x
    elif kind == "bytes":
        x, y = (255 * np.stack([x, y])).astype(np.uint8)
    options = {"window": window, "channel_axis": channels, "data_range": data_range,
               "sample_covariance": sample_covariance}
    assert_close(metrics.ssim(x, y, **options), float(theirs_ssim(x, y, **options)), 1e-9)
    assert_close(metrics.psnr(x, y, data_range=data_range),
                 float(quiet(skimage.metrics.peak_signal_noise_ratio, y, x, data_range=data_range)), 1e-12)
    if kind == "equal":
        assert metrics.psnr(x, y, data_range=1) == np.inf and metrics.ssim(x, y, **options) == pytest.approx(1)


def test_psnr_and_ssim_of_a_photograph():
    rng = np.random.default_rng(0)
    photo = data.photo("astronaut", (61, 47))
    noisy = np.clip(photo + 0.1 * rng.normal(size=photo.shape), 0, 1).astype(np.float32)
    for window in (7, "gaussian"):
        options = {"window": window, "channel_axis": 2, "data_range": 1}
        assert_close(metrics.ssim(photo, noisy, **options), float(theirs_ssim(photo, noisy, **options)), 1e-5)
    assert 18 < metrics.psnr(photo, noisy, data_range=1) < 22            # noise of 0.1 is 20 dB


def test_psnr_of_one_pixel():
    assert metrics.psnr([[0.5]], [[0.6]], data_range=1) == pytest.approx(20)


def test_tensors_and_lists_are_taken():
    y_true, y_pred = torch.tensor([0, 1, 1, 0]), [0, 1, 0, 0]
    assert metrics.recall(y_true, y_pred) == 0.5
    assert metrics.confusion_matrix(y_true, y_pred).tolist() == [[2, 0], [1, 1]]
    scores = torch.randn(4, 3, requires_grad=True)
    same(metrics.top_k_accuracy(y_true, scores, 2), metrics.top_k_accuracy(y_true.tolist(), scores.tolist(), 2))
    assert metrics.average_precision(y_true, scores[:, 0]) > 0
    x = torch.rand(9, 8)
    assert metrics.ssim(x, x.numpy(), data_range=1) == pytest.approx(1)


def test_numpys_numbers_are_numbers():
    reference = np.arange(72.0).reshape(8, 9)
    picture = reference + 1
    for metric in (metrics.psnr, metrics.ssim):
        assert metric(picture, reference, data_range=np.uint8(255)) == metric(picture, reference, data_range=255)
    assert metrics.recall([0, 0], [1, 0], zero_division=np.float32(1)) == 1


# ---- boxes -----------------------------------------------------------------------------------------------------------

def brute_force_ap(found, boxes, labels, threshold):
    """The curve point by point: cut the list at every score, match afresh, and add up precision times new recall."""
    result = []
    for c in sorted({int(y) for true in labels for y in true}):
        every = sorted(((float(s), i, k) for i, (_, scores, classes) in enumerate(found)
                        for k, s in enumerate(scores) if classes[k] == c), reverse=True)
        total = sum(int((np.asarray(y) == c).sum()) for y in labels)
        area = recall_before = 0
        for cut in range(1, len(every) + 1):
            taken, right = set(), 0
            for _, i, k in every[:cut]:
                best, best_iou = None, 0
                for j, box in enumerate(boxes[i]):
                    if labels[i][j] != c or (i, j) in taken:
                        continue
                    overlap = torchvision.ops.box_iou(found[i][0][k:k + 1].float(), torch.as_tensor(box)[None].float())
                    if overlap.item() > best_iou:
                        best, best_iou = (i, j), overlap.item()
                if best is not None and best_iou >= threshold:
                    taken.add(best)
                    right += 1
            area += right / cut * (right / total - recall_before)
            recall_before = right / total
        result.append(area)
    return float(np.mean(result))


@pytest.mark.parametrize("threshold", [0.5, 0.75])
def test_average_precision_is_brute_force(threshold):
    rng = np.random.default_rng(4)
    boxes = [random_boxes(rng, n, least=8) for n in (3, 0, 4, 2, 5)]
    labels = [torch.tensor(rng.integers(0, 2, len(b))) for b in boxes]
    found = []
    for box, label in zip(boxes, labels, strict=True):
        box, label = torch.cat([box, box, random_boxes(rng, 2)]), torch.cat([label, label, torch.tensor([0, 1])])
        kept = torch.tensor(rng.permutation(len(box))[:len(box) - 2].copy())
        moved = box[kept] + torch.tensor(rng.uniform(-2, 2, (len(kept), 4))).float()
        found.append((moved, torch.tensor(rng.permutation(1000)[:len(kept)] / 1000), label[kept]))
    got = metrics.detection_average_precision(found, boxes, labels, threshold)
    assert got == pytest.approx(brute_force_ap(found, boxes, labels, threshold)) and 0.1 < got < 0.95


def test_what_is_missed_and_what_is_found_twice_count():
    ap = metrics.detection_average_precision
    box = torch.tensor([[0.0, 0, 10, 10], [20, 20, 30, 30]])
    scores, label = torch.tensor([0.9, 0.8]), torch.tensor([0, 0])
    assert ap([(box, scores, label)], [box], [label]) == 1
    assert ap([(box[:1], scores[:1], label[:1])], [box], [label]) == 0.5        # one missed
    assert ap([(box[[0, 0]], scores, label)], [box], [label]) == 0.5            # found twice
    assert ap([(box, scores, 1 - label)], [box], [label]) == 0                  # wrong class
    assert ap([(box[:0], scores[:0], label[:0])], [box], [label]) == 0
    assert ap([(box, scores, label)], [box], [torch.tensor([0, 1])]) == 0.5     # mean
    assert math.isnan(ap([(box, scores, label)], [box[:0]], [label[:0]]))
