"""Week 4: the questions of the notebook `build_autograd`."""

import numpy as np

from ...question import Question
from ..cases import numbers

# ---- users_first -----------------------------------------------------------------------------------------------------

def _walk(parents, last, seen=None):
    """The nodes under `last`, each after those that it was made of; without recursion."""
    order, seen, stack = [], set(), [(last, False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(parent, False) for parent in parents[node]]
    return order


def _order_properties(answer, parents, last):
    """How far a list is from an order in which users come first."""
    if answer.ndim != 1:
        raise ValueError(f"the answer must be a list of nodes, its shape is {answer.shape}")
    order = [int(node) for node in answer]
    if not np.array_equal(order, answer):
        raise ValueError("the answer must be a list of ints, the numbers of nodes")
    wanted = set(_walk(parents, last))
    places = {}
    for place, node in enumerate(order):
        places.setdefault(node, place)
    early = sum(places[parent] < places[node] for node in wanted for parent in set(parents[node])
                if node in places and parent in places)
    return {"nodes that are missing": float(len(wanted - set(order))),
            "nodes that stand there twice": float(len(order) - len(set(order))),
            "nodes that do not belong there": float(len(set(order) - wanted)),
            "parents that stand before one of their users": float(early)}


def _renumbered(rng, parents, last):
    """The same graph with its nodes numbered in no order."""
    new = rng.permutation(len(parents))
    graph = [[] for _ in parents]
    for node, sources in enumerate(parents):
        graph[new[node]] = [int(new[source]) for source in sources]
    return graph, int(new[last])


def _order_cases(rng, turn):
    """Stacks of diamonds, and random graphs; with nodes that the last one does not need."""
    if turn % 3 == 0:                                        # diamonds with a short and a long side
        parents = [()]
        for _ in range(2 + turn % 4):
            top = len(parents) - 1
            parents += [(top,), (top + 1,), (top + 2, *(top,) * (1 + turn % 2))]      # in odd turns used twice at once
        parents.append((len(parents) - 1, len(parents) - 1))
        last = len(parents) - 1
        parents += [(last,), (0, last)]                      # users of the last one, and of the first
        return _renumbered(rng, parents, last)
    size = 6 + turn % 5
    parents = [(), ()]
    for node in range(2, size):
        near, far = node - 1, int(rng.integers(0, node))
        parents.append((near, far) if rng.random() < 0.5 else (far, near))
    return _renumbered(rng, [*parents, (0, size - 1)], size - 1)


order = Question(
    "users_first", title="Users first", points=2, kind="design",
    asks="Write `users_first(parents, last)`: the nodes of a graph in an order that suits a backward pass.",
    reference=lambda parents, last: _walk(parents, last)[::-1],
    cases=_order_cases, measure=_order_properties,
    minutes=20, level=2, practice=True,
    text=r"""
        Nodes are numbers, and `parents[node]` lists the nodes that `node` was made of: none for an input, and one that
        was used twice stands there twice. Return a list that holds `last`, its parents, their parents and so on,
        **each once, and each behind all the nodes in the list that were made of it**. What `last` was not made of does
        not belong there. The numbers of the nodes say nothing about their order. Every order with these properties is
        right.
    """,
    hints={
        "Where to begin":
            "Write a node down when all that it was made of has been written down. What do you get when you read that "
            "list from its end?",
        "Without a function that calls itself":
            "Keep the nodes that are still to be visited in a list of your own, and take from its end. A long chain is "
            "no trouble then.",
        "A parent stands before one of its users":
            "A node was written down when it was first met. It has to wait until all its users are written down: put "
            "it on your list a second time, with a mark that says that its parents were seen to.",
    },
)


@order.solution
def users_first(parents, last):
    """a list for each node, a node  →  a list of nodes, `last` first"""
    order, seen, stack = [], set(), [(last, False)]
    while stack:
        node, parents_done = stack.pop()
        if parents_done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))             # back here, after these:
            stack += [(parent, False) for parent in parents[node]]
    return order[::-1]


def _met(parents, last, take, revisit=False):
    """The nodes in the order in which they are met, by taking the next one from one end of the list of those waiting"""
    order, seen, waiting = [], {last}, [last]
    while waiting and len(order) < 20_000:
        node = waiting.pop(take)
        order.append(node)
        for parent in parents[node]:
            if revisit or parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return order


@order.mistake("parents come first", hint="This is the order of the forward pass. The backward pass reads it from its "
                                          "end: users first.")
def _(parents, last):
    return _walk(parents, last)


@order.mistake("each node stands where it was first met, going deep",
               hint="A node that two others use was written down when the first of them led to it, before the other. "
                    "It has to wait for all its users.")
def _(parents, last):
    return _met(parents, last, -1)


@order.mistake("each node stands where it was first met, level by level",
               hint="The number of steps from the end is not enough: a short way and a long way may lead to the same "
                    "node, which has to wait for the long one.")
def _(parents, last):
    return _met(parents, last, 0)


@order.mistake("a node stands there once for every way that leads to it",
               hint="Remember which nodes you have seen. The number of ways doubles with every diamond.")
def _(parents, last):
    return _met(parents, last, -1, revisit=True)


@order.mistake("the nodes stand in the order of their numbers",
               hint="Here the numbers say nothing: follow `parents` from `last`.")
def _(parents, last):
    return list(range(len(parents)))


@order.mistake("the nodes stand in the reverse order of their numbers",
               hint="Here the numbers say nothing: follow `parents` from `last`.")
def _(parents, last):
    return list(range(len(parents)))[::-1]


@order.mistake("only the last node is there", hint="Are its parents put on the list of what is still to be visited?")
def _(parents, last):
    return [last]


