"""What students hand in, and what else may lie in its place: nothing is followed, waited for or believed."""

import json
import os
import socket
import stat
import time

import nbformat
import pytest

from cnnlib.grading.marking import mark
from cnnlib.grading.submission import (
    CELLS,
    LARGEST,
    Invalid,
    code_cells,
    find_students,
    find_weeks,
    read_submission,
    show,
)
from tests.grading.cells import QUESTIONS, RIGHT, notebook, passed


@pytest.fixture
def student(tmp_path):
    """A student's folder in a folder of submissions."""
    folder = tmp_path / "submissions" / "ada"
    folder.mkdir(parents=True)
    return folder


def read(folder, week=1):
    """As read_submission, which must not take long whatever lies there."""
    began = time.monotonic()
    submission = read_submission(folder.parent, os.fsencode(folder.name), week)
    assert time.monotonic() - began < 2
    assert (submission.content is None) == bool(submission.problem)
    assert len(submission.problem) < 300 and submission.digest
    return submission


# ---- files

def test_a_notebook_is_read(student):
    (student / "week1.ipynb").write_bytes(notebook(RIGHT))
    submission = read(student)
    assert submission.content == notebook(RIGHT) and submission.student == submission.stem == "ada"
    assert not submission.missing


def test_no_notebook_is_missing(student):
    (student / "week2.ipynb").write_bytes(notebook(RIGHT))
    submission = read(student)
    assert submission.missing and "there is no week1.ipynb" in submission.problem


def test_links_are_not_followed(student, tmp_path):
    (tmp_path / "other.ipynb").write_bytes(notebook(RIGHT))
    for target in (tmp_path / "other.ipynb", tmp_path / "nowhere", "/etc/passwd", "/dev/zero", "week1.ipynb"):
        (student / "week1.ipynb").symlink_to(target)
        submission = read(student)
        assert submission.content is None and not submission.missing and "link" in submission.problem
        (student / "week1.ipynb").unlink()
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "week1.ipynb").write_bytes(notebook(RIGHT))
    link = student.parent / "linked"
    link.symlink_to(tmp_path / "real")
    assert read(link).content is None and find_students(student.parent) == [b"ada"]


def test_pipes_sockets_folders_and_devices_are_not_waited_for(student):
    path = student / "week1.ipynb"
    os.mkfifo(path)
    assert "no regular file" in read(student).problem
    path.unlink()
    path.mkdir()
    assert "no regular file" in read(student).problem
    path.rmdir()
    with socket.socket(socket.AF_UNIX) as listener:
        where = os.getcwd()
        os.chdir(student)
        try:
            listener.bind("week1.ipynb")
        finally:
            os.chdir(where)
        assert "cannot be opened" in read(student).problem
    path.unlink()
    try:
        os.mknod(path, 0o644 | stat.S_IFCHR, os.makedev(1, 5))           # /dev/zero
    except PermissionError:
        return                                                           # only root makes devices
    assert read(student).content is None


def test_a_writer_at_a_pipe_does_not_make_it_a_notebook(student):
    os.mkfifo(student / "week1.ipynb")
    both = os.open(student / "week1.ipynb", os.O_RDWR)
    os.write(both, notebook(RIGHT))
    assert "no regular file" in read(student).problem
    os.close(both)


def test_large_files_are_not_read(student):
    path = student / "week1.ipynb"
    with open(path, "wb") as file:
        file.truncate(1 << 40)                                           # one hole
    assert "1048576 MB" in read(student).problem
    path.write_bytes(b" " * (LARGEST + 1))
    assert f"{LARGEST >> 20} MB are allowed" in read(student).problem
    path.write_bytes(b" " * LARGEST)
    assert read(student).content is not None


def test_what_may_not_be_read_is_told(student):
    path = student / "week1.ipynb"
    path.write_bytes(notebook(RIGHT))
    root = os.geteuid() == 0
    for locked in (path, student):
        mode = locked.stat().st_mode
        locked.chmod(0)
        os.chmod(student.parent.parent, 0o755)
        if root:
            os.seteuid(65534)
        try:
            problem = read(student).problem
        finally:
            if root:
                os.seteuid(0)
            locked.chmod(mode)
        assert "Permission denied" in problem


def test_a_folder_that_went_away_is_told(student):
    student.rmdir()
    assert "No such file" in read(student).problem


