"""Breaks of the answers of the notebook `segmentation` that are the same function, or a design as good."""

_ORDER = "the sum over two axes does not ask for their order"
_BOTH = "what is in both masks, or in one of them, does not ask which is the first"

SAME = {
    "soft_dice": {
        "both = np.sum(p * t, axis=(2, 1))": _ORDER,
        "total = np.sum(p + t, axis=(2, 1))": _ORDER,
    },
    "valid_unet_side": {
        "side = side / 2": "the side is divisible here, and the same number as a float",
    },
    "focal_map": {
        "right = np.take_along_axis(log_p, target[None], axis=0)[-1]": "the axis has one place",
    },
    "dataset_miou": {
        "p = known & (predicted == c)": _BOTH,
        "union = np.sum(t | p)": _BOTH,
        "scores.append(np.sum(t & p) / union)": _BOTH,
    },
    "up_and_join": {},
    "focal_settings": {
        "least = np.log(ratio / easy) / np.log(6)": "a little smaller gamma, within what is allowed: as right a design",
        "return [alpha, (least + most) / 2]": "a list of two numbers is taken as an array",
    },
}
