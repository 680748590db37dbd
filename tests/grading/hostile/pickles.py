# Answers that do something when they are unpickled, and arrays that hold them.
# → ok: convolve1d_full
import itertools


class Bomb:
    def __reduce__(self):
        return exec, ("import pathlib; pathlib.Path('/tmp/bomb').touch()",)


bombs = itertools.cycle([Bomb(), np.array([Bomb(), Bomb()]), [Bomb()], {"shape": [2]}, np.array(["1", "2"]), b"12",
                         np.array([b"1", b"2"]), np.array([1, 2], "m8[s]"), np.array([1, 2], complex), "12",
                         np.array([True, True]), np.array([(1, 2)], "f8,f8"), True, None, {1, 2}, iter([1, 2])])


def count_weights(*sizes):
    return next(bombs)
