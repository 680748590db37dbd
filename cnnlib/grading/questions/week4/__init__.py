"""Week 4 · Backpropagation: the questions of its sheet, in its order. Each file holds those of one notebook."""

from . import gradient_of_convolution

NOTEBOOKS = [gradient_of_convolution]
QUESTIONS = [question for notebook in NOTEBOOKS for question in notebook.QUESTIONS]
