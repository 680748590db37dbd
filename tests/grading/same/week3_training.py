"""Breaks of the answers of the notebook `training` that are the same function, or a design as good."""

SAME = {
    "adamw": {"return path": "a list of rows is taken as an array"},
    "warm_cosine": {
        "share = np.arange(steps - warmup) / (warmup - steps)": "the cosine is the same to both sides of 0",
    },
    "design_momentum": {
        "a, b = (np.sqrt(high), np.sqrt(low))": "the difference of the roots is squared, the sum has no order",
        "momentum = ((a - b) / (b + a)) ** 2": "the square of a difference does not ask for its sign",
        "return [lr, momentum]": "a list of two numbers is taken as an array",
    },
}
