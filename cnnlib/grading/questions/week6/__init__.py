"""Week 6 · Adversarial examples: the questions of its sheet, in its order. Each file holds those of one notebook."""

from . import black_box, defenses

NOTEBOOKS = [black_box, defenses]
QUESTIONS = [question for notebook in NOTEBOOKS for question in notebook.QUESTIONS]
