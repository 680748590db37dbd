"""A class: its submissions are marked, the marks kept, the reports written. No student's code runs on this side."""
