"""Week 2: the questions of the notebook `receptive_field`."""

import numpy as np

from ...question import Question


def _stack(rng, turn, padding=False):
    """Three or four layers (k, s, d), or (k, s, p, d); one has a stride above 1 in front of others, one a dilation."""
    depth = int(rng.integers(3, 5))
    rows = [[int(rng.integers(1, 6)), int(rng.integers(1, 4)), int(rng.integers(0, 3)), int(rng.integers(1, 4))]
            for _ in range(depth)]
    rows[0][1], rows[1][0], rows[1][3] = turn % 2 + 2, 3 + turn % 2, 2
    return tuple(tuple(row) if padding else (row[0], row[1], row[3]) for row in rows)


def _follow(layers):
    """(r, j, first) of a stack of (k, s, p, d): first is the input on which the first output's window begins."""
    r, j, first = 1, 1, 0
    for k, s, p, d in np.asarray(layers).tolist():
        first -= p * j
        r += d * (k - 1) * j
        j *= s
    return r, j, first


def _padded(layers):
    return [(k, s, 0, d) for k, s, d in np.asarray(layers).tolist()]


# ---- receptive_field -------------------------------------------------------------------------------------------------

field = Question(
    "receptive_field", title="What a unit sees", points=2, kind="predict", practice=True,
    asks="Write `receptive_field(layers)`: the receptive field and the jump of a stack of layers, along one axis, as "
         "`(field, jump)`.",
    reference=lambda layers: np.array(_follow(_padded(layers))[:2]),
    cases=lambda rng, turn: (_stack(rng, turn),), tolerance=1e-9,
    minutes=12, level=1,
    text=r"""
        `layers` is a tuple of L rows `(kernel size, stride, dilation)` of integers, the first layer first. The
        receptive field is the number of inputs from the first to the last one that an output of the whole stack can
        depend on, both counted. The jump is how many inputs further the next output looks. In front of all layers both
        are 1.
    """,
    hints={
        "Where do I begin?":
            "With one layer in front of which field and jump are known. Its last tap lies d·(k − 1) places behind the "
            "first: how many inputs is that?",
        "It is right for stride 1 only":
            "Neighbouring places of a map are a jump apart in the input. Which jump: that in front of the layer, or "
            "that behind it?",
    },
)


@field.solution
def receptive_field(layers):
    """L rows of k, s, d  →  (field, jump)"""
    r, j = 1, 1
    for k, s, d in layers:
        r = r + d * (k - 1) * j
        j = j * s
    return r, j


def _loop(step, start=(1, 1)):
    def answer(layers):
        r, j = start
        for k, s, d in np.asarray(layers).tolist():
            r, j = step(r, j, k, s, d)
        return r, j
    return answer


field.mistake("the jump is updated first",
              hint="The taps of a layer lie on the map in front of it: use the jump before it is multiplied by this "
                   "layer's stride.")(_loop(lambda r, j, k, s, d: (r + d * (k - 1) * j * s, j * s)))
field.mistake("the strides are forgotten", hint="Behind a stride, a step of one place is a step of several inputs: "
                                                "multiply d·(k − 1) by the jump.")(
    _loop(lambda r, j, k, s, d: (r + d * (k - 1), j * s)))
field.mistake("the recursion runs the wrong way",
              hint="From the first layer to the last, add d·(k − 1)·j, where j is the product of the strides before. "
                   "From the last to the first it is another rule: (r − 1)·s + d·(k − 1) + 1, without a jump.")(
    _loop(lambda r, j, k, s, d: (r * s + d * (k - 1) + 1 - s, j * s)))
field.mistake("the dilation is forgotten", hint="Neighbouring taps are d places apart.")(
    _loop(lambda r, j, k, s, d: (r + (k - 1) * j, j * s)))
field.mistake("the window is d·k long", hint="k taps have k − 1 gaps between them: d·(k − 1).")(
    _loop(lambda r, j, k, s, d: (r + (d * k - 1) * j, j * s)))
