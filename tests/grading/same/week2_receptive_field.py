"""Breaks of the answers of the notebook `receptive_field` that are the same function."""

_MORE = "another design: one layer more is within the budget only where it is needed, and fields may be larger"
_OTHER = "another design with the same properties"

SAME = {
    "design_stack": {
        "layers, seen, distance, dilation = ([], 0, 1, 1)": _MORE,
        "layers.append((2, 2, 1))": _OTHER,
        "seen -= 2 * distance": _MORE,
        "seen = 2 * distance": _MORE,
        "seen += 2": _MORE,
        "seen += distance": _MORE,
        "seen += 1 * distance": _MORE,
        "while seen <= field:": _MORE,
        "return layers": "a list of rows is taken as an array",
    },
}
