"""Breaks of the answers of the notebook `diffusion` that are the same function."""

_CLIP = "a number is clipped to an interval in whichever order its bounds come"
_STRICT = "both are of one length"
_DESIGN = "another schedule with the wanted properties"

SAME = {
    "deterministic_step": {
        "image = np.clip(-1, image, 1)": _CLIP,
    },
    "end_of_the_chain": {
        "even = 1 + np.argmax(signal < 1 - signal)": "no ᾱ is one half exactly",
    },
    "few_steps": {
        "for t, s in zip(times, following):": _STRICT,
        "for t, s in zip(times, following, strict=False):": _STRICT,
        "image = np.clip(-1, (x - np.sqrt(1 - a) * noise) / np.sqrt(a), 1)": _CLIP,
    },
    "smooth_schedule": {
        "log = np.linspace(ratio(first), ratio(last) - 0.1, steps)": _DESIGN,
        "log = np.linspace(ratio(first) + 1.1, ratio(last) - 0.1, steps)": _DESIGN,
        "log = np.linspace(ratio(first) + 0.1, ratio(last), steps)": _DESIGN,
        "log = np.linspace(ratio(first) + 0.1, ratio(last) - 1.1, steps)": _DESIGN,
    },
}