@order.mistake("only the last node and its parents are there", hint="Their parents belong there too, and so on.")
def _(parents, last):
    return [last, *parents[last]]


@order.mistake("the last node is missing", hint="The order begins with `last`.")
def _(parents, last):
    return _walk(parents, last)[-2::-1]


@order.mistake("the inputs are missing", hint="An input has no parents, but it belongs into the list: it is what the "
                                              "gradients are wanted for.")
def _(parents, last):
    return [node for node in _walk(parents, last)[::-1] if parents[node]]


@order.accepted("count the users, and take a node when none is left")
def _(parents, last):
    reached = set(_met(parents, last, -1))
    users = dict.fromkeys(reached, 0)
    for node in reached:
        for parent in parents[node]:
            users[parent] += 1
    ready, found = [last], []
    while ready:
        node = ready.pop()
        found.append(node)
        for parent in parents[node]:
            users[parent] -= 1
            if users[parent] == 0:
                ready.append(parent)
    return found


@order.accepted("a function that calls itself")
def _(parents, last):
    found = []

    def visit(node):
        if node not in found:
            for parent in parents[node]:
                visit(parent)
            found.append(node)
    visit(last)
    return found[::-1]


@order.accepted("sorted by the longest way from the end")
def _(parents, last):
    depth = {last: 0}
    for node in _walk(parents, last)[::-1]:
        for parent in parents[node]:
            depth[parent] = max(depth.get(parent, 0), depth[node] + 1)
    return sorted(depth, key=depth.get)


# ---- unbroadcast -----------------------------------------------------------------------------------------------------

def _copied(shape):
    return tuple(axis for axis, size in enumerate(shape) if size == 1)


def _unbroadcast(grad, shape):
    back = np.asarray(grad)
    while back.ndim > len(shape):
        back = np.add.reduce(back, 0)
    for axis in _copied(shape):
        back = np.add.reduce(back, axis, keepdims=True)
    return back


SHAPES = [((3, 4), (4,)), ((2, 3, 4), (3, 1)), ((3, 5), (3, 1)), ((2, 3, 4), (2, 1, 4)), ((4, 3), ()),
          ((2, 4, 3), (2, 4, 3)), ((3, 2, 4, 5), (2, 1, 1)), ((2, 5), (1, 5)), ((5, 4, 3), (1, 3)), ((4, 1, 3), (1, 3))]


def _unbroadcast_cases(rng, turn):
    whole, shape = SHAPES[turn % len(SHAPES)]
    return numbers(rng, whole), shape


unbroadcasting = Question(
    "unbroadcast", title="What was copied is summed", points=2,
    asks="Write `unbroadcast(grad, shape)`: the gradient of an array of this shape, which NumPy broadcast to the shape "
         "of `grad`.",
    reference=_unbroadcast, cases=_unbroadcast_cases,
    minutes=15, level=2, practice=True,
    text=r"""
        `grad` is the gradient of the broadcast array, `shape` a tuple of ints, which may be (). NumPy matches shapes
        from the last axis on. **Where an axis was missing, or had the size 1, it copied the array along that axis, and
        the gradient is the sum over the copies.** Return an array of exactly this shape. In what dimension there was
        nothing to copy, nothing changes.
    """,
    hints={
        "The number of axes is too small":
            "An axis of size 1 has to stay: `sum(axis=…, keepdims=True)`. An axis that was missing has to go.",
        "The axes do not fit":
            "Missing axes are in front: with (2, 3, 4) and (3, 1) axis 0 is new, and the axis of size 1 is the last.",
        "A tuple of axes":
            "`sum` takes several axes at once, as a tuple; with the empty tuple it sums over none.",
    },
)


@unbroadcasting.solution
def unbroadcast(grad, shape):
    """(*broadcast), a tuple  →  an array of this shape"""
    new = tuple(range(grad.ndim - len(shape)))     # they are in front
    grad = grad.sum(axis=new)
    copied = tuple(i for i, size in enumerate(shape) if size == 1)
    return grad.sum(axis=copied, keepdims=True)


@unbroadcasting.mistake("the axes of size 1 are lost", hint="They have to stay, with size 1: `keepdims=True`.")
def _(grad, shape):
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))
    return grad.sum(axis=_copied(shape))


@unbroadcasting.mistake("the missing axes stay, with size 1", hint="An axis that was missing has to go: sum without "
                                                                    "`keepdims` there.")
def _(grad, shape):
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))), keepdims=True)
    return grad.sum(axis=tuple(axis - len(shape) for axis in _copied(shape)), keepdims=True)


@unbroadcasting.mistake("only the missing axes are summed", hint="An axis of size 1 was copied as well.")
def _(grad, shape):
    return grad.sum(axis=tuple(range(grad.ndim - len(shape))))


@unbroadcasting.mistake("only the axes of size 1 are summed", hint="The axes that were missing in front were copied as "
                                                                   "well: sum over them, and let them go.")
def _(grad, shape):
    return grad.sum(axis=tuple(axis - len(shape) for axis in _copied(shape)), keepdims=True)


@unbroadcasting.mistake("it is the mean of the copies", hint="Each copy went its own way into the loss, and each way "
                                                             "counts in full: add them up.")
def _(grad, shape):
    back = _unbroadcast(grad, shape)
    return back * (back.size / grad.size)


@unbroadcasting.mistake("it is one of the copies", hint="Each copy has its part in the gradient: add them up.")
def _(grad, shape):
    grad = grad[(0,) * (grad.ndim - len(shape))]
    return grad[tuple(slice(0, 1) if size == 1 else slice(None) for size in shape)]


