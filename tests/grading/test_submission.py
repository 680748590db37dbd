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
    class_problem,
    class_remarks,
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
    assert read(link).content is None and find_students(student.parent) == [b"ada", b"linked"]
    link.unlink()
    for target in (tmp_path / "nowhere", "linked", tmp_path / "other.ipynb"):
        link.symlink_to(target)
        assert find_students(student.parent) == [b"ada", b"linked"]
        submission = read(link)
        assert "the folder is a link" in submission.problem and not submission.missing
        link.unlink()


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
    assert find_students(tmp_path) == sorted([*names, b"link"])          # a link has a row, and its reason in it


def test_folders_of_the_system_are_no_students(tmp_path):
    for name in ("__MACOSX", "__pycache__", "@eaDir", "lost+found", "#recycle", "$RECYCLE.BIN", "$Recycle.Bin", "@tmp",
                 "System Volume Information", ".ipynb_checkpoints", "ada", "__macosx", "tmp", "recycle"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ("week1.ipynb" if name == "ada" else "week3.ipynb")).write_text("{}")
    assert find_students(tmp_path) == [b"ada", b"recycle", b"tmp"]
    for name in ("recycle", "tmp"):
        (tmp_path / name / "week3.ipynb").unlink()
    assert find_weeks(tmp_path) == {1}


def test_the_weeks_that_were_handed_in(tmp_path):
    for number, names in enumerate([
            ["week1.ipynb"], ["week12.ipynb", "notes.ipynb"], ["week.ipynb", "weekx.ipynb", "week1.ipynb"],
            ["week²3.ipynb", "week99999999999999999999.ipynb", "week-1.ipynb"], []]):
        (tmp_path / str(number)).mkdir()
        for name in names:
            (tmp_path / str(number) / name).write_text("{}")
    (tmp_path / "week3.ipynb").write_text("{}")
    assert find_weeks(tmp_path) == {1, 12}


# ---- what lies there in place of a sheet

@pytest.mark.parametrize(("files", "told"), [
    ([], "no file lies in the folder"),
    (["Week1.ipynb"], "there is Week1.ipynb: rename it"),
    (["WEEK1.IPYNB"], "there is WEEK1.IPYNB: rename it"),
    (["week1-Copy1.ipynb"], "there is week1-Copy1.ipynb: rename it"),
    (["week1.ipynb.txt"], "there is week1.ipynb.txt: rename it"),
    (["week01.ipynb"], "there is week01.ipynb: rename it"),
    (["week1 (1).ipynb"], "there is week1 (1).ipynb: rename it"),
    (["Lovelace_week_1_final.ipynb"], "there is Lovelace_week_1_final.ipynb: rename it"),
    (["week1.ipynb "], "there is week1.ipynb : rename it"),
    (["week1.json", "notes.md"], "there is week1.json: rename it"),
    (["ｗｅｅｋ１.ipynb"], "there is ｗｅｅｋ１.ipynb: rename it"),
    (["Week1.ipynb", "week1-Copy1.ipynb", "notes.ipynb"],
     "there are Week1.ipynb, week1-Copy1.ipynb: put the right one there as week1.ipynb"),
    (["ada/week1.ipynb"], "there is ada/week1.ipynb: put it there as week1.ipynb"),
    (["ada/ada/Week1.ipynb", "__MACOSX/ada/._week1.ipynb", "@eaDir/week1.ipynb"],
     "there is ada/ada/Week1.ipynb: put it there as week1.ipynb"),
    (["a/week1.ipynb", "b/week1.ipynb"], "there are a/week1.ipynb, b/week1.ipynb: put the right one there"),
    (["my solution.ipynb", "data.csv"], "there is my solution.ipynb: rename it if it is the sheet"),
    (["week2.ipynb"], "there is week2.ipynb"), (["week10.ipynb"], "there is week10.ipynb"),
    (["a.ipynb", "b.ipynb"], "there are a.ipynb, b.ipynb"),
    (["week1.zip"], "there is week1.zip: unpack it"), (["week1.ipynb.zip", "x"], "there is week1.ipynb.zip: unpack"),
    (["week1.pdf"], "there is week1.pdf"), (["week1.html", "x.docx"], "there are week1.html, x.docx"),
    ([".ipynb_checkpoints/week1-checkpoint.ipynb", "._week1.ipynb"], "no file lies in the folder"),
    ([f"{'y' * 200}{number}" for number in range(9)], " and 6 more"), ([f"{number}" for number in range(2000)], "more"),
    (["\u202ew\x1b[2J.ipynb"], "there is \\u202ew\\x1b[2J.ipynb: rename it"),
])
def test_a_missing_sheet_names_what_lies_there(student, files, told):
    for name in files:
        (student / name).parent.mkdir(parents=True, exist_ok=True)
        (student / name).write_bytes(notebook(RIGHT))
    if files == ["WEEK1.IPYNB"] and (student / "week1.ipynb").exists():
        pytest.skip("this file system knows no case")
    submission = read(student)
    assert submission.missing and submission.problem.startswith("there is no week1.ipynb; ")
    assert told in submission.problem, submission.problem
    if told.startswith("there is ") and ":" not in told:
        assert submission.problem.endswith(told)                         # nothing that is another's to be renamed
    (student / "week1.ipynb").write_bytes(b"{}")                         # the exact name is marked, whatever is beside
    assert read(student).content == b"{}"


