# Raises what is no Exception, in cells and in answers.
# → ok: convolve1d_full
import sys

sys.exit("bye")

# %%
raise KeyboardInterrupt

# %%
raise GeneratorExit

# %%
raise StopIteration

# %%
raise BaseExceptionGroup("many", [SystemExit(), KeyboardInterrupt()])

# %%
import itertools

turns = itertools.cycle([SystemExit(3), KeyboardInterrupt(), GeneratorExit(), StopIteration(5), BaseException("x")])


def count_weights(*sizes):
    raise next(turns)
