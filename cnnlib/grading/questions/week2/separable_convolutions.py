"""Week 2: the questions of the notebook `separable_convolutions`."""

QUESTIONS = []
