"""Week 5, `video`: breaks that leave the function as it was."""

SAME = {
    "closest_block": {
        "U, s, V = np.linalg.svd(matrix)": "only the first M columns and rows are used",
        "U, s, V = np.linalg.svd(matrix, full_matrices=True)": "only the first M columns and rows are used",
    },
    "two_costs": {
        "T_out, H_out, W_out = [(n + stride - 1) // stride for n in (T, W, H)]": "only the product H' W' counts",
        "return [full, space + time]": "a list of the same numbers",
    },
    "video_layer": {
        "y += a[:, None, s, None, None] * padded[:, :, s:s + T]": "the axis of length 1 stands on either side",
    },
    "direction_kernel": {
        "frames, places = (np.arange(n)[None, :], np.arange(t)[:, None])":
            "for velocities of 1 and −1 frames and places take each other's part: u − vτ = −v (τ − vu)",
        "frames, places = (np.arange(t)[:, None], np.arange(n))": "NumPy puts the axis in front itself",
        "wave = np.sin(np.pi / 2 * (places - velocity * frames))": "the wave a quarter of a period on: another design",
        "wave = np.cos(places - velocity * frames)": "a longer wave: another design",
        "wave = np.cos(2 * (places - velocity * frames))": "a shorter wave: another design",
        "wave = np.cos(np.pi / 3 * (places - velocity * frames))": "a longer wave: another design",
        "wave = np.cos(np.pi / 2 * (velocity * frames - places))": "a cosine is even",
    },
}
