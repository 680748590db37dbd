"""Week 1 · Convolution: the questions of its sheet, in its order. Each file holds those of the notebook of its name."""

from . import (
    convolution_and_correlation,
    convolution_as_a_matrix,
    equivariance,
    frequency,
    spectral_bias,
    why_convolution,
)

NOTEBOOKS = [why_convolution, convolution_and_correlation, convolution_as_a_matrix, equivariance, frequency,
             spectral_bias]
QUESTIONS = [question for notebook in NOTEBOOKS for question in notebook.QUESTIONS]
