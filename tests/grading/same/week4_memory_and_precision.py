"""Week 4, `memory_and_precision`: breaks that leave the function as it was, or a design as good."""

ANY_ORDER = "a product, or the larger of two, has no order"
ONE_LENGTH = "both are of one length"
LEAST = "the peak is a sum of bytes and always larger"

SAME = {
    "accumulate": {
        "for grad, size in zip(sizes, grads, strict=True):": ANY_ORDER,
        "for grad, size in zip(grads, sizes):": ONE_LENGTH,
        "for grad, size in zip(grads, sizes, strict=False):": ONE_LENGTH,
    },
    "peak_kept": {
        "kept, peak = (0, 1)": LEAST,
        "kept, peak = (0, -1)": LEAST,
        "for s, e in zip(starts, [*starts[1:], len(sizes)]):": ONE_LENGTH,
        "for s, e in zip(starts, [*starts[1:], len(sizes)], strict=False):": ONE_LENGTH,
        "peak = max(kept + sum(sizes[s + 1:e]), peak)": ANY_ORDER,
    },
    "round_bfloat16": {
        "last = 1 & bits >> 16": "a bitwise and has no order",
        "bits = 4294901760 & bits + 32767 + last": "a bitwise and has no order",
        "bits = bits + 32767 + last & 4294901761": "keeps the lowest of 24 bits, 10⁻⁷ of the number",
    },
    "loss_scale": {
        "most = 65505 / np.abs(g).max()": "the same power of two below it",
        "most = 65503 / np.abs(g).max()": "the same power of two below it",
    },
    "place_checkpoints": {
        "for e in range(2, len(sizes)):": "layer 1 is kept in either case: a checkpoint there gains nothing",
        "for e in range(0, len(sizes)):": "layer 0 twice costs more than once, and is never chosen",
    },
    "mixed_steps": {
        "if norm >= limit:": "at the limit it is multiplied by 1",
    },
}