field.mistake("k for k − 1", hint="The first tap adds nothing: d·(k − 1)·j.")(
    _loop(lambda r, j, k, s, d: (r + d * k * j, j * s)))
field.mistake("the dilation enters the jump",
              hint="Dilation spreads the taps of one output. The next output is a stride further: j·s.")(
    _loop(lambda r, j, k, s, d: (r + d * (k - 1) * j, j * s * d)))
field.mistake("the strides are added", hint="Strides multiply: two layers of stride 2 have a jump of 4, three of 8.")(
    _loop(lambda r, j, k, s, d: (r + d * (k - 1) * j, j + s)))
field.mistake("it begins with a field of 0", hint="In front of all layers a unit sees one input: itself.")(
    _loop(lambda r, j, k, s, d: (r + d * (k - 1) * j, j * s), (0, 1)))
field.mistake("the jump stays 1", hint="Each layer multiplies the jump by its stride.")(
    _loop(lambda r, j, k, s, d: (r + d * (k - 1) * j, 1)))
field.mistake("only the last stride is left", hint="The jump is the product of all strides.")(
    _loop(lambda r, j, k, s, d: (r + d * (k - 1) * j, s)))
field.mistake("field and jump are exchanged", hint="The field comes first.")(
    lambda layers: field.reference(layers)[::-1])
field.mistake("only the last layer is counted", hint="Each layer adds to the field: go through all of them.")(
    _loop(lambda r, j, k, s, d: (1 + d * (k - 1) * j, j * s)))


field.mistake("this layer's stride in place of the jump",
              hint="Neighbours of the map in front are as far apart as all strides before make them: their product.")(
    _loop(lambda r, j, k, s, d: (r + d * (k - 1) * s, j * s)))
field.mistake("dilation and kernel are added", hint="Each of the k − 1 gaps is d long: d·(k − 1), not k + d − 2.")(
    _loop(lambda r, j, k, s, d: (r + (k + d - 2) * j, j * s)))
field.mistake("the whole window is added",
              hint="A window of d·(k − 1) + 1 places adds d·(k − 1) of them: the first one is there already.")(
    _loop(lambda r, j, k, s, d: (r + (d * (k - 1) + 1) * j, j * s)))
