# Closes every descriptor.
# → crash: convolve1d_full
import os


def count_weights(*sizes):
    os.closerange(0, 1000)
