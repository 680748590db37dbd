"""Week 6 · Adversarial examples: the questions of its sheet, in its order. Each file holds those of one notebook."""

from . import black_box, certificates, defenses, white_box

NOTEBOOKS = [white_box, black_box, defenses, certificates]
QUESTIONS = [question for notebook in NOTEBOOKS for question in notebook.QUESTIONS]
