# Never comes back from one instruction.
# → timeout: convolve1d_full
def count_weights(*sizes):
    return 10**10**9
