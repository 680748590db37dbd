"""What the page for instructors says is so: commands exist, numbers are the grader's, scripts do their work."""

import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import typer

from cnnlib.grading import marking, sandbox, submission
from cnnlib.grading.__main__ import app
from cnnlib.grading.questions import WEEKS
from tests.paths import ROOT

TEXT = (ROOT / "chapters" / "reference" / "instructors.md").read_text()
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(bash|python)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = typer.main.get_command(app)
MOST = sum(question.points for question in WEEKS[1])


def block(language, *words):
    """The one block of code that holds these words."""
    found = [code for kind, code in BLOCKS if kind == language and all(word in code for word in words)]
    assert len(found) == 1, f"{len(found)} blocks hold {words}"
    return found[0]


def lines(text):
    """What stands behind `python -m cnnlib.grading` or `cnn-grading` in the text."""
    text = text.replace("\\\n", " ")
    return [shlex.split(line) for line in re.findall(r"(?:python -m cnnlib\.grading|cnn-grading) (\w[^`\n]*)", text)]


@pytest.mark.parametrize("text", [TEXT, README], ids=["page", "README"])
def test_every_command_is_one_that_there_is(text):
    found = lines(text)
    assert found
    for name, *arguments in found:
        assert name in COMMANDS.commands, name
        COMMANDS.commands[name].make_context(name, arguments)            # raises what a wrong call would


def test_every_command_for_instructors_is_on_the_page():
    assert {name for name, *_ in lines(TEXT)} == set(COMMANDS.commands) - {"exercises"}
    options = {option for command in COMMANDS.commands.values() for each in command.params for option in each.opts}
    words = set(re.findall(r"`(--[a-z-]+)", TEXT))
    assert words - {"--privileged", "--user", "--security-opt"} <= options


@pytest.mark.parametrize("text", [TEXT, README], ids=["page", "README"])
def test_every_make_target_is_one_that_there_is(text):
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    wanted = set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE))
    assert wanted and wanted <= targets


def test_the_numbers_are_the_graders():
    table = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", TEXT, re.MULTILINE))
    assert table["a cell"] == f"{marking.CELL_SECONDS} seconds"
    assert table["the cases of a question together"] == f"{marking.QUESTION_SECONDS} seconds"
    assert table["the whole submission"] == f"{marking.TOTAL_SECONDS} seconds"
    assert table["memory"] == f"2 GB, of which address space {sandbox.MEMORY / 2**30:g} GB" and sandbox.MEMORY < 2 << 30
    assert table["private `/tmp`"] == f"{sandbox.TMP >> 20} MB, {sandbox.FILES} files"
    assert table["an answer"] == f"{sandbox.REPLY >> 20} MB"
    assert table["starts of a new sandbox"] == str(marking.RESTARTS)
    assert f"a notebook may have up to {submission.LARGEST >> 20} MB" in TEXT
    statuses = re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", TEXT, re.MULTILINE)
    assert tuple(statuses) == marking.STATUSES
    assert set(re.findall(r"(\d+) points", TEXT)) == {str(MOST)} and f"maximum grade to {MOST}" in TEXT


def test_the_container_is_called_as_its_recipe_says():
    recipe = re.sub(r"^# ?", "", (ROOT / "Containerfile").read_text(), flags=re.MULTILINE)
    said = [line.strip() for line in recipe.splitlines()]
    for engine in ("podman", "docker"):
        code = block("bash", f"{engine} run")
        assert code.split() == [word for line in joined(said, engine) for word in line.split()]


def joined(said, engine):
    """The lines of the recipe that call the engine, with those that they go on in."""
    going = False
    for line in said:
        if going or line.startswith((f"{engine} run", f"{engine} build")):
            going = line.endswith("\\")
            yield line


def test_the_cluster_is_started_with_options_that_dask_has():
    cli = pytest.importorskip("distributed.cli")
    from distributed.cli import dask_scheduler, dask_worker

    assert cli
    calls = re.findall(r"^dask (\w+) (.*)$", block("bash", "dask worker"), re.MULTILINE)
    programs = {"scheduler": dask_scheduler.main, "worker": dask_worker.main}
    assert [name for name, _ in calls] == list(programs)
    for name, arguments in calls:
        programs[name].make_context(name, shlex.split(arguments))


# ---- the scripts, on downloads like those of the platforms