def test_only_folders_are_students(tmp_path):
    names = [b"b", b"a", b"\xff\xfe", b"with, comma", b"new\nline", b"=1+1", b"-", b"x" * 255]
    for name in [*names, b".hidden"]:
        os.mkdir(os.path.join(os.fsencode(tmp_path), name))
    (tmp_path / "file.ipynb").write_text("{}")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    os.mkfifo(tmp_path / "pipe")
    assert find_students(tmp_path) == sorted(names)


def test_the_weeks_that_were_handed_in(tmp_path):
    for number, names in enumerate([
            ["week1.ipynb"], ["week12.ipynb", "notes.ipynb"], ["week.ipynb", "weekx.ipynb", "week1.ipynb"],
            ["week²3.ipynb", "week99999999999999999999.ipynb", "week-1.ipynb"], []]):
        (tmp_path / str(number)).mkdir()
        for name in names:
            (tmp_path / str(number) / name).write_text("{}")
    (tmp_path / "week3.ipynb").write_text("{}")
    assert find_weeks(tmp_path) == {1, 12}


# ---- names

def submission_of(name):
    return read_submission("/nowhere", name, 1)


@pytest.mark.parametrize(("name", "shown", "stem"), [
    (b"Ada Lovelace", "Ada Lovelace", "Ada%20Lovelace"),
    ("Évariste".encode(), "Évariste", "%C3%89variste"),
    (b"a,b;c\"d'e", "a,b;c\"d'e", "a%2Cb%3Bc%22d%27e"),
    (b"two\nlines\r\t", "two\\x0alines\\x0d\\x09", "two%0Alines%0D%09"),
    (b"\xff\xfe", "\\xff\\xfe", "%FF%FE"),
    (b"..%2F..", "..%2F..", "..%252F.."),
    (b"..\\..", "..\\..", "..%5C.."),
    (b"=HYPERLINK(1)", "=HYPERLINK(1)", "%3DHYPERLINK%281%29"),
    (b"<script>alert(1)</script>"[:20], "<script>alert(1)</sc", "%3Cscript%3Ealert%281%29%3C%2Fsc"),
    (b"\x1b[31mred\x07", "\\x1b[31mred\\x07", "%1B%5B31mred%07"),
    ("\u202egnp.exe\u2066".encode(), "\\u202egnp.exe\\u2066", "%E2%80%AEgnp.exe%E2%81%A6"),
    ("a\x7fb\x85c\u2028d".encode(), "a\\x7fb\\x85c\\u2028d", "a%7Fb%C2%85c%E2%80%A8d"),
    (b"\xed\xa0\x80", "\\xed\\xa0\\x80", "%ED%A0%80"),
])
def test_a_name_is_shown_without_characters_that_do_something(name, shown, stem):
    submission = submission_of(name)
    assert (submission.student, submission.stem) == (shown, stem)
    submission.student.encode()
    assert submission.student.isprintable() and show(shown) == shown
    assert "/" not in submission.stem and "\0" not in submission.stem


def test_long_names_are_cut_and_stay_apart():
    names = [b"x" * 150, b"x" * 151, b"x" * 152, b"x" * 255, "é".encode() * 127, "é".encode() * 126 + b"ee"]
    stems = [submission_of(name).stem for name in names]
    assert stems[0] == "x" * 150 and len(set(stems)) == len(stems) and all(len(stem) <= 150 for stem in stems)
    assert stems == [submission_of(name).stem for name in names]
    # nobody can choose a name whose files are another's
    assert submission_of(stems[1].encode()).stem != stems[1]


def test_the_digest_is_that_of_the_content(student):
    path = student / "week1.ipynb"
    digests = [read(student).digest]
    for content in (b"", b"1", b"2"):
        path.write_bytes(content)
        digests.append(read(student).digest)
    assert len(set(digests)) == 4
    path.write_bytes(b"1")
    assert read(student).digest == digests[2]


# ---- contents

