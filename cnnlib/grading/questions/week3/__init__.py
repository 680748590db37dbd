"""Week 3 · Architectures: the questions of its sheet, in its order. Each file holds those of one notebook."""

from . import (
    detection,
    efficient_networks,
    generalization,
    lenet_alexnet_vgg,
    resnet_densenet,
    segmentation,
    small_and_fast,
    training,
    vision_transformer,
)

NOTEBOOKS = [lenet_alexnet_vgg, resnet_densenet, efficient_networks, segmentation, detection, training, generalization,
             vision_transformer, small_and_fast]
QUESTIONS = [question for notebook in NOTEBOOKS for question in notebook.QUESTIONS]