def shell(code, folder):
    if "unzip" in code and shutil.which("unzip") is None:
        pytest.skip("unzip is not installed")
    result = subprocess.run(["sh", "-e", "-c", code], cwd=folder, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr


def script(code, folder):
    """Run Python from the page. → the lines that it wrote"""
    result = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0 and not result.stderr, result.stderr
    return result.stdout.splitlines()


def handed_in(folder):
    return sorted(str(path.relative_to(folder / "submissions")) for path in folder.glob("submissions/*/*"))


def download(path, names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, name)


def test_moodles_download(tmp_path):
    folder = "Ada Lovelace_1234567_assignsubmission_file"
    download(tmp_path / "moodle.zip", [f"{folder}/week1.ipynb", "Kurt O'N_2_assignsubmission_file_/my $(week) 1.ipynb"])
    shell(block("bash", "moodle.zip"), tmp_path)
    shell(block("bash", "for folder in"), tmp_path)
    assert handed_in(tmp_path) == [f"{folder}/week1.ipynb", "Kurt O'N_2_assignsubmission_file_/week1.ipynb"]


def lay(folder, names):
    """Files that hold their own names."""
    for name in names:
        path = os.path.join(os.fsencode(folder), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(os.path.basename(path))


def test_moodles_flat_download(tmp_path):
    flat = ["Ada L_1234567_assignsubmission_file_week1.ipynb", "Kurt Gödel_12_assignsubmission_file_my sheet.ipynb",
            "Go\u0308del_13_assignsubmission_file_week1 (1).ipynb", "O'Neil_14_assignsubmission_file_a.pdf",
            "O'Neil_14_assignsubmission_file_week1.ipynb"]
    inside = ["Emmy_15_assignsubmission_file/week1.ipynb", "Emil_16_assignsubmission_file_/week1.ipynb"]
    other = ["Ada L_1234567_assignsubmission_onlinetext_onlinetext.html", "notes.ipynb", b"\xff.txt", "__MACOSX/x",
             "Emil_16_assignsubmission_file_week1.ipynb", "x_1_assignsubmission_file_"]
    lay(tmp_path / "submissions", [*flat, *inside, *other])
    os.symlink("notes.ipynb", tmp_path / "submissions" / "link_17_assignsubmission_file_week1.ipynb")
    told = script(block("python", "iterdir", "_assignsubmission_file_"), tmp_path)
    assert len(told) == len(other) + 1 and all(line.startswith("left out: ") for line in told)
    for name in flat:
        student, _, file = name.partition("_assignsubmission_file_")
        moved = tmp_path / "submissions" / f"{student}_assignsubmission_file_" / file
        assert moved.read_text() == name
    for name in [*inside, *other]:
        assert os.path.exists(os.path.join(os.fsencode(tmp_path / "submissions"), os.fsencode(name)))
    assert script(block("python", "iterdir", "_assignsubmission_file_"), tmp_path) == told     # nothing is done twice


def test_gradescopes_download(tmp_path):
    download(tmp_path / "export.zip", [
        "assignment_77_export/submission_1/week1.ipynb", "assignment_77_export/submission_2/-rf.ipynb",
        "assignment_77_export/submission_3/a.ipynb", "assignment_77_export/submission_3/b.ipynb",
        "assignment_77_export/submission_4/notes.txt", "assignment_77_export/submission_metadata.yml"])
    shell(block("bash", "export.zip"), tmp_path)
    shell(block("bash", "for folder in"), tmp_path)
    assert handed_in(tmp_path) == ["submission_1/week1.ipynb", "submission_2/week1.ipynb", "submission_3/a.ipynb",
                                   "submission_3/b.ipynb", "submission_4/notes.txt"]


def test_canvas_download(tmp_path):
    download(tmp_path / "canvas.zip", ["lovelaceada_LATE_4711_98765_week1.ipynb", "gödelkurt_12_13_week_1_2_x-1.ipynb",
                                       "anon_4_7_8_week1.ipynb"])
    shell(block("bash", "canvas.zip"), tmp_path)
    script(block("python", 'Path("canvas")'), tmp_path)
    assert handed_in(tmp_path) == ["12/week1.ipynb", "4/week1.ipynb", "4711/week1.ipynb"]
    assert (tmp_path / "submissions/12/week1.ipynb").read_text() == "gödelkurt_12_13_week_1_2_x-1.ipynb"


CANVAS = {                                                               # what canvas-lms' content_zipper.rb writes
    "anon_kX3f9_98770_week1.ipynb": "kX3f9", "LATE_anon_Qw2Zz_98771_week1.ipynb": "Qw2Zz",
    "anon_LATE_a1b2C_98772_week1.ipynb": "a1b2C", "anon_12345_98773_week1-1.ipynb": "12345",
    "anon_LaTeX_LATE_98774_week_2_3_x.ipynb": "LaTeX",
    "doejane_12346_67890_week1.ipynb": "12346", "doejane_LATE_12347_67891_week1.ipynb": "12347",
    "doejane_12348_67892_week1-1.ipynb": "12348", "gödel kurt_12349_67893_my week 1 (final).ipynb": "12349",
    "go\u0308delkurt_LATE_12350_67894_Übung.ipynb": "12350", "anonsmith_12351_67895_week1.IPYNB": "12351",
    "李_12352_67896_week1.ipynb": "12352", "o_neil_anon_12353_67897_week1.ipynb": "12353",
    "group_1a_12354_67898_week1.ipynb": "12354"}


def test_canvas_names(tmp_path):
    other = ["readme.txt", "week1.ipynb", "doejane_1_text.html", "anon_kX3f9_text.html", b"\xff.ipynb", ".DS_Store",
             "doejane_x_y_week1.ipynb", "folder_1_2_x/week1.ipynb", "new\nline.ipynb"]
    lay(tmp_path / "canvas", [*CANVAS, *other])
    os.symlink("/etc/passwd", tmp_path / "canvas" / "doe_99_1_week1.ipynb")
    told = script(block("python", 'Path("canvas")'), tmp_path)
    assert len(told) == len(other) + 1 and all(line.startswith("left out: ") for line in told)
    assert handed_in(tmp_path) == sorted(f"{user}/week1.ipynb" for user in CANVAS.values())
    for name, user in CANVAS.items():
        assert (tmp_path / "submissions" / user / "week1.ipynb").read_text() == name


def test_canvas_students_with_several_files_or_none(tmp_path):
    lay(tmp_path / "canvas", ["a_1_11_week1.ipynb", "a_1_12_week1-1.ipynb", "b_2_13_week1.ipynb", "b_2_14_plot.png",
                              b"c_LATE_3_15_\xff.pdf", "d_4_16_week1.zip"])
    told = script(block("python", 'Path("canvas")'), tmp_path)
    assert [line.split(":")[0] for line in told] == ["2 notebooks", "0 notebooks", "0 notebooks"]
    assert "a_1_11_week1.ipynb" in told[0] and "a_1_12_week1-1.ipynb" in told[0]
    assert [name for name in handed_in(tmp_path) if name[0] != "3"] == [
        "1/a_1_11_week1.ipynb", "1/a_1_12_week1-1.ipynb", "2/b_2_14_plot.png", "2/week1.ipynb", "4/d_4_16_week1.zip"]
    found = {name: submission.read_submission(tmp_path / "submissions", name.encode(), 1) for name in "1234"}
    assert found["2"].content == b"b_2_13_week1.ipynb" and all(found[name].missing for name in "134")
    assert "a_1_11_week1.ipynb, a_1_12_week1-1.ipynb: put the right one there" in found["1"].problem
    assert "d_4_16_week1.zip: unpack it" in found["4"].problem and "c_LATE_3_15_\\xff.pdf" in found["3"].problem


def test_nbgraders_folders(tmp_path):
    for student in ("ada", "bitdiddle b"):
        (tmp_path / "submitted" / student / "week1").mkdir(parents=True)
        (tmp_path / "submitted" / student / "week1" / "week1.ipynb").write_text(student)
    shell(block("bash", "submitted/*"), tmp_path)
    assert handed_in(tmp_path) == ["ada/week1.ipynb", "bitdiddle b/week1.ipynb"]


def table(path, rows):
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(rows)


def grades(folder, *rows):
    (folder / "grades").mkdir()
    table(folder / "grades" / "grades.csv", [["student", "total", "max", "status", "reason"], *rows])
    path = folder / "grades" / "grades.csv"
    path.write_text(path.read_text(encoding="utf-8-sig"), encoding="utf-8")


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_the_import_into_canvas(tmp_path):
    grades(tmp_path, ["4711", "27", "32", "ok", "x"], ["12", "0", "32", "missing", "there is no week1.ipynb"],
           ["kX3f9", "32", "32", "ok", ""])
    head = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Quiz (1)", "Week 1 (901)", "Final Score"]
    table(tmp_path / "gradebook.csv", [
        head, ["    Points Possible", "", "", "", "", "5", "32", "(read only)"],
        ["Lovelace, Ada", "4711", "s1", "ada", "A", "4", "", "50"],
        ["Gödel, Kurt", "12", "s2", "kurt", "A", "1", "3", "9"],
        ["Nash, John", "13", "s3", "john", "B", "", "30", ""]])
    assert script(block("python", "gradebook.csv"), tmp_path) == ["not in the gradebook: 'kX3f9'"]
    assert read(tmp_path / "import.csv") == [
        [*head[:5], "Week 1 (901)"], ["    Points Possible", "", "", "", "", "32"],
        ["Lovelace, Ada", "4711", "s1", "ada", "A", "27"], ["Gödel, Kurt", "12", "s2", "kurt", "A", "0"],
        ["Nash, John", "13", "s3", "john", "B", "30"]]


def test_the_import_into_moodle(tmp_path):
    grades(tmp_path, ["Ada Lovelace_1234567_assignsubmission_file", "27", "32", "ok", "im2col: the shape is (1, 2)"],
           ["Kurt Gödel_12_assignsubmission_file_", "32", "32", "ok", ""], ["another folder", "1", "32", "ok", ""],
           ["Gone_99_assignsubmission_file_", "1", "32", "ok", ""])
    head = ["Identifier", "Full name", "Email address", "Status", "Grade", "Maximum grade", "Grade can be changed",
            "Last modified (grade)", "Feedback comments"]
    table(tmp_path / "worksheet.csv", [
        head, ["Participant 1234567", "Ada Lovelace", "a@x", "Submitted", "", "32.00", "Yes", "-", ""],
        ["Participant 12", "Kurt Gödel", "k@x", "Submitted", "", "32.00", "Yes", "-", ""],
        ["Participant 13", "John Nash", "j@x", "No submission", "", "32.00", "Yes", "-", "ill"]])
    assert script(block("python", "worksheet.csv"), tmp_path) == [
        "no number of Moodle's: 'another folder'", "not in the worksheet: 'Gone_99_assignsubmission_file_'"]
    assert read(tmp_path / "import.csv") == [
        head, ["Participant 1234567", "Ada Lovelace", "a@x", "Submitted", "27", "32.00", "Yes", "-",
               "im2col: the shape is (1, 2)"],
        ["Participant 12", "Kurt Gödel", "k@x", "Submitted", "32", "32.00", "Yes", "-", ""],
        ["Participant 13", "John Nash", "j@x", "No submission", "", "32.00", "Yes", "-", "ill"]]


def test_the_walk_through_from_a_download_to_the_reports(tmp_path):
    """Moodle's zip, grade, explain, regrade, export: the page's own lines, one after the other."""
    try:
        sandbox.check_available()
    except sandbox.SandboxUnavailable as error:
        pytest.skip(str(error))
    with zipfile.ZipFile(tmp_path / "moodle.zip", "w") as archive:
        for student, source in (("Ada Lovelace", "solutions"), ("Kurt Gödel", "exercises")):
            archive.write(ROOT / source / "week1.ipynb", f"{student}/sheet.ipynb")
    shell(block("bash", "moodle.zip"), tmp_path)
    shell(block("bash", "for folder in"), tmp_path)
    program = f"{shlex.quote(sys.executable)} -m cnnlib.grading"
    for name in ("grade", "explain", "regrade", "export"):
        line, = (code for _, code in BLOCKS if code.startswith(f"python -m cnnlib.grading {name} "))
        shell(line.replace("python -m cnnlib.grading", program), tmp_path)
    rows = read(tmp_path / "grades" / "grades.csv")
    columns = re.findall(r"^\| (?:`(\w+)`(?:, `(\w+)`)?|one for each question) \| [^|]+ \|$",
                         TEXT.partition("The columns of `grades.csv`")[2].partition("| status | what")[0], re.MULTILINE)
    names = [name for pair in columns for name in (pair if any(pair) else [q.name for q in WEEKS[1]]) if name]
    assert rows[0] == names
    assert [(row[0], row[-4], row[-2]) for row in rows[1:]] == [("Ada Lovelace", str(MOST), "ok"),
                                                                ("Kurt Gödel", "0", "ok")]
    for name in re.findall(r"^\| `([\w./]+)` \| ", TEXT.partition("| in `grades/` |")[2].partition("Files of")[0],
                           re.MULTILINE):
        assert Path(tmp_path, "grades", name).exists(), name
    assert (tmp_path / "grades" / "html" / "students" / "Ada%20Lovelace.html").exists()
