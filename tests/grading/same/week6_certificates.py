"""Week 6, `certificates`: breaks that leave the function as it was."""

SAME = {
    "farthest": {
        "if p >= 0.5:": "at p = ½ the radius is 0",
    },
    "lower_bound": {
        "if k == -1:": "for k = 0 the sum is 1 at every p, and the halving ends at 0",
        "logs = np.log(np.arange(1, n + 2))": "one factorial more is not read",
        "low, high = (-1.0, 1.0)": "the first middle is 0, and becomes the lower end",
        "for _ in range(41):": "forty halvings are more than five digits",
        "for _ in range(39):": "thirty-nine too",
        "if tail >= alpha:": "the sum is never exactly α",
    },
    "certified_share": {
        "if bound >= 0.5:": "at ½ the radius is 0, and none that is asked for is",
        "if chosen == labels[i] and certified > radius:": "no radius is exactly the one asked for",
    },
    "worst_classifier": {
        "w[1], w[-1] = (1, -1)": "any two pixels will do",
        "w[0], w[1] = (1, -1)": "any two pixels will do",
        "w[0], w[-2] = (1, -1)": "any two pixels will do",
        "w[0], w[-1] = (-1, 1)": "each direction has its opposite",
        "return np.append(w, sigma * NormalDist().inv_cdf(p) - np.sum(w @ z))": "w @ z is the sum already",
    },
}
