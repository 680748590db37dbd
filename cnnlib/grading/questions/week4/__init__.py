"""Week 4 · Backpropagation: the questions of its sheet, in its order. Each file holds those of one notebook."""

from . import build_autograd, gradient_of_convolution, gradients_of_layers, what_networks_see

NOTEBOOKS = [gradient_of_convolution, gradients_of_layers, build_autograd, what_networks_see]
QUESTIONS = [question for notebook in NOTEBOOKS for question in notebook.QUESTIONS]
