"""Breaks of the answers of the notebook `build_autograd` that are the same function, or a design as good."""

SAME = {
    "jacobian_costs": {
        "each = [a * b for a, b in zip(sizes[:-1], sizes[1:], strict=True)]": "a product has no order",
        "each = [a * b for a, b in zip(sizes[1:], sizes[:-1])]": "both are of one length",
        "each = [a * b for a, b in zip(sizes[1:], sizes[:-1], strict=False)]": "both are of one length",
        "return [forward, reverse]": "a list of two numbers is taken as an array",
    },
}