@unbroadcasting.mistake("it is the gradient as it came", hint="It has still the shape of the broadcast array.")
def _(grad, shape):
    return grad


@unbroadcasting.mistake("it is summed over everything", hint="Only the axes along which it was copied are summed.")
def _(grad, shape):
    return np.full(shape, grad.sum())


@unbroadcasting.mistake("the missing axes are taken from the end",
                        hint="NumPy matches shapes from the last axis on: what is missing is in front.")
def _(grad, shape):
    grad = grad.sum(axis=tuple(range(len(shape), grad.ndim)))
    return grad.sum(axis=_copied(shape), keepdims=True)


@unbroadcasting.mistake("it is summed over the axes that were not copied",
                        hint="The axes along which it was copied have the size 1 in `shape`, or are missing there.")
def _(grad, shape):
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))
    return grad.sum(axis=tuple(axis for axis, size in enumerate(shape) if size != 1), keepdims=True)


@unbroadcasting.mistake("it is summed to one number", hint="Only the axes along which it was copied are summed.")
def _(grad, shape):
    return grad.sum()


@unbroadcasting.mistake("it is summed over everything, and all axes stay",
                        hint="Only the axes along which it was copied are summed, and those that were missing go.")
def _(grad, shape):
    return grad.sum(axis=tuple(range(grad.ndim - len(shape)))).sum(keepdims=True)


@unbroadcasting.mistake("the axes of size 1 are counted in the larger array",
                        hint="Axis i of `shape` is axis i of `grad` only where none is missing in front.")
def _(grad, shape):
    return grad.sum(axis=_copied(shape), keepdims=True)


@unbroadcasting.mistake("over the missing axes it is a mean", hint="Each copy has its part in the loss: add them up.")
def _(grad, shape):
    return _unbroadcast(grad.mean(axis=tuple(range(grad.ndim - len(shape)))), shape)


@unbroadcasting.mistake("over the axes of size 1 it is a mean", hint="Each copy has its part in the loss: add them up.")
def _(grad, shape):
    return grad.sum(axis=tuple(range(grad.ndim - len(shape)))).mean(axis=_copied(shape), keepdims=True)


@unbroadcasting.accepted("the sum over all axes that differ, and a reshape")
def _(grad, shape):
    padded = (1,) * (grad.ndim - len(shape)) + tuple(shape)
    axes = tuple(axis for axis, (size, wide) in enumerate(zip(padded, grad.shape, strict=True)) if size != wide)
    return grad.sum(axis=axes).reshape(shape)


@unbroadcasting.accepted("one number after the other")
def _(grad, shape):
    out = np.zeros((1,) * (grad.ndim - len(shape)) + tuple(shape))
    for index in np.ndindex(*grad.shape):
        out[tuple(0 if size == 1 else i for i, size in zip(index, out.shape, strict=True))] += grad[index]
    return out.reshape(shape)


# ---- pick_backward ---------------------------------------------------------------------------------------------------

def _pick(grad_output, rows, factors, count, size=None):
    grad = np.zeros((count if size is None else size, grad_output.shape[1]))
    for i, row in enumerate(rows):
        grad[row] += factors[i] * grad_output[i]
    return grad


def _pick_cases(rng, turn):
    """Rows that are picked twice or more, once and never; some counted from the end."""
    count, m, d = [(5, 7, 3), (4, 6, 2), (6, 8, 4), (3, 5, 2)][turn % 4]
    while True:
        rows = rng.integers(0, count, m)
        times = np.bincount(rows, minlength=count)
        if times.max() > 1 and times.min() == 0 and 1 in times:
            break
    if turn % 2:
        rows = np.where(rng.random(m) < 0.4, rows - count, rows)
    factors = numbers(rng, m)
    return numbers(rng, (m, d)), tuple(int(row) for row in rows), np.where(factors == 1, 1.25, factors), count


pick = Question(
    "pick_backward", title="A row that is picked twice", points=2, kind="mend",
    asks="Mend `pick_backward(grad_output, rows, factors, count)`: the gradient of a table whose rows were picked and "
         "scaled.",
    reference=_pick, cases=_pick_cases,
    minutes=15, level=2,
    text=r"""
        The forward pass reads rows of a table `x` (count, d), as an embedding does, and scales each one:

        $$y_i = a_i\, x_{r_i} , \qquad i = 0 \ldots m - 1 .$$

        `rows` is the tuple of the $r_i$, `factors` (m,) holds the $a_i$, `grad_output` (m, d) the gradient of y. A row
        may be picked several times, or never, and −1 is the last one. Return the gradient of x, (count, d). Two things
        are wrong with the function. A test that picks every row once, with factors of 1, sees neither.
    """,
    hints={
        "Where to begin":
            "Pick row 0 twice, with a gradient of ones and factors of 1. What should stand in row 0, and what does?",
        "A row that is picked twice has the gradient of its last copy":
            "`grad[rows] += …` reads all rows, adds, and writes them all back: of two writes to one row the last one "
            "stays. Does NumPy have an addition that takes every index in turn?",
        "Every number is off":
            "y is a times a row. What is its derivative with respect to the row?",
    },
)


@pick.given("of a row that is picked twice one copy counts, and the factors are left out",
            hint="Two things. `grad[rows] += …` writes a row once, however often it stands in `rows`. And y is a row "
                 "times its factor.")
def _(grad_output, rows, factors, count):
    """(m, d), m ints, (m,), int  →  (count, d)"""
    grad = np.zeros((count, grad_output.shape[1]))
    grad[list(rows)] += grad_output
    return grad


