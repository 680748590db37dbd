"""Week 2 · Building blocks: the questions of its sheet, in its order. Each file holds those of one notebook."""

from . import (
    attention,
    convolutional_layer,
    dilated_and_deformable,
    normalization,
    pooling,
    receptive_field,
    separable_convolutions,
)

NOTEBOOKS = [convolutional_layer, receptive_field, pooling, normalization, separable_convolutions,
             dilated_and_deformable, attention]
QUESTIONS = [question for notebook in NOTEBOOKS for question in notebook.QUESTIONS]