field.mistake("half of the kernel on both sides",
              hint="For an even k, ⌊k/2⌋ on both sides is one gap too many: k − 1.")(
    _loop(lambda r, j, k, s, d: (r + 2 * d * (k // 2) * j, j * s)))
field.mistake("the windows are multiplied", hint="Each layer adds to the field; only strides are multiplied.")(
    _loop(lambda r, j, k, s, d: (r * (d * (k - 1) + 1), j * s)))


@field.mistake("the jump of the whole stack in every layer",
               hint="A layer's taps are as far apart as the strides *before* it make them, not all of them.")
def _(layers):
    (_, jump), (seen_, _) = field.reference(layers), _loop(lambda r, j, k, s, d: (r + d * (k - 1), j))(layers)
    return 1 + (seen_ - 1) * jump, jump


@field.accepted("from the last layer to the first")
def _(layers):
    r = 1
    for k, s, d in layers[::-1]:
        r = (r - 1) * s + d * (k - 1) + 1
    return r, np.prod([s for _, s, _ in layers])


@field.accepted("as a sum over the layers")
def _(layers):
    k, s, d = np.array(layers).T
    jumps = np.concatenate([[1], np.cumprod(s)])
    return [1 + np.sum(d * (k - 1) * jumps[:-1]), jumps[-1]]


# ---- first_centre ----------------------------------------------------------------------------------------------------

centre = Question(
    "first_centre", title="Where the first unit looks", points=1, kind="predict", practice=True,
    asks="Write `first_centre(layers)`: the place in the input on which the window of the first output is centred.",
    reference=lambda layers: _follow(layers)[2] + (_follow(layers)[0] - 1) / 2,
    cases=lambda rng, turn: (_stack(rng, turn, True),), tolerance=1e-9,
    minutes=10, level=2,
    text=r"""
        `layers` is a tuple of rows `(kernel size, stride, padding, dilation)`. Input a has its centre at a;
        padding stands before place 0. For one layer the window of the first output begins at −p and ends at
        −p + d·(k − 1), and its centre lies in the middle, which can be a half. Return one number.
    """,
    hints={
        "How do I go on behind the first layer?":
            "Behind each layer the first unit looks (d·(k − 1)/2 − p) places further, places of the map in front of "
            "it. How far apart are these in the input?",
        "It is wrong by a half now and then":
            "An even window has its centre between two places: divide by / 2, not by // 2.",
    },
)


@centre.solution
def first_centre(layers):
    """rows of k, s, p, d  →  a number"""
    place, j = 0.0, 1
    for k, s, p, d in layers:
        place = place + (d * (k - 1) / 2 - p) * j
        j = j * s
    return place


def _centre(step):
    def answer(layers):
        place, j = 0.0, 1
        for k, s, p, d in np.asarray(layers).tolist():
            place, j = place + step(k, s, p, d) * j, j * s
        return place
    return answer


centre.mistake("the dilation is forgotten", hint="Half of the window is d·(k − 1)/2.")(
    _centre(lambda k, s, p, d: (k - 1) / 2 - p))
centre.mistake("the padding is forgotten", hint="Padding lets the first window begin before the input: − p.")(
    _centre(lambda k, s, p, d: d * (k - 1) / 2))
centre.mistake("the padding is added", hint="Padding moves the first window to the left: − p.")(
    _centre(lambda k, s, p, d: d * (k - 1) / 2 + p))
centre.mistake("the halves are lost", hint="An even window has its centre between two places: / 2, not // 2.")(
    _centre(lambda k, s, p, d: d * (k - 1) // 2 - p))
centre.mistake("the place where the window begins", hint="The centre lies half a window further.")(
    _centre(lambda k, s, p, d: -p))
centre.mistake("the place where the window ends", hint="The centre lies half a window before its end.")(
    _centre(lambda k, s, p, d: d * (k - 1) - p))
centre.mistake("d·k for d·(k − 1)", hint="k taps have k − 1 gaps between them.")(
    _centre(lambda k, s, p, d: d * k / 2 - p))


@centre.mistake("the jump is updated first", hint="Taps and padding lie on the map in front of the layer: use the jump "
                                                  "before this layer's stride.")
def _(layers):
    place, j = 0.0, 1
    for k, s, p, d in layers:
        j *= s
        place += (d * (k - 1) / 2 - p) * j
    return place


@centre.mistake("the strides are forgotten", hint="A place of a later map is a jump of several inputs.")
def _(layers):
    return sum(d * (k - 1) / 2 - p for k, s, p, d in layers)


@centre.mistake("the sign is reversed", hint="Half a window further, minus the padding.")
def _(layers):
    return -centre.reference(layers)


@centre.mistake("only the last layer is counted", hint="Each layer moves the centre: go through all of them.")
def _(layers):
    k, s, p, d = layers[-1]
    return (d * (k - 1) / 2 - p) * np.prod([row[1] for row in layers[:-1]])


centre.mistake("the padding is multiplied by the dilation",
               hint="Dilation spreads the taps. Padding is p places wide.")(
    _centre(lambda k, s, p, d: d * (k - 1) / 2 - p * d))
centre.mistake("half of the padding", hint="The window begins p places before the input, and its centre with it: − p.")(
    _centre(lambda k, s, p, d: (d * (k - 1) - p) / 2))
centre.mistake("the padding counts twice", hint="Only the padding in front moves the first window: − p.")(
    _centre(lambda k, s, p, d: d * (k - 1) / 2 - 2 * p))
centre.mistake("⌊k/2⌋ for (k − 1)/2",
               hint="That is the same for odd k only: k taps have k − 1 gaps, and half of them is (k − 1)/2.")(
    _centre(lambda k, s, p, d: d * (k // 2) - p))


@centre.mistake("the padding is not multiplied by the jump",
                hint="Padding stands on the map in front of the layer, where a place is a jump of inputs.")
def _(layers):
    place, j = 0.0, 1
    for k, s, p, d in layers:
        place, j = place + d * (k - 1) / 2 * j - p, j * s
    return place


@centre.mistake("a place before the input is moved to 0",
                hint="With much padding the centre lies before the input, and the number is negative.")
def _(layers):
    return max(centre.reference(layers), 0)


@centre.mistake("the last layer's rule is used from the first on",
                hint="place·s is for going from the last layer to the first. From the first on, multiply by the jump.")
def _(layers):
    place = 0.0
    for k, s, p, d in layers:
        place = place * s + d * (k - 1) / 2 - p
    return place


@centre.mistake("rounded at the end", hint="A centre between two inputs is a half: do not round.")
def _(layers):
    return round(centre.reference(layers))


@centre.accepted("from the last layer to the first")
def _(layers):
    place = 0.0
    for k, s, p, d in layers[::-1]:
        place = place * s - p + d * (k - 1) / 2
    return place


@centre.accepted("the middle between the first and the last input")
def _(layers):
    first = last = 0
    for k, s, p, d in layers[::-1]:
        first, last = s * first - p, s * last - p + d * (k - 1)
    return (first + last) / 2


# ---- inputs_seen -----------------------------------------------------------------------------------------------------

def _seen(layers, i):
    r, j, first = _follow(layers)
    return np.array([first + i * j, first + i * j + r - 1])


seen = Question(
    "inputs_seen", title="From which input to which?", points=2, kind="mend",
    asks="Mend `inputs_seen(layers, i)`: the first and the last input that output i of a stack can depend on, as "
         "`(first, last)`.",
    reference=_seen,
    cases=lambda rng, turn: (_stack(rng, turn, True), int(rng.integers(0, 6))), tolerance=1e-9,
    minutes=15, level=2,
    text=r"""
        `layers` is a tuple of rows `(kernel size, stride, padding, dilation)`, the first layer first. Inputs
        and outputs are counted from 0; places in the padding count as well, so `first` can be negative, and `last` may
        lie behind the input. The function goes from the output back to the input, layer by layer. Without padding and
        with stride 1 it is right.
    """,
    hints={
        "Where do I look?":
            "Take one layer with stride 2 and padding 1. Which place does the first tap of output 3 read?",
        "The first is right and the last is not":
            "The last tap lies d·(k − 1) places behind the first, in the same map.",
    },
)


@seen.solution
def inputs_seen(layers, i):
    """rows of k, s, p, d, int  →  (first, last)"""
    first = last = i
    for k, s, p, d in layers[::-1]:
        first = first * s - p
        last = last * s - p + d * (k - 1)
    return first, last


@seen.given("the padding is multiplied by the stride",
            hint="Output 0 begins at −p, and each further output a stride later: i·s − p. The brackets around i − p "
                 "give s·i − s·p.")
def _(layers, i):
    first = last = i
    for k, s, p, d in layers[::-1]:
        first = (first - p) * s
        last = (last - p) * s + d * (k - 1)
    return first, last


def _back(step, order=-1):
    def answer(layers, i):
        first = last = i
        for k, s, p, d in np.asarray(layers)[::order].tolist():
            first, last = step(first, last, k, s, p, d)
        return first, last
    return answer


seen.mistake("the layers are taken from the first on",
             hint="From an output back to the input the last layer comes first: layers[::-1].")(
    _back(lambda a, b, k, s, p, d: (a * s - p, b * s - p + d * (k - 1)), 1))
seen.mistake("the padding is forgotten", hint="Output 0 begins at −p.")(
    _back(lambda a, b, k, s, p, d: (a * s, b * s + d * (k - 1))))
seen.mistake("the padding is added", hint="Padding stands before the input: − p.")(
    _back(lambda a, b, k, s, p, d: (a * s + p, b * s + p + d * (k - 1))))
seen.mistake("the padding makes the field larger", hint="Padding moves both ends to the left by p.")(
    _back(lambda a, b, k, s, p, d: (a * s - p, b * s + p + d * (k - 1))))
seen.mistake("the padding moves the first end only", hint="Padding moves both ends to the left by p.")(
    _back(lambda a, b, k, s, p, d: (a * s - p, b * s + d * (k - 1))))
seen.mistake("the dilation is forgotten", hint="The last tap lies d·(k − 1) places behind the first.")(
    _back(lambda a, b, k, s, p, d: (a * s - p, b * s - p + k - 1)))
seen.mistake("the last lies one behind", hint="k taps have k − 1 gaps: the last one lies d·(k − 1) further.")(
    _back(lambda a, b, k, s, p, d: (a * s - p, b * s - p + d * k)))
seen.mistake("the strides are forgotten", hint="Output i begins s·i places after output 0.")(
    _back(lambda a, b, k, s, p, d: (a - p, b - p + d * (k - 1))))
seen.mistake("the dilation is multiplied by the stride", hint="The gaps between taps do not depend on the stride.")(
    _back(lambda a, b, k, s, p, d: (a * s - p, (b + d * (k - 1)) * s - p)))
seen.mistake("first and last are exchanged", hint="The smaller one comes first.")(
    lambda layers, i: _seen(layers, i)[::-1])
seen.mistake("the last is not counted", hint="The last input that is read is asked for, not the one behind it.")(
    lambda layers, i: _seen(layers, i) + [0, 1])
seen.mistake("both ends are the first", hint="The last tap lies d·(k − 1) places behind the first.")(
    lambda layers, i: _seen(layers, i)[[0, 0]])
seen.mistake("the gaps are subtracted", hint="The last tap lies behind the first: + d·(k − 1).")(
    _back(lambda a, b, k, s, p, d: (a * s - p, b * s - p - d * (k - 1))))
seen.mistake("dilation and kernel are added", hint="Each of the k − 1 gaps is d long.")(
    _back(lambda a, b, k, s, p, d: (a * s - p, b * s - p + d + k - 1)))
seen.mistake("only the padding of the first end is right",
             hint="Padding moves both ends to the left by p, not by p·s.")(
    _back(lambda a, b, k, s, p, d: (a * s - p, (b - p) * s + d * (k - 1))))
seen.mistake("padding multiplies", hint="i·s − p: the padding is subtracted.")(
    _back(lambda a, b, k, s, p, d: (a * s * p, b * s * p + d * (k - 1))))


seen.mistake("k·d − 1 for d·(k − 1)", hint="k taps have k − 1 gaps of d: the last one lies d·(k − 1) further.")(
    _back(lambda a, b, k, s, p, d: (a * s - p, b * s - p + d * k - 1)))
seen.mistake("the last goes on from the first",
             hint="The last input goes back layer by layer from the last place that is read, not from the first.")(
    _back(lambda a, b, k, s, p, d: (a * s - p, a * s - p + d * (k - 1))))
seen.mistake("the last goes on from the first that is new",
             hint="`first` has its new value when `last` is computed from it. And last goes on from last.")(
    _back(lambda a, b, k, s, p, d: (a * s - p, (a * s - p) * s - p + d * (k - 1))))
seen.mistake("only the padding of the last end is right", hint="Padding moves both ends to the left by p, not by p·s.")(
    _back(lambda a, b, k, s, p, d: ((a - p) * s, b * s - p + d * (k - 1))))
seen.mistake("the padding is mended, and multiplied by the dilation", hint="Padding is p places wide, without d.")(
    _back(lambda a, b, k, s, p, d: (a * s - p * d, b * s - p * d + d * (k - 1))))
seen.mistake("places before the input are cut off",
             hint="Places in the padding count as well: `first` can be negative.")(
    lambda layers, i: np.maximum(_seen(layers, i), 0))
seen.mistake("the width in place of the last", hint="Where the last input lies is asked for, not how many there are.")(
    lambda layers, i: _seen(layers, i) @ [[1, -1], [0, 1]] + [0, 1])


@seen.accepted("by field, jump and beginning")
def _(layers, i):
    return _seen(layers, i)


@seen.accepted("all places that are read")
def _(layers, i):
    places = np.array([i])
    for k, s, p, d in layers[::-1]:
        places = np.unique(places[:, None] * s - p + d * np.arange(k))
    return [places.min(), places.max()]


# ---- design_stack ----------------------------------------------------------------------------------------------------

def _reach(field_, jump):
    rows, r, d = [], 1, 1
    for number in range(int(np.log2(jump))):
        rows.append((3, 2, 1))
        r += 2 * 2**number
    while r < field_:
        rows.append((3, 1, min(d, -(-(field_ - r) // (2 * jump)))))
        r, d = r + 2 * d * jump, 3 * d
    return np.array(rows)


def _stack_case(rng, turn):
    """Half of the fields are one that some layers just reach, or one more: there a layer too many breaks the budget."""
    jump = int(rng.choice([2, 4]))
    edges = [r for m in range(2, 5) if 12 < (r := 2 * jump - 1 + jump * (3**m - 1)) < 120]
    field_ = int(rng.choice(edges)) + turn // 2 % 2 if turn % 2 else int(rng.integers(40, 120))
    return field_, jump, int(_reach(field_, jump)[:, 0].sum())


def _stack_properties(rows, field_, jump, taps):
    if rows.ndim != 2 or rows.shape[1] != 3 or not 1 <= len(rows) <= 12:
        raise ValueError("the answer must have a row of 3 numbers for each layer, and 1 to 12 layers; its shape is "
                         f"{rows.shape}")
    if not np.array_equal(rows, np.round(rows)) or rows.min() < 1 or rows.max() > 200:
        raise ValueError("the numbers must be whole, from 1 to 200")
    rows = rows.astype(np.int64)
    r, j, _ = _follow(_padded(rows))
    places = np.zeros(1, int)
    for k, s, d in rows[::-1].tolist():
        places = np.unique(places[:, None] * s + d * np.arange(k))
        if len(places) > 5000:
            raise ValueError("the receptive field must not be larger than 5000")
    return {"the field is large enough": float(r >= field_), "the jump is as asked": float(j == jump),
            "the taps are within the budget": float(rows[:, 0].sum() <= taps),
            "every input of the field is read": float(len(places) == r)}


design = Question(
    "design_stack", title="See far with few taps", points=3, kind="design",
    asks="Design `design_stack(field, jump, taps)`: layers whose output sees at least `field` inputs, all of them, at "
         "a jump of exactly `jump`, with at most `taps` taps in all.",
    reference=lambda field_, jump, taps: _reach(field_, jump), cases=_stack_case, measure=_stack_properties,
    minutes=25, level=3,
    text=r"""
        Along one axis. Return an array with a row (kernel size, stride, dilation) for each layer, the first one first.
        `taps` is the sum of all kernel sizes that you may use; `jump` is 2 or 4. Every input between the first and the
        last of the field must be read: no holes. Any such layers are right; there may be at most 12.
    """,
    hints={
        "Too many taps":
            "Three taps more can triple what is seen, if they are far enough apart. Which dilation is the largest that "
            "leaves no hole behind a layer of dilation 1?",
        "There are holes":
            "A layer of dilation d reads places that are d apart. Whatever lies in front of it must see at least d "
            "places of the same map without a gap.",
    },
)


@design.solution
def design_stack(field, jump, taps):
    """→ (number of layers, 3): kernel size, stride, dilation"""
    layers, seen, distance, dilation = [], 1, 1, 1
    while distance < jump:
        layers.append((3, 2, 1))
        seen += 2 * distance
        distance *= 2
    while seen < field:
        layers.append((3, 1, dilation))
        seen += 2 * dilation * distance
        dilation *= 3
    return np.array(layers)


def _but(change):
    """The reference, changed in one way."""
    def answer(field_, jump, taps):
        rows = _reach(field_, jump)
        return change(rows, int(np.log2(jump)))
    return answer


design.mistake("the field is too small", hint="Each layer adds d·(k − 1)·jump. Add layers until it is enough.")(
    _but(lambda rows, strided: rows[:-1]))
design.mistake("too many taps", hint="Layers without dilation add 2·jump each. Spread the taps of the later ones.")(
    _but(lambda rows, strided: np.vstack([rows, [(3, 1, 1)]])))
design.mistake("another jump", hint="The jump is the product of all strides: exactly `jump`.")(
    _but(lambda rows, strided: np.vstack([rows[:-1], rows[-1:] + [0, 1, 0]])))
design.mistake("there are holes", hint="A dilation must not be larger than what is seen without a gap in front of it.")(
    _but(lambda rows, strided: np.vstack([rows[:-1], rows[-1:] + [0, 0, 60]])))
design.mistake("another jump, and holes",
               hint="Take strides of 2 up to the jump, then dilations 1, 3, 9.")(
    _but(lambda rows, strided: np.vstack([rows[:-1], rows[-1:] + [0, 1, 60]])))
design.mistake("the field is too small, with another jump",
               hint="Take strides of 2 up to the jump, then add dilated layers until the field is large enough.")(
    _but(lambda rows, strided: np.array([(3, 2, 1)] * 3)))
design.mistake("too many taps, and holes",
               hint="Three taps in a layer are enough, and dilations 1, 3, 9 leave no holes.")(
    _but(lambda rows, strided: np.vstack([rows, [(3, 1, 90)]])))
design.mistake("the field is too small, and has holes",
               hint="A dilation must not be larger than what is seen without a gap in front of it.")(
    _but(lambda rows, strided: np.array([(2, 1, 5)])))


def _planned(add=lambda dilation, distance: 2 * dilation * distance, grow=lambda dilation: 3 * dilation, more=0):
    """The answer of the solution, with another count of what is seen, other dilations, or a larger field."""
    def answer(field_, jump, taps):
        layers, seen_, distance, dilation = [], 1, 1, 1
        while distance < jump:
            layers.append((3, 2, 1))
            seen_ += 2 * distance
            distance *= 2
        while seen_ < field_ + more:
            layers.append((3, 1, dilation))
            seen_ += add(dilation, distance)
            dilation = grow(dilation)
        return layers
    return answer


# of a design only its properties are seen: the names say in which cases which of them are missed, the hints why
design.mistake("too many taps where the field is just reached",
               hint="Count from the one input that a unit sees of itself. A strided layer of three taps adds "
                    "2·distance, one of two taps only distance. Stop as soon as `field` is reached.")(_planned(more=1))
design.mistake("too many taps in most cases",
               hint="A layer of three taps adds 2·dilation·jump, and behind a layer of dilation 1 the next dilation "
                    "may be larger than 2 without a hole. Which is the largest?")(
    _planned(grow=lambda dilation: 2 * dilation))
design.mistake("too many taps in nearly all cases",
               hint="Behind strides a step of one place is a step of `jump` inputs: a layer adds 2·dilation·jump, so "
                    "fewer layers are enough.")(_planned(add=lambda dilation, distance: 2 * dilation))
design.mistake("the field is too small now and then",
               hint="Three taps have two gaps between them: a layer adds 2·dilation·jump, and the jump doubles with "
                    "each stride of 2.")(_planned(add=lambda dilation, distance: 3 * dilation * distance))


@design.accepted("the dilated layers in another order")
def _(field_, jump, taps):
    rows, strided = _reach(field_, jump), int(np.log2(jump))
    return [*rows[:strided].tolist(), *rows[strided:][::-1].tolist()]


@design.accepted("dilations 1, 3, 9, however much is seen")
def _(field_, jump, taps):
    rows = _reach(field_, jump)
    for number in range(int(np.log2(jump)), len(rows)):
        rows[number, 2] = 3 ** (number - int(np.log2(jump)))
    return rows


QUESTIONS = [field, centre, seen, design]
