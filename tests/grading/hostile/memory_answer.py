# An answer that takes all the memory there is: its own exception, and what comes after it still has memory.
# → ok: convolve1d_full
def count_weights(*sizes):
    return [np.zeros(1 << 28) for _ in range(40)]
