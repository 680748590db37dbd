# Calls itself without end, with Python's own limit, and with none.
# → crash: convolve1d_full
import sys


def deep(*arguments):
    return deep(*arguments)


try:
    deep()
except RecursionError:
    pass


# %%
def count_weights(*sizes):
    sys.setrecursionlimit(10**9)
    return deep()
