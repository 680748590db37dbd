# Writes 200 MB to standard output and standard error, in cells and in answers: that costs nothing.
# → ok: both
import os
import sys

for _ in range(100):
    print("x" * 10**6)
    print("x" * 10**6, file=sys.stderr)
    os.write(1, b"x" * 10**6)
    os.write(2, b"x" * 10**6)


# %%
def convolve1d_full(x, w):
    print("<script>alert(1)</script>" * 10**5)
    sys.stderr.write("\x1b[2J" * 10**5)
    return full(x, w)
