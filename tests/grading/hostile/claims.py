# Arrays that claim 20 GB and take none.
# → ok: convolve1d_full
from numpy.lib.stride_tricks import as_strided

claims = iter([np.broadcast_to(0.0, (50000, 50000)), as_strided(np.zeros(1), (1 << 40,), (0,)),
               [np.broadcast_to(0.0, (50000, 50000))] * 3, np.zeros((0, 1 << 20)), np.zeros((2, 0, 3, 3))] * 4)


def count_weights(*sizes):
    return next(claims)