@pick.solution
def pick_backward(grad_output, rows, factors, count):
    """(m, d), m ints, (m,), int  →  (count, d)"""
    grad = np.zeros((count, grad_output.shape[1]))
    np.add.at(grad, list(rows), factors[:, None] * grad_output)
    return grad


@pick.mistake("the factors are still left out", hint="The rows are mended. But y is a row times its factor.")
def _(grad_output, rows, factors, count):
    return _pick(grad_output, rows, np.ones(len(rows)), count)


@pick.mistake("of a row that is picked twice still one copy counts",
              hint="The factors are mended. But `grad[rows] += …` writes a row once, however often it is picked.")
def _(grad_output, rows, factors, count):
    grad = np.zeros((count, grad_output.shape[1]))
    grad[list(rows)] += factors[:, None] * grad_output
    return grad


@pick.mistake("the factors are added", hint="y is a times the row, and so is the gradient: multiply.")
def _(grad_output, rows, factors, count):
    return _pick(factors[:, None] + grad_output, rows, np.ones(len(rows)), count)


@pick.mistake("a row has the mean of its copies", hint="Each copy has its own part in the loss: add them up.")
def _(grad_output, rows, factors, count):
    times = np.bincount(np.asarray(rows) % count, minlength=count)
    return _pick(grad_output, rows, factors, count) / np.maximum(times, 1)[:, None]


@pick.mistake("the gradient is divided by the factors", hint="y is a times the row, and so is the gradient: multiply.")
def _(grad_output, rows, factors, count):
    return _pick(grad_output, rows, 1 / factors, count)


@pick.mistake("each row has the factor of its own place",
              hint="The factors belong to the m outputs, not to the rows of the table: multiply before you add up.")
def _(grad_output, rows, factors, count):
    return factors[:count, None] * _pick(grad_output, rows, np.ones(len(rows)), count)


@pick.mistake("of a row that is picked twice the first copy counts",
              hint="A row has the gradients of all its copies: add them up.")
def _(grad_output, rows, factors, count):
    return _assigned(grad_output[::-1], rows[::-1], factors[::-1], count)


@pick.mistake("there is one row too many", hint="The gradient is as large as the table: (count, d).")
def _(grad_output, rows, factors, count):
    return _pick(grad_output, rows, factors, count, count + 1)


@pick.mistake("there is one row too few", hint="The gradient is as large as the table: (count, d).")
def _(grad_output, rows, factors, count):
    return _pick(grad_output, np.minimum(np.asarray(rows) % count, count - 2), factors, count, count - 1)


@pick.mistake("every number is one too large: it begins at 1", hint="A row that is never picked has the gradient 0.")
def _(grad_output, rows, factors, count):
    return 1 + _pick(grad_output, rows, factors, count)


@pick.mistake("only the factors are added up", hint="Multiply the factors by the gradients of the outputs.")
def _(grad_output, rows, factors, count):
    return _pick(np.ones_like(grad_output), rows, factors, count)


def _assigned(grad_output, rows, factors, count):
    grad = np.zeros((count, grad_output.shape[1]))
    for i, row in enumerate(rows):
        grad[row] = factors[i] * grad_output[i]
    return grad


@pick.accepted("a loop over the outputs")
def _(grad_output, rows, factors, count):
    return _pick(grad_output, rows, factors, count)


@pick.accepted("the transpose of a matrix that picks")
def _(grad_output, rows, factors, count):
    picks = np.eye(count)[list(rows)]
    return (picks * factors[:, None]).T @ grad_output


@pick.accepted("row by row of the table")
def _(grad_output, rows, factors, count):
    rows = np.asarray(rows) % count
    return np.stack([(factors * (rows == row)) @ grad_output for row in range(count)])


# ---- max_backward ----------------------------------------------------------------------------------------------------

def _axes(axis):
    return axis if isinstance(axis, tuple) else (axis,)


def _spread(grad_output, x, axis, keepdims):
    """The gradient as large as x, each number copied to all that it is the maximum of."""
    axes = sorted(one % x.ndim for one in _axes(axis))
    if not keepdims:
        for one in axes:
            grad_output = np.expand_dims(grad_output, one)
    return np.broadcast_to(grad_output, x.shape)


def _max_back(grad_output, x, axis, keepdims):
    largest = x == np.max(x, axis, keepdims=True)
    return _spread(grad_output, x, axis, keepdims) * largest / largest.sum(axis, keepdims=True)


MAX_CASES = [((3, 4), 0, 0), ((4, 3), 1, 1), ((2, 4, 3), (0, 2), 1), ((2, 3, 4), (-2, -1), 0), ((3, 2, 4), -1, 0),
             ((4, 3, 2), (0, -2), 0), ((2, 4, 3, 5), (1, 3), 0), ((4, 3), -2, 1), ((3, 2, 3), (2, 0), 0),
             ((3, 2, 4), (-1, 0), 1)]


def _max_cases(rng, turn):
    """Some maxima are shared by two or three numbers, some are not; axes in any order, with and without keepdims."""
    shape, axis, keepdims = MAX_CASES[turn % len(MAX_CASES)]
    while True:
        x = rng.integers(-4, 5, shape) / 2
        ties = (x == x.max(axis, keepdims=True)).sum(axis)
        if 1 < ties.max() < x.size // ties.size and ties.min() == 1 and (ties > 1).sum() < 0.8 * ties.size:
            break
    return numbers(rng, x.max(axis, keepdims=bool(keepdims)).shape), x, axis, keepdims


