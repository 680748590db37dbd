"""Breaks of the answers of the notebook `dilated_and_deformable` that are the same function."""

SAME = {
    "pixels_read": {
        "places = {1}": "all places move by one; how many there are stays",
        "places = {-1}": "all places move by one; how many there are stays",
        "places = {place - rate * tap for place in places for tap in range(k)}": "the mirror image of all places",
    },
    "bilinear_sample": {
        "rows = np.maximum(1 - abs(np.arange(height) - y), 0)": "the larger of two, in whichever order",
        "rows = np.maximum(0, 1 - abs(y - np.arange(height)))": "a distance, from either end",
        "columns = np.maximum(1 - abs(np.arange(width) - x), 0)": "the larger of two, in whichever order",
        "columns = np.maximum(0, 1 - abs(x - np.arange(width)))": "a distance, from either end",
        "return columns @ (rows @ image)": "the inner product of two vectors, in whichever order",
    },
    "atrous_same": {
        f"frame = np.zeros(({height}, {width}))": "rows and columns that no tap reads"
        for height, width in [
            ("height + rate * (k_h + 1)", "width + rate * (k_w - 1)"),
            ("height + rate * k_h", "width + rate * (k_w - 1)"),
            ("height + rate * (k_h - 0)", "width + rate * (k_w - 1)"),
            ("height + rate * (k_h - 1)", "width + rate * (k_w + 1)"),
            ("height + rate * (k_h - 1)", "width + rate * k_w"),
            ("height + rate * (k_h - 1)", "width + rate * (k_w - 0)")]
    },
    "taps_inside": {
        "return np.maximum(0, size - np.abs(offsets)).sum() / size": "the larger of two, in whichever order",
    },
    "turned_offsets": {
        "offsets = np.ones((k_h, k_w, 2))": "every number is written over",
        "a, b = [u, v] - centre": "NumPy makes an array of the list",
    },
    "offset_gradient": {
        "rows, columns = (np.maximum(1 - abs(down), 0), np.maximum(0, 1 - abs(right)))":
            "the larger of two, in whichever order",
        "rows, columns = (np.maximum(0, 1 - abs(down)), np.maximum(1 - abs(right), 0))":
            "the larger of two, in whichever order",
        "by_y = columns @ (np.sign(down) * (abs(down) < 1) @ image)": "an inner product, in whichever order",
        "by_x = np.sign(right) * (abs(right) < 1) @ (rows @ image)": "an inner product, in whichever order",
        "by_y = np.sign(down) * (abs(down) <= 1) @ image @ columns":
            "a distance of 1 needs a whole y, which never comes",
        "by_x = rows @ image @ (np.sign(right) * (abs(right) <= 1))":
            "a distance of 1 needs a whole x, which never comes",
    },
}
