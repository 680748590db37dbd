# Reads where nothing is.
# → crash: convolve1d_full
import ctypes


def count_weights(*sizes):
    return ctypes.string_at(0)