maximum = Question(
    "max_backward", title="The gradient of a maximum over axes", points=3,
    asks="Write `max_backward(grad_output, x, axis, keepdims)`: the gradient of x, where y is the maximum of x over "
         "one or several axes.",
    reference=_max_back, cases=_max_cases,
    minutes=25, level=2,
    text=r"""
        y = `x.max(axis=axis, keepdims=keepdims)`. `axis` is an int or a tuple of ints, and may count from the end;
        `keepdims` is 0 or 1. `grad_output` is the gradient of y and has its shape: without `keepdims` the axes are
        gone. Return an array as large as x: the largest number gets the gradient, the others 0. **Where several are
        the largest, they share it equally**, as in `torch.amax`.
    """,
    hints={
        "NumPy says that shapes cannot be broadcast":
            "Without keepdims the axes are gone: put them back with size 1. `np.expand_dims` takes several axes at "
            "once, and counts them in the array that it returns.",
        "It is right for one axis, and wrong for two":
            "Axes that are put back one after the other have to be put back from the first to the last: each moves "
            "those behind it.",
        "The gradients of a row add up to too much":
            "Two numbers that are both the largest share what comes. By how many do you divide, and is it counted "
            "for each maximum?",
    },
)


@maximum.solution
def max_backward(grad_output, x, axis, keepdims):
    """two arrays, an int or ints, 0 or 1  →  an array as large as x"""
    if not keepdims:
        grad_output = np.expand_dims(grad_output, axis)
    largest = x == x.max(axis=axis, keepdims=True)
    return grad_output * largest / largest.sum(axis=axis, keepdims=True)


@maximum.mistake("each of several maxima gets the whole gradient",
                 hint="Numbers that are equally large share the gradient: divide by how many they are.")
def _(grad_output, x, axis, keepdims):
    return _spread(grad_output, x, axis, keepdims) * (x == x.max(axis, keepdims=True))


def _first(x, axis, step=1):
    """1 where the first maximum stands, in the order of the axes."""
    axes = tuple(one % x.ndim for one in _axes(axis))
    others = [one for one in range(x.ndim) if one not in axes]
    order = [*others, *sorted(axes)]
    moved = x.transpose(order)
    flat = moved.reshape(*moved.shape[:len(others)], -1)[..., ::step]
    mark = (np.arange(flat.shape[-1]) == flat.argmax(-1)[..., None])[..., ::step].reshape(moved.shape)
    return mark.transpose(np.argsort(order))


@maximum.mistake("the first of several maxima gets everything",
                 hint="That is the rule of `max_pool2d`, and of `max` with one axis in PyTorch. Here those that are "
                      "equally large share the gradient.")
def _(grad_output, x, axis, keepdims):
    return _spread(grad_output, x, axis, keepdims) * _first(x, axis)


@maximum.mistake("every number gets the gradient", hint="Only the largest ones do: the others get 0.")
def _(grad_output, x, axis, keepdims):
    return _spread(grad_output, x, axis, keepdims)


@maximum.mistake("every number gets an equal share", hint="That is the gradient of a mean.")
def _(grad_output, x, axis, keepdims):
    count = np.ones_like(x).sum(axis, keepdims=True)
    return _spread(grad_output, x, axis, keepdims) / count


@maximum.mistake("the smallest numbers get the gradient", hint="It was a maximum.")
def _(grad_output, x, axis, keepdims):
    smallest = x == x.min(axis, keepdims=True)
    return _spread(grad_output, x, axis, keepdims) * smallest / smallest.sum(axis, keepdims=True)


@maximum.mistake("the smallest numbers get the gradient, shared as if they were the largest", hint="It was a maximum.")
def _(grad_output, x, axis, keepdims):
    largest, smallest = (x == extreme(axis, keepdims=True) for extreme in (x.max, x.min))
    return _spread(grad_output, x, axis, keepdims) * smallest / largest.sum(axis, keepdims=True)


@maximum.mistake("only the largest number of the whole array gets the gradient",
                 hint="There is a maximum for every place of y: `max` takes the axis.")
def _(grad_output, x, axis, keepdims):
    largest = x == x.max()
    return _spread(grad_output, x, axis, keepdims) * largest / np.maximum(largest.sum(axis, keepdims=True), 1)


@maximum.mistake("the gradient is divided by the number of all maxima of the array",
                 hint="How many share is counted for each place of y: `sum` takes the axis too.")
def _(grad_output, x, axis, keepdims):
    largest = x == x.max(axis, keepdims=True)
    return _spread(grad_output, x, axis, keepdims) * largest / largest.sum()


@maximum.mistake("the gradient is multiplied by how many share it", hint="Divide by how many they are.")
def _(grad_output, x, axis, keepdims):
    largest = x == x.max(axis, keepdims=True)
    return _spread(grad_output, x, axis, keepdims) * largest * largest.sum(axis, keepdims=True)


@maximum.mistake("it is divided by the mean of the marks", hint="Divide by how many they are, the sum of the marks.")
def _(grad_output, x, axis, keepdims):
    largest = x == x.max(axis, keepdims=True)
    return _spread(grad_output, x, axis, keepdims) * largest / largest.mean(axis, keepdims=True)


@maximum.mistake("those that are not the largest get the gradient", hint="x == its maximum marks the largest.")
def _(grad_output, x, axis, keepdims):
    others = x != x.max(axis, keepdims=True)
    return _spread(grad_output, x, axis, keepdims) * others / others.sum(axis, keepdims=True)


@maximum.mistake("the gradient is added to the marks", hint="The marks, 0 and 1, multiply it.")
def _(grad_output, x, axis, keepdims):
    largest = x == x.max(axis, keepdims=True)
    return _spread(grad_output, x, axis, keepdims) + largest / largest.sum(axis, keepdims=True)