@pytest.mark.parametrize(("content", "reason"), [
    (b"", "not JSON"), (b"\0" * 1000, "not JSON"), (b"{]", "not JSON"), (b"not a notebook", "not JSON"),
    (notebook(RIGHT)[:-10], "not JSON"), (notebook(RIGHT) + b"x", "not JSON"),
    (b"[]", "no notebook"), (b"5", "no notebook"), (b"null", "no notebook"), (b"NaN", "no notebook"),
    (b'"cells"', "no notebook"),
    (b"{}", "no list of cells"), (b'{"cells": 5}', "no list of cells"), (b'{"cells": {}}', "no list of cells"),
    (b'{"cells": "abc"}', "no list of cells"), (b'{"worksheets": 5}', "no list of cells"),
    (notebook(RIGHT).decode().encode("utf-16"), "not UTF-8"), (notebook(RIGHT).decode().encode("utf-32"), "not UTF-8"),
    ("é".encode("latin-1"), "not UTF-8"), (b"\x1f\x8b\x08\0", "not UTF-8"), (b"\x80\x04K\x01.", "not UTF-8"),
    (b"[" * 10**6, "nested too deep"), (b'{"cells":' * 10**5, "nested too deep"),
    (b'{"cells": [' + b"[" * 10**6 + b"]" * 10**6 + b"]}", "nested too deep"), (b"9" * 10**6, "not JSON"),
    (json.dumps({"cells": [{}] * (CELLS + 1)}).encode(), f"{CELLS} are allowed"),
])
def test_what_is_no_notebook_is_refused(content, reason):
    with pytest.raises(Invalid, match=reason) as invalid:
        code_cells(content)
    assert len(str(invalid.value)) < 300
    record = mark(content, 1, QUESTIONS)
    assert (record["status"], record["total"], record["max"]) == ("invalid", 0, 3)
    assert record["reason"] == str(invalid.value)


def test_old_formats_are_read():
    code = [{"cell_type": "markdown", "source": ["# text"]},
            {"cell_type": "code", "language": "python", "input": RIGHT}]
    for number in (2, 3):
        content = json.dumps({"nbformat": number, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": code}]})
        assert code_cells(content.encode()) == [RIGHT]
    third = nbformat.v3.new_notebook(worksheets=[nbformat.v3.new_worksheet(cells=[nbformat.v3.new_code_cell(RIGHT)])])
    assert code_cells(nbformat.v3.writes_json(third).encode()) == [RIGHT]
    worksheets = [{"cells": code}, 5, {"cells": 5}, {}, {"cells": code}]
    assert code_cells(json.dumps({"worksheets": worksheets}).encode()) == [RIGHT, RIGHT]


def test_oddities_of_the_file_are_fine():
    plain = notebook(RIGHT)
    assert code_cells(b"\xef\xbb\xbf" + plain) == code_cells(plain.replace(b"\n", b"\r\n")) == [RIGHT]
    twice = b' \n\t{"cells": [{"cell_type": "code", "source": "1"}], "cells": [{"cell_type": "code", "source": "2"}]}'
    assert code_cells(twice) == ["2"]
    lists = b'{"cells": [{"cell_type": "code", "source": ["a", "b"]}, {"cell_type": "code", "source": ["a", 5]}]}'
    assert code_cells(lists) == ["ab"]
    assert code_cells(b'{"cells": [], "metadata": {"x": NaN, "y": -Infinity, "z": 1e999}}') == []


def test_null_characters_lone_surrogates_and_endless_lines_cost_one_cell():
    sources = ["x = '\0'", "# \ud800\nx = '\udfff'", "x = " + "(" * 10**4, "x = [" + "1," * 10**5 + "]", "\x1b[31m",
               "\ufeffx = 1", RIGHT, "'" + "x" * 10**6]
    record = mark(notebook(*sources), 1, QUESTIONS)
    assert record["status"] == "ok" and passed(record) == QUESTIONS, record["reason"]


def test_many_cells_and_many_megabytes_are_marked():
    record = mark(notebook(RIGHT, *["x = 1"] * (CELLS - 1)), 1, QUESTIONS)
    assert record["status"] == "ok" and passed(record) == QUESTIONS
    cells = [{"cell_type": "code", "source": RIGHT, "outputs": [{"data": {"image/png": "A" * (10 << 20)}}]}]
    content = json.dumps({"cells": cells}).encode()
    assert 10 << 20 < len(content) < LARGEST and passed(mark(content, 1, QUESTIONS)) == QUESTIONS
    long = [{"cell_type": "code", "source": f"text = '{'x' * (5 << 20)}'"}, {"cell_type": "code", "source": RIGHT}]
    assert passed(mark(json.dumps({"cells": long}).encode(), 1, QUESTIONS)) == QUESTIONS
