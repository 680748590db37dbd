"""Breaks of the answers of the notebook `efficient_networks` that are the same function, or as right a design."""

SAME = {
    "scaled_up": {"return [depth, width, resolution, work]": "a list is taken as an array"},
    "inverted_residual": {
        "k = depthwise.shape[2]": "the kernels are square",
        "wide = np.clip(0, np.tensordot(widen, x, 1), 6)": "0 raised to x and limited to 6 is x limited to 0 … 6",
        "y = np.tensordot(narrow, np.clip(0, filtered, 6), 1)": "0 raised to x and limited to 6 is x limited to 0 … 6",
        "return x + y if x.shape == y.shape else y": "with stride 2 the shapes differ, for sides above 1",
    },
    "round_channels": {
        "nearest = (channels + divisor / 2) // divisor * divisor": "the same number as a float",
        "nearest = int((channels + divisor / 2) / divisor) * divisor": "of positive numbers int is the floor",
        "nearest = max(nearest, divisor)": "the larger of two, in whichever order",
        "if nearest <= 0.9 * channels:": "no float times 0.9 is a multiple of the divisor here",
    },
    "not_dominated": {},
    "design_stages": {
        "stride = 2 if jump < 3 else 1": "the jump is 1, 2 or 4",
        "if stride != 2:": "other widths within the budgets: as right a design",
        "if stride == 3:": "narrower blocks, within the budgets: as right a design",
        "if stride == 1:": "other widths within the budgets: as right a design",
        "width = min(2 * width, channels)": "the smaller of two, in whichever order",
        "width = min(channels, 2 + width)": "narrower blocks, within the budgets: as right a design",
        "width = min(channels, 2)": "narrower blocks, within the budgets: as right a design",
        "width = min(channels, width)": "narrower blocks, within the budgets: as right a design",
        "width = min(channels, 1 * width)": "narrower blocks, within the budgets: as right a design",
        "return rows": "a list of rows is taken as an array",
    },
}