@maximum.mistake("the gradient of y is not there", hint="The marks multiply `grad_output`.")
def _(grad_output, x, axis, keepdims):
    largest = x == x.max(axis, keepdims=True)
    return largest / largest.sum(axis, keepdims=True)


@maximum.accepted("the axes in question behind, and as one")
def _(grad_output, x, axis, keepdims):
    axes = sorted(one % x.ndim for one in _axes(axis))
    order = [one for one in range(x.ndim) if one not in axes] + axes
    rows = x.transpose(order).reshape(grad_output.size, -1)
    mark = np.equal(rows, rows.max(1)[:, None]).astype(float)
    grad = grad_output.reshape(-1, 1) * mark / mark.sum(1)[:, None]
    return grad.reshape([x.shape[one] for one in order]).transpose(np.argsort(order))


@maximum.accepted("one number after the other")
def _(grad_output, x, axis, keepdims):
    axes = {one % x.ndim for one in _axes(axis)}
    out = np.zeros(x.shape)
    for index in np.ndindex(*x.shape):
        window = x[tuple(slice(None) if one in axes else i for one, i in enumerate(index))]
        if x[index] == window.max():
            place = tuple(0 if one in axes else i for one, i in enumerate(index) if keepdims or one not in axes)
            out[index] = grad_output[place] / np.sum(window == window.max())
    return out


# ---- jacobian_costs --------------------------------------------------------------------------------------------------

def _products(sizes):
    """Multiply-adds of the chain's matrices: (n_l · n_(l−1)) for each l."""
    return [a * b for a, b in zip(sizes[1:], sizes[:-1], strict=True)]


def _costs(sizes):
    each = _products(sizes)
    return np.array([sizes[0] * sum(each[1:]), sizes[-1] * sum(each[:-1])])


def _cost_cases(rng, turn):
    """Chains of two to five layers; the last size is 1 in every fourth, as of a loss."""
    while True:
        sizes = [int(size) for size in rng.integers(2, 15, 3 + turn % 4)]
        if turn % 4 == 3:
            sizes[-1] = 1
        if len(set(sizes)) > 2 and sizes[0] != sizes[-1]:
            return (tuple(sizes),)


passes = Question(
    "jacobian_costs", title="Forward or backward through the Jacobians", points=2, kind="predict",
    asks="Predict `jacobian_costs(sizes)`: the multiply-adds of the Jacobian of a chain, multiplied from the input on, "
         "and from the output on.",
    reference=_costs, cases=_cost_cases,
    minutes=15, level=2,
    text=r"""
        A chain of L layers, at least 2, makes arrays of $n_0, n_1, \ldots, n_L$ numbers: that is the tuple `sizes`.
        The Jacobian $J_l$ of layer l is a full matrix of $n_l$ rows and $n_{l-1}$ columns, and is given. The Jacobian
        of the chain is the product

        $$J_L\, J_{L-1} \cdots J_2\, J_1 .$$

        **Forward mode** begins at the input: first $J_2 J_1$, then $J_3$ times that, and so on. **Reverse mode** begins
        at the output: first $J_L J_{L-1}$, then that times $J_{L-2}$. A product of an (a, b) and a (b, c) matrix takes
        abc multiply-adds. Return two ints, forward and reverse.
    """,
    hints={
        "Where to begin":
            "Three sizes first: there is one product, so both ways cost the same. Then four sizes, on paper.",
        "Both are too large":
            "J_1 is there already in forward mode, and J_L in reverse mode: L matrices make L − 1 products.",
        "Which size stays":
            "What is carried along has always n_0 columns in forward mode. And in reverse mode, how many rows?",
    },
)


@passes.solution
def jacobian_costs(sizes):
    """a tuple of ints  →  (2,): forward, reverse"""
    each = [a * b for a, b in zip(sizes[1:], sizes[:-1], strict=True)]
    forward = sizes[0] * sum(each[1:])
    reverse = sizes[-1] * sum(each[:-1])
    return np.array([forward, reverse])


@passes.mistake("forward and reverse are exchanged",
                hint="Forward mode carries n_0 columns along, one for each input; reverse mode n_L rows, one for each "
                     "output.")
def _(sizes):
    return _costs(sizes)[::-1]


@passes.mistake("the first matrix is multiplied too", hint="L matrices make L − 1 products: each mode begins with a "
                                                           "Jacobian that is given.")
def _(sizes):
    return np.array([sizes[0], sizes[-1]]) * sum(_products(sizes))


@passes.mistake("the size of the input stays in both modes",
                hint="In reverse mode the product has n_L rows all the time, and the number of its columns changes.")
def _(sizes):
    each = _products(sizes)
    return sizes[0] * np.array([sum(each[1:]), sum(each[:-1])])


@passes.mistake("the size of the output stays in both modes",
                hint="In forward mode the product has n_0 columns all the time, and the number of its rows changes.")
def _(sizes):
    each = _products(sizes)
    return sizes[-1] * np.array([sum(each[1:]), sum(each[:-1])])


@passes.mistake("the products of one input, or of one output",
                hint="That is one pass of each mode: a column, or a row, of the Jacobian. The whole has n_0 columns "
                     "and n_L rows.")
def _(sizes):
    each = _products(sizes)
    return np.array([sum(each[1:]), sum(each[:-1])])


@passes.mistake("the numbers of passes alone", hint="A pass takes one product with a vector for each matrix: count "
                                                    "their multiply-adds.")
def _(sizes):
    return np.array([sizes[0], sizes[-1]])


@passes.mistake("the matrix that is there already is the wrong one",
                hint="Forward mode begins with J_1, so that J_2 … J_L are multiplied by; reverse mode with J_L.")