def test_the_digest_follows_what_lies_there(student):
    before = read(student).digest
    (student / "Week1.ipynb").write_bytes(b"")
    assert read(student).digest != before


def test_nothing_is_followed_or_run_to_see_what_lies_there(student, tmp_path):
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "week1.ipynb").write_bytes(b"")
    (student / "inner").symlink_to(tmp_path / "away")
    (student / "loop").symlink_to(student)
    os.mkfifo(student / "Week1.ipynb")
    assert read(student).problem.endswith("there is Week1.ipynb: rename it")
    folder = student
    for _ in range(200):                                                 # deeper than is looked
        folder = folder / "d"
        folder.mkdir()
    (folder / "week1.ipynb").write_bytes(b"")
    assert read(student).problem.endswith("there is Week1.ipynb: rename it")


# ---- a class that would be marked as nothing

def fill(folder, *files):
    for name in files:
        path = os.path.join(os.fsencode(folder), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(b"{}")
    return find_students(folder)


@pytest.mark.parametrize(("files", "told"), [
    (["Ada L_1_assignsubmission_file_week1.ipynb", "benb_4711_98765_week1.IPYNB", "x.txt"],
     "2 notebooks: Ada L_1_assignsubmission_file_week1.ipynb, benb_4711_98765_week1.IPYNB. Each student needs a"),
    (["benb_4711_98765_week1.ipynb.txt"], "but 1 notebook: benb_4711_98765_week1.ipynb.txt. "),
    (["week1.ipynb", "__MACOSX/._week1.ipynb", ".git/x"], "but 1 notebook: week1.ipynb. "),
    ([f"{number}.ipynb" for number in range(200)], "200 notebooks: 0.ipynb, 1.ipynb, 10.ipynb and 197 more."),
    (["Ada.zip", "Kurt.7z"], "but 2 packed files: Ada.zip, Kurt.7z. Unpack"),
    (["class/ada/week1.ipynb", "class/kurt/week1.ipynb"], "give the folder"),
    (["class/ada/week1.ipynb", "class/kurt/week1.ipynb", "class/a.ipynb"], ""),
    (["ada/week1.ipynb"], ""), (["ada/ada/week1.ipynb"], ""), (["ada/x"], ""), (["notes.txt"], ""),
    (["ada/week1.ipynb", "loose.ipynb", "kurt.zip"], ""),
])
def test_a_class_without_students_is_told(tmp_path, files, told):
    problem = class_problem(tmp_path, fill(tmp_path, *files))
    assert told in problem and bool(told) == bool(problem), problem
    assert "\n" not in problem and len(problem) < 600


def test_what_belongs_to_nobody_is_told(tmp_path):
    assert "nothing lies there" in class_remarks(tmp_path, [], 1)[0]
    students = fill(tmp_path, "ada/week1.ipynb", "readme.txt")
    assert class_remarks(tmp_path, students, 1) == []
    students = fill(tmp_path, "kurt_1_2_week1.ipynb", "emmy.zip")
    line, = class_remarks(tmp_path, students, 1)
    assert "emmy.zip, kurt_1_2_week1.ipynb" in line and "belongs to no student" in line


def test_a_second_candidate_beside_the_sheet_is_told(tmp_path):
    students = fill(tmp_path, "ada/week1.ipynb", "ada/Week1-Copy1.ipynb", "kurt/week1.ipynb", "kurt/old/week1.ipynb",
                    "emmy/week1.ipynb", "emmy/week2.ipynb", "emmy/week10.ipynb", "emmy/.ipynb_checkpoints/week1.ipynb")
    line, = class_remarks(tmp_path, students, 1)
    assert "2 students" in line and "ada (Week1-Copy1.ipynb), kurt (old/week1.ipynb)" in line and "emmy" not in line


def test_one_name_in_two_forms_of_unicode_is_told(tmp_path):
    students = fill(tmp_path, "Gödel/week1.ipynb", "Go\u0308del/week1.ipynb", "Noether/week1.ipynb")
    if len(students) < 3:
        pytest.skip("this file system knows one form only")
    line, = class_remarks(tmp_path, students, 1)
    assert "Gödel" in line and "Noether" not in line
    assert {read_submission(tmp_path, name, 1).student for name in students} == {"Gödel", "Noether"}
    assert len({read_submission(tmp_path, name, 1).stem for name in students}) == 3


# ---- names

def submission_of(name):
    return read_submission("/nowhere", name, 1)


@pytest.mark.parametrize(("name", "shown", "stem"), [
    (b"Ada Lovelace", "Ada Lovelace", "Ada%20Lovelace"),
    ("Évariste".encode(), "Évariste", "%C3%89variste"),
    (b"a,b;c\"d'e", "a,b;c\"d'e", "a%2Cb%3Bc%22d%27e"),
    (b"two\nlines\r\t", "two\\x0alines\\x0d\\x09", "two%0Alines%0D%09"),
    ("E\u0301variste".encode(), "Évariste", "E%CC%81variste"),           # as macOS stores it
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
