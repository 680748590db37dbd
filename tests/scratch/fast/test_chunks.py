"""What is computed a chunk at a time is what is computed in one piece, for every size and layout."""

import numpy as np
import pytest

from cnnlib.scratch.fast import chunks
from cnnlib.scratch.fast.chunks import CHUNK, Outer, empty, in_chunks, slices

LAYOUTS = {
    "as it is": lambda a: a,
    "transposed": np.transpose,
    "reversed": lambda a: a[::-1],
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "broadcast": lambda a: np.broadcast_to(a[:1], a.shape),
}


def formula(x, s, dy):
    return dy * s * (1 + x * (1 - s))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [
    (), (0,), (2, 0, 3), (1,), (CHUNK - 1,), (CHUNK,), (CHUNK + 1,), (2 * CHUNK,), (3, CHUNK // 2 + 1), (7, 5, 3),
], ids=str)
def test_in_chunks_is_the_formula(shape, dtype):
    arrays = np.random.default_rng(0).normal(size=(3, *shape)).astype(dtype)
    kept = arrays.copy()
    got = in_chunks(formula, *arrays)
    assert isinstance(got, np.ndarray) and got.shape == shape and got.dtype == dtype
    np.testing.assert_array_equal(got, formula(*arrays))
    np.testing.assert_array_equal(arrays, kept)
    assert not np.shares_memory(got, arrays)


@pytest.mark.parametrize("lay", LAYOUTS.values(), ids=LAYOUTS)
def test_in_chunks_takes_any_layout(lay, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK", 10)
    x, s, dy = np.random.default_rng(0).normal(size=(3, 7, 9))
    np.testing.assert_array_equal(in_chunks(formula, lay(x), lay(s), lay(dy)), formula(lay(x), lay(s), lay(dy)))
    alike = np.ascontiguousarray(lay(s)), np.ascontiguousarray(lay(dy))  # beside arrays that lie otherwise
    np.testing.assert_array_equal(in_chunks(formula, lay(x), *alike), formula(lay(x), *alike))


def test_a_number_of_another_dtype_does_not_change_that_of_the_result():
    x = np.ones(3, np.float32)
    assert in_chunks(lambda x: x * np.float64(2), x).dtype == np.float32


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 35])
def test_chunks_are_views_that_cover_each_number_once(size, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK", 10)
    x, count = np.arange(size), np.zeros(size)
    for part, counted in chunks.chunks(x, count):
        assert 0 < len(part) == len(counted) <= 10 and np.shares_memory(part, x)
        np.testing.assert_array_equal(count[part], 0)
        counted += 1
    assert (count == 1).all()


@pytest.mark.parametrize(("shape", "numbers", "rows"), [
    ((10, 3), 12, 4), ((10, 3), 2, 1), ((10, 3, 0), 12, 12), ((10,), 4, 4), ((0, 3), 12, 4),
    ((5, 7), CHUNK, CHUNK // 7),
])
def test_slices_cover_each_row_once(shape, numbers, rows):
    places = np.arange(shape[0])
    parts = [places[some] for some in slices(shape, numbers)]
    np.testing.assert_array_equal(np.concatenate([places[:0], *parts]), places)
    assert all(len(part) == rows for part in parts[:-1]) and all(0 < len(part) <= rows for part in parts)
    assert slices((5, 7)) == slices((5, 7), CHUNK)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (0,), (5,), (3, 7), (2, 0, 3)], ids=str)
def test_empty_begins_where_a_line_of_the_cache_does(shape, dtype):
    array = empty(shape, dtype)
    assert array.shape == shape and array.dtype == dtype and array.flags.c_contiguous and array.flags.writeable
    assert array.size == 0 or array.ctypes.data % 64 == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("rows", "length"), [(1, 1), (1, 5), (4, 1), (6, 3), (70, 130)])
def test_outer_is_numpys(rows, length, dtype):
    rng = np.random.default_rng(0)
    column, row = rng.normal(size=rows).astype(dtype), rng.normal(size=length).astype(dtype)
    column[0] = np.inf
    out = np.full((rows, length), np.nan, dtype)
    with np.errstate(invalid="ignore"):                                  # BLAS may compute more than it stores
        assert Outer(row, rows)(column, out=out) is out
    np.testing.assert_array_equal(out, np.multiply.outer(column, row))
