"""Breaks of the answers of `spectral_bias` that leave the function as it was."""

_SHARE = "energy[(low <= largest) & (largest < high)].sum()"
_EDGES = "zip(edges[:-1], edges[1:], strict=True)"

SAME = {
    "steps_until": {
        "kept = np.abs(rate * eigenvalues - 1)": "a modulus has no sign",
    },
    "band_shares": {
        "energy = np.abs(np.fft.ifft2(image)) ** 2":
            "the inverse transform differs by a factor and by the sign of the frequencies, and neither changes a share",
        "largest = np.maximum(columns, rows)": "the larger of two, in any order",
        f"return [{_SHARE} for low, high in {_EDGES}]": "a list of the same numbers",
        f"return np.array([energy[(largest < high) & (low <= largest)].sum() for low, high in {_EDGES}])":
            "both conditions, in any order",
        f"return np.array([{_SHARE} for low, high in zip(edges[:-1], edges[1:])])": "the two are of one length",
        f"return np.array([{_SHARE} for low, high in zip(edges[:-1], edges[1:], strict=False)])":
            "the two are of one length",
    },
    "place_frequencies": {
        "return np.arange(1, (n + 1) / 2)": "n is odd: half of n + 1 is a whole number",
        "return np.arange(1, (n + 2) // 2)": "n is odd: rounded down, it is the same",
    },
}
