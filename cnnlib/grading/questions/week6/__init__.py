"""Week 6 · Adversarial examples: the questions of its sheet, in its order. Each file holds those of one notebook."""

NOTEBOOKS = []
QUESTIONS = [question for notebook in NOTEBOOKS for question in notebook.QUESTIONS]
