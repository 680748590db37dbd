"""Week 2: the questions of the notebook `receptive_field`."""

QUESTIONS = []
