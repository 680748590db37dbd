"""Week 1, frequency: breaks of the answers that leave the function as it was."""

SAME = {
    "frequency_response": {
        "waves = np.exp(2j * np.pi * np.outer(phi, u))": "the conjugate of the response, which has the same modulus",
    },
    "alias_frequency": {
        "return abs(np.round(cycles) - cycles)": "the modulus of a difference does not know its order",
    },
    "fft_convolve2d": {
        "shape = np.add(w.shape, x.shape) - 1": "a sum does not know its order",
    },
    "notch_kernel": {
        "w = 1": "np.convolve takes a number for an array of one",
        "w = np.convolve([a, 1 - 2 * a, a], w)": "convolution does not know the order of its factors",
    },
}
