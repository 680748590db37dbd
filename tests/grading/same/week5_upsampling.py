"""Breaks of the answers of the notebook `upsampling` that are the same function."""

SAME = {
    "decibels_for_nothing": {
        "stretch = low - high": "it is squared",
    },
}
