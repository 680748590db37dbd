"""What each layer of a network makes, costs and sees, in a table; and how much each pixel counts in what it sees."""

from .effective import effective_receptive_field
from .table import Summary, summary

__all__ = ["Summary", "effective_receptive_field", "summary"]
