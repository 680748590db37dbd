"""Breaks of answers that leave the function as it was, and why."""
