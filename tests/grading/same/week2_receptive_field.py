"""Breaks of the answers of the notebook `receptive_field` that are the same function."""

SAME = {
    "design_stack": {"return layers": "a list of rows is taken as an array"},
}
