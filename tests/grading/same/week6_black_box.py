"""Week 6, `black_box`: breaks that leave the function as it was."""

SAME = {
    "success_within": {
        "won = queries[(fooled == 1) & (right == 1)]": "`and` has no order",
        "return [np.sum(won <= budget) for budget in budgets] / sum(right)": "a list over a NumPy number is an array",
    },
    "square_search": {
        "logits = np.tensordot(weight, image)": "two axes are what tensordot sums over if it is not told",
        "best, lowest, queries = (x, margin(x), 1)": "best is copied before it is changed",
        "for (top, left, side), sign in zip(squares, signs):": "squares and signs are equally many",
        "for (top, left, side), sign in zip(squares, signs, strict=False):": "squares and signs are equally many",
        "proposed[rows, columns] = np.clip(0, x[rows, columns] + sign * eps, 1)":
            "the larger of 0 and the value, and of that and 1 the smaller: in either order",
        "return np.append(best, queries)": "append makes both flat",
    },
    "probes": {
        "u = np.block([[u, -u], [u, u]])": "signs of columns: still at right angles",
        "u = np.block([[u, u], [-u, u]])": "signs of rows: still at right angles",
    },
}
