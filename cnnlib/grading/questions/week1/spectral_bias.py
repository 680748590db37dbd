"""Week 1: the questions of the notebook `spectral_bias`."""

QUESTIONS = []
