"""Questions, checks that name the mistake, and exercise sheets made from solutions."""

from .check import Verdict, check
from .question import Question

__all__ = ["Question", "Verdict", "check"]
