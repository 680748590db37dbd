"""Breaks of the answers of the notebook `resnet_densenet` that are the same function, or a design as good."""

_LARGER = "the larger of two numbers does not know their order"

SAME = {
    "residual_sum": {
        "return np.maximum(0, branch + shortcut)": _LARGER,
    },
    "dense_block": {
        "new = np.einsum('oc,nchw->nohw', kernel[:, :given], np.maximum(0, x))": _LARGER,
    },
    "preact_block": {
        "branch = np.maximum(0, branch)": _LARGER,
    },
    "branch_scales": {
        "branch = v[l] @ np.maximum(0, w[l] @ x)": _LARGER,
        "return scales": "a list of numbers is taken as an array",
    },
}
