# An answer of 40 MB.
# → limit: convolve1d_full
def count_weights(*sizes):
    return np.zeros(5 * 10**6)