def _(sizes):
    each = _products(sizes)
    return np.array([sizes[0] * sum(each[:-1]), sizes[-1] * sum(each[1:])])


@passes.mistake("only three sizes that follow each other are multiplied",
                hint="That would be products of neighbours. What is carried along keeps n_0 columns, or n_L rows.")
def _(sizes):
    return np.full(2, sum(a * b * c for a, b, c in zip(sizes, sizes[1:], sizes[2:], strict=False)))


@passes.mistake("only the last product is counted", hint="Add up the products: there are L − 1 of them.")
def _(sizes):
    each = _products(sizes)
    return np.array([sizes[0] * each[-1], sizes[-1] * each[-2]])


_THREE = "An (a, b) matrix times a (b, c) matrix takes abc multiply-adds: three sizes, multiplied."
_GIVEN = "L matrices make L − 1 products: this mode begins with a Jacobian that is given."
_ALL = "Add up all the products: there are L − 1 of them."


def _forward(cost):
    return lambda sizes: np.array([cost(sizes, _products(sizes)), _costs(sizes)[1]])


def _reverse(cost):
    return lambda sizes: np.array([_costs(sizes)[0], cost(sizes, _products(sizes))])


def _each(product):
    def wrong(sizes):
        each = [product(a, b) for a, b in zip(sizes[1:], sizes[:-1], strict=True)]
        return np.array([sizes[0] * sum(each[1:]), sizes[-1] * sum(each[:-1])])
    return wrong


for _name, _hint, _function in [
        ("in forward mode the first matrix is multiplied too", _GIVEN, _forward(lambda n, each: n[0] * sum(each))),
        ("in reverse mode the last matrix is multiplied too", _GIVEN, _reverse(lambda n, each: n[-1] * sum(each))),
        ("in forward mode only the last product is counted", _ALL, _forward(lambda n, each: n[0] * each[-1])),
        ("in reverse mode only the last product is counted", _ALL, _reverse(lambda n, each: n[-1] * each[0])),
        ("in forward mode the first product is missing", _ALL, _forward(lambda n, each: n[0] * sum(each[2:]))),
        ("in reverse mode the first product is missing", _ALL, _reverse(lambda n, each: n[-1] * sum(each[:-2]))),
        ("in forward mode the size of the input is added", _THREE, _forward(lambda n, each: n[0] + sum(each[1:]))),
        ("in reverse mode the size of the output is added", _THREE, _reverse(lambda n, each: n[-1] + sum(each[:-1]))),
        ("in forward mode the size of the input is missing", _THREE, _forward(lambda n, each: sum(each[1:]))),
        ("in reverse mode the size of the output is missing", _THREE, _reverse(lambda n, each: sum(each[:-1]))),
        ("in forward mode it is the number of passes alone", _THREE, _forward(lambda n, each: n[0])),
        ("in reverse mode it is the number of passes alone", _THREE, _reverse(lambda n, each: n[-1])),
        ("in forward mode the size of the first layer stays",
         "The product has n_0 columns all the time, one for each input.",
         _forward(lambda n, each: n[1] * sum(each[1:]))),
        ("in reverse mode the size before the last stays",
         "The product has n_L rows all the time, one for each output.",
         _reverse(lambda n, each: n[-2] * sum(each[:-1]))),
        ("in reverse mode the size of the first layer stays",
         "The product has n_L rows all the time, one for each output.",
         _reverse(lambda n, each: n[1] * sum(each[:-1]))),
        ("two sizes are added", _THREE, _each(lambda a, b: a + b)),
        ("the columns of each Jacobian are missing", _THREE, _each(lambda a, b: a)),
        ("the rows of each Jacobian are missing", _THREE, _each(lambda a, b: b))]:
    passes.mistake(_name, hint=_hint)(_function)


@passes.accepted("the matrices, multiplied in thought")
def _(sizes):
    shapes = [(a, b) for a, b in zip(sizes[1:], sizes[:-1], strict=True)]
    costs = []
    for order in (shapes, shapes[::-1]):
        carried, cost = order[0], 0
        for shape in order[1:]:
            left, right = (shape, carried) if order is shapes else (carried, shape)
            cost += left[0] * left[1] * right[1]
            carried = (left[0], right[1])
        costs.append(cost)
    return np.array(costs)


@passes.accepted("by the sum of the sizes of the Jacobians")
def _(sizes):
    sizes = np.array(sizes)
    each = sizes[1:] * sizes[:-1]
    return [sizes[0] * (each.sum() - each[0]), sizes[-1] * (each.sum() - each[-1])]


# ---- graph_of_three_answers ------------------------------------------------------------------------------------------

def _gradients(weights):
    """Of node 0: the right one, that of the engine that overwrites, and that of the one that calls itself."""
    n = len(weights)
    right, over = np.zeros(n), np.zeros(n)
    right[-1] = over[-1] = 1
    for node in range(n - 1, -1, -1):
        for parent in np.flatnonzero(weights[node]):
            right[parent] += weights[node, parent] * right[node]
            over[parent] = weights[node, parent] * over[node]
    grad = np.zeros(n)
    grad[-1] = 1

    def visit(node):
        for parent in np.flatnonzero(weights[node]):
            grad[parent] += weights[node, parent] * grad[node]
            visit(parent)
    visit(n - 1)
    return right[0], over[0], grad[0]


def _graph(right, overwritten, recursive):
    weights = np.zeros((4, 4))
    weights[1, 0] = weights[2, 1] = 1
    weights[3] = [2 * right - overwritten - recursive, recursive - right, overwritten, 0]
    return weights


