"""Week 5 · Blocks of generative AI: the questions of its sheet, in its order. Each file holds those of one notebook."""

from . import (
    autoencoders,
    diffusion,
    gans,
    image_translation,
    perceptual_and_style,
    progressive_and_style,
    sequences,
    upsampling,
    video,
)

NOTEBOOKS = [upsampling, autoencoders, gans, image_translation, progressive_and_style, perceptual_and_style, diffusion,
             sequences, video]
QUESTIONS = [question for notebook in NOTEBOOKS for question in notebook.QUESTIONS]
