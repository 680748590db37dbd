# Kills its own group.
# → limit: convolve1d_full
import os
import signal


def count_weights(*sizes):
    os.killpg(0, signal.SIGKILL)