def _graph_properties(answer, right, overwritten, recursive):
    if answer.ndim != 2 or answer.shape[0] != answer.shape[1] or not 2 <= len(answer) <= 8:
        raise ValueError(f"the weights must be a square array of 2 to 8 rows, their shape is {answer.shape}")
    if np.triu(answer).any():
        raise ValueError("a node is made of earlier ones: weights[i, j] must be 0 for j ≥ i")
    if not (np.abs(answer) < 1e4).all():
        raise ValueError("the weights must be below 10,000 in size")
    wanted = {"the right gradient": right, "that of the engine that overwrites": overwritten,
              "that of the engine that calls itself": recursive}
    return {f"{name} is as wanted (1 yes, 0 no)": float(abs(got - want) < 1e-3)
            for (name, want), got in zip(wanted.items(), _gradients(answer.astype(float)), strict=True)}


def _graph_cases(rng):
    while True:
        right, overwritten, recursive = (int(value) for value in rng.integers(-12, 13, 3))
        if 0 not in (right, overwritten) and len({right, overwritten, recursive}) == 3 and \
                2 * right != overwritten + recursive:
            return right, overwritten, recursive


fooled = Question(
    "graph_of_three_answers", title="One graph, three answers", points=3, kind="design",
    asks="Design `graph_of_three_answers(right, overwritten, recursive)`: a graph on which two faulty engines give two "
         "given wrong gradients.",
    reference=_graph, cases=_graph_cases, measure=_graph_properties,
    minutes=30, level=3,
    text=r"""
        The graph is an array `weights` (n, n) with n from 2 to 8. Node 0 is the input, node n − 1 the output, and

        $$x_i = \sum_{j < i} \text{weights}_{ij}\, x_j ,$$

        so `weights[i, j]` is 0 for j ≥ i; where it is not 0, node j is a parent of node i. Three engines ask for
        the gradient of the output with respect to node 0. All begin with the gradient 1 at the output and take the
        parents of a node from the smallest number to the largest:

        - `right` is the right gradient;
        - **the one that overwrites** takes the nodes from the last number to the first, and has = in the place of +=;
        - **the one that calls itself** starts at the output: for each parent it adds the parent's part to the parent's
          gradient, and calls itself on the parent at once; the parent passes on all that it holds by then.

        These are to be the three ints that are given. `overwritten` and `right` are not 0, all three differ. The graph
        is judged by the three gradients: any graph that has them is right.
    """,
    hints={
        "Where to begin":
            "Two nodes with one edge have the right gradient for all engines. The smallest graph on which they differ "
            "has a node, not the input, that two others use.",
        "The engine that overwrites":
            "Which part of a node's gradient is the last to be written? That of its user with the smallest number.",
        "The engine that calls itself":
            "A node that is visited twice has passed on its first part twice. So how far is it from the right one?",
        "Two are right, and the third is free":
            "An edge from the output to the input goes into the right gradient and into that of the engine that calls "
            "itself, by the same amount. Does the one that overwrites keep it?",
    },
)


@fooled.solution
def graph_of_three_answers(right, overwritten, recursive):
    """three ints  →  (4, 4)"""
    weights = np.zeros((4, 4))
    weights[1, 0] = 1
    weights[2, 1] = 1
    weights[3, 2] = overwritten                    # written last
    weights[3, 1] = recursive - right              # passed on twice
    weights[3, 0] = right - overwritten - weights[3, 1]
    return weights


# of a design only the properties are seen: which of the three gradients are as wanted
for _name, _hint, _off in [
        ("only the engine that calls itself gives another gradient than wanted",
         "It passes on the first part of a node twice where two others use that node, one of them by a detour. Is "
         "there such a node between input and output, and how large is that part?", (0, 0, 1)),
        ("only the engine that overwrites gives another gradient than wanted",
         "It keeps what a node's user with the smallest number sent. How much is that for the input, and how much for "
         "the node that two others use?", (0, 1, 0)),
        ("only the right gradient is another than wanted",
         "An edge from the output to the input shifts the right gradient; the engine that overwrites may lose it. What "
         "has to change so that the third stays?", (1, 0, 0)),
        ("only the right gradient is as wanted",
         "On a chain all engines agree. A node has to be used twice, and it must not be the input.", (0, 1, 1)),
        ("only that of the engine that overwrites is as wanted",
         "It follows one edge of each node. The others are free: give the right gradient its value with one of them.",
         (1, 0, 1)),
        ("only that of the engine that calls itself is as wanted",
         "Follow the other two on your graph by hand, with the gradient of each node beside it.", (1, 1, 0)),
        ("none of the three gradients is as wanted",
         "Begin with two nodes and one edge, of weight `right`: one gradient is as wanted then.", (1, 1, 1))]:
    fooled.mistake(_name, hint=_hint)(
        lambda right, overwritten, recursive, off=_off: _graph(right + 99 * off[0], overwritten + 99 * off[1],
                                                               recursive + 99 * off[2]))


@fooled.accepted("another node for each part")
def _(right, overwritten, recursive):
    weights = np.zeros((6, 6))
    weights[1, 0], weights[2, 1], weights[3, 2], weights[4, 0] = 1, 1, 1, right - overwritten - (recursive - right)
    weights[5, 1:5] = recursive - right, 0, overwritten, 1
    return weights


@fooled.accepted("the last part on the first edge")
def _(right, overwritten, recursive):
    weights = np.zeros((4, 4))
    weights[1, 0], weights[2, 1], weights[3, 2] = overwritten, 0.5, 2
    weights[3, 1] = (recursive - right) / overwritten
    weights[3, 0] = right - overwritten - (recursive - right)
    return weights


QUESTIONS = [order, unbroadcasting, pick, maximum, passes, fooled]
