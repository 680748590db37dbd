"""Week 4 · Backpropagation: the questions of its sheet, in its order. Each file holds those of one notebook."""

from . import (
    build_autograd,
    feature_visualization,
    gradient_flow,
    gradient_of_convolution,
    gradients_of_layers,
    memory_and_precision,
    two_engines,
    what_networks_see,
)

NOTEBOOKS = [gradient_of_convolution, gradients_of_layers, build_autograd, gradient_flow, memory_and_precision,
             two_engines, what_networks_see, feature_visualization]
QUESTIONS = [question for notebook in NOTEBOOKS for question in notebook.QUESTIONS]
