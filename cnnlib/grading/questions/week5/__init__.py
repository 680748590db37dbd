"""Week 5 · Blocks of generative AI: the questions of its sheet, in its order. Each file holds those of one notebook."""

from . import autoencoders, diffusion, gans, sequences, upsampling

NOTEBOOKS = [upsampling, autoencoders, gans, diffusion, sequences]
QUESTIONS = [question for notebook in NOTEBOOKS for question in notebook.QUESTIONS]
