# Leaves in an answer, with the status of a process that was killed for its memory.
# → limit: convolve1d_full
import os


def count_weights(*sizes):
    os._exit(137)
