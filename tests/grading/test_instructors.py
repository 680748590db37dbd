"""What the page for instructors says is so: commands exist, numbers are the grader's, scripts do their work."""

import csv
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
from cnnlib.grading.sandbox import limits
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
    assert table["memory"] == f"2 GB, of which address space {limits.MEMORY / 2**30:g} GB" and limits.MEMORY < 2 << 30
    assert table["private `/tmp`"] == f"{limits.TMP >> 20} MB, {limits.FILES} files"
    assert table["an answer"] == f"{limits.REPLY >> 20} MB"
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
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, timeout=60)


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
    grades(tmp_path, ["4711", "27", "32", "ok", "x"], ["12", "0", "32", "missing", "there is no week1.ipynb"])
    head = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Quiz (1)", "Week 1 (901)", "Final Score"]
    table(tmp_path / "gradebook.csv", [
        head, ["    Points Possible", "", "", "", "", "5", "32", "(read only)"],
        ["Lovelace, Ada", "4711", "s1", "ada", "A", "4", "", "50"],
        ["Gödel, Kurt", "12", "s2", "kurt", "A", "1", "3", "9"],
        ["Nash, John", "13", "s3", "john", "B", "", "30", ""]])
    script(block("python", "gradebook.csv"), tmp_path)
    assert read(tmp_path / "import.csv") == [
        [*head[:5], "Week 1 (901)"], ["    Points Possible", "", "", "", "", "32"],
        ["Lovelace, Ada", "4711", "s1", "ada", "A", "27"], ["Gödel, Kurt", "12", "s2", "kurt", "A", "0"],
        ["Nash, John", "13", "s3", "john", "B", "30"]]


def test_the_import_into_moodle(tmp_path):
    grades(tmp_path, ["Ada Lovelace_1234567_assignsubmission_file", "27", "32", "ok", "im2col: the shape is (1, 2)"],
           ["Kurt Gödel_12_assignsubmission_file_", "32", "32", "ok", ""], ["another folder", "1", "32", "ok", ""])
    head = ["Identifier", "Full name", "Email address", "Status", "Grade", "Maximum grade", "Grade can be changed",
            "Last modified (grade)", "Feedback comments"]
    table(tmp_path / "worksheet.csv", [
        head, ["Participant 1234567", "Ada Lovelace", "a@x", "Submitted", "", "32.00", "Yes", "-", ""],
        ["Participant 12", "Kurt Gödel", "k@x", "Submitted", "", "32.00", "Yes", "-", ""],
        ["Participant 13", "John Nash", "j@x", "No submission", "", "32.00", "Yes", "-", "ill"]])
    script(block("python", "worksheet.csv"), tmp_path)
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
