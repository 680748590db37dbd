"""Week 2: the questions of the notebook `attention`."""

QUESTIONS = []
