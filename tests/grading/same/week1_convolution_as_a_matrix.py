"""Breaks of the answers of `convolution_as_a_matrix` that leave the function as it was."""

SAME = {
    "binomial_kernel": {
        "kernel = 1": "np.convolve takes a number as an array of one number",
        "kernel = np.convolve([1, 2, 1], kernel) / 4": "convolution commutes",
    },
    "im2col": {
        "return windows.reshape(-2, kernel_height * kernel_width).T":
            "reshape takes any negative size for what is left",
    },
}
