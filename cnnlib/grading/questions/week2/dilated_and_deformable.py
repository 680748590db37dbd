"""Week 2: the questions of the notebook `dilated_and_deformable`."""

QUESTIONS = []
