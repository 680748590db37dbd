# Stops itself, and so would wait for ever.
# → timeout: convolve1d_full
import os
import signal


def count_weights(*sizes):
    os.kill(os.getpid(), signal.SIGSTOP)
