"""Questions, checks that name the mistake, and exercise sheets made from solutions."""

from .check import check
from .question import Question
from .verdict import Verdict

__all__ = ["Question", "Verdict", "check"]
