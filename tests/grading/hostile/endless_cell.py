# A cell that never ends, in front of a right answer.
# → timeout: both
while True:
    pass

# %%
def convolve1d_full(x, w):
    return full(x, w)
