"""Read what a student handed in, as data: which folder, which file, which cells. Nothing of it is run here."""

import hashlib
import itertools
import json
import os
import re
import stat
import unicodedata
import urllib.parse
from collections import Counter
from dataclasses import dataclass

LARGEST = 12 << 20               # bytes of a notebook
CELLS = 5000

# Folders that systems leave beside those of students: macOS, Python, Linux, Windows; Synology's and QNAP's storage.
# In lower case. Names that begin with a dot need no list.
SYSTEM_FOLDERS = frozenset((
    b"__macosx", b"network trash folder", b"temporary items", b"__pycache__", b"lost+found",
    b"$recycle.bin", b"recycler", b"system volume information",
    b"@eadir", b"@tmp", b"@recycle", b"@recently-snapshot", b"#recycle", b"#snapshot"))
PACKED = (".zip", ".7z", ".rar", ".tar", ".tgz", ".gz", ".bz2", ".xz")


class Invalid(ValueError):
    """What was handed in is no notebook; the text says why."""


@dataclass(frozen=True)
class Submission:
    """A student's folder, and what of it counts.

    name: the folder's name as bytes of the file system.  content: the notebook's bytes, or None.
    problem: why there is no content; missing: whether there simply is no file.
    """

    name: bytes
    content: bytes | None
    problem: str = ""
    missing: bool = False

    @property
    def student(self):
        """The name to show, composed (NFC): control characters and bytes that are no UTF-8 as \\xNN."""
        return shown_name(os.fsdecode(self.name))

    @property
    def stem(self):
        """The name as a file's: percent-quoted, and if that is longer than 150 characters cut and hashed."""
        quoted = urllib.parse.quote_from_bytes(self.name, safe="")
        if len(quoted) > 150:
            quoted = f"{quoted[:117]}+{hashlib.sha256(self.name).hexdigest()[:32]}"
        return quoted

    @property
    def digest(self):
        """Changes when the content changes."""
        return hashlib.sha256(self.content if self.content is not None else self.problem.encode()).hexdigest()


def show(text):
    """Text without control characters, direction marks and undecodable bytes: those as \\xNN or \\uNNNN."""
    def one(character):
        code = ord(character)
        if 0xDC80 <= code <= 0xDCFF:                                     # a byte that is no UTF-8
            return f"\\x{code - 0xDC00:02x}"
        if code < 0x20 or 0x7F <= code < 0xA0:
            return f"\\x{code:02x}"
        if 0xD800 <= code <= 0xDFFF or code in (0x2028, 0x2029) or 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069:
            return f"\\u{code:04x}"
        return character
    return "".join(map(one, text))


def shown_name(text):
    """A student's name as it is shown. "ö" as one character or as "o" and dots, as macOS stores it, are one name."""
    return show(unicodedata.normalize("NFC", text))


# ---- the class

def find_students(folder):
    """The names of all students' folders, as bytes, sorted. Loose files, dot-folders and system folders are ignored.

    A link counts: it is not followed, not even to see whether it leads to a folder, and read_submission says so.
    """
    with os.scandir(os.fsencode(folder)) as entries:
        return sorted(entry.name for entry in entries if not _ignored(entry.name)
                      and (entry.is_symlink() or entry.is_dir(follow_symlinks=False)))


def find_weeks(folder):
    """The weeks of which somebody handed in a sheet."""
    weeks = set()
    with os.scandir(os.fsencode(folder)) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False) and not _ignored(entry.name):
                try:
                    names = os.listdir(entry.path)
                except OSError:
                    continue
                weeks |= {int(name[4:-6]) for name in names if name.startswith(b"week") and name.endswith(b".ipynb")
                          and name[4:-6].isdigit() and len(name) < 20}
    return weeks


def class_problem(folder, students):
    """Why a folder with these students would be marked as nothing, and the way out; "" if it would not."""
    where = show(str(folder))
    if len(students) == 1:
        files = _files_below(folder, students[0])
        sheets = [path for path in files if re.fullmatch(r"[^/]+/week\d+\.ipynb", path)]
        if len(sheets) > 1 and not any(path.endswith(".ipynb") for path in files if "/" not in path):
            inner = shown_name(os.fsdecode(students[0]))
            return (f"{where} holds one folder, {inner}, and in it lie those of the students ({_some(sheets)}): "
                    f"give the folder {where}/{inner}")
    if students:
        return ""
    files = _loose(folder)
    notebooks = [name for name in files if ".ipynb" in name.lower() and not name.lower().endswith(PACKED)]
    packed = [name for name in files if name.lower().endswith(PACKED)]
    start = f"there is no student's folder in {where}"
    if notebooks:
        return (f"{start}, but {_count(notebooks, 'notebook')}: {_some(notebooks)}. Each student needs a folder, in it "
                "weekN.ipynb; the page for instructors says how to sort a flat download of Canvas or Moodle")
    if packed:
        return f"{start}, but {_count(packed, 'packed file')}: {_some(packed)}. Unpack what was downloaded"
    return ""


def class_remarks(folder, students, week):
    """What a person should look at, although the class can be marked: lines of text."""
    lines, where, files = [], show(str(folder)), _loose(folder)
    if not students:
        lines.append(f"there is no student's folder in {where}: {_some(files) or 'nothing'} lies there")
    loose = [name for name in files if ".ipynb" in name.lower() or name.lower().endswith(PACKED)]
    if loose:
        lines.append(f"what lies loose in {where} belongs to no student and is not marked: {_some(loose)}")
    names = Counter(shown_name(os.fsdecode(name)) for name in students)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        lines.append(f"more than one folder is shown under the same name; each has a row of its own: {_some(twice)}")
    sheet, several = f"week{week}.ipynb", []
    for name in students:
        files = _files_below(folder, name)
        near = [path for path in files if path != sheet and _is_like(path, week)]
        if sheet in files and near:
            several.append(f"{shown_name(os.fsdecode(name))} ({_some(near, most=1)})")
    if several:
        lines.append(f"{sheet} is marked, but {_count(several, 'student')} handed in another that may be meant: "
                     f"{_some(several, most=5, longest=120)}")
    return lines


def _ignored(name):
    return name.startswith(b".") or name.lower() in SYSTEM_FOLDERS


def _loose(folder):
    """The names of what lies beside the students' folders, as text, sorted."""
    with os.scandir(os.fsencode(folder)) as entries:
        return sorted(os.fsdecode(entry.name) for entry in entries if not _ignored(entry.name)
                      and not entry.is_symlink() and not entry.is_dir(follow_symlinks=False))


# ---- a student's folder

def _open(path, flags=0, directory=None):
    """A file descriptor to read from, without following a link at the path's end or waiting for pipes or devices."""
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | flags, dir_fd=directory)


def _files_below(folder, name):
    """As _files, of a student's folder that is not open; [] if it cannot be opened."""
    try:
        directory = _open(os.path.join(os.fsencode(folder), name), os.O_DIRECTORY)
    except OSError:
        return []
    try:
        return _files(directory)
    finally:
        os.close(directory)


def _files(directory, depth=3):
    """Paths of the files in an open folder and, behind them, in the folders inside, as text.

    Links are not followed, names that are ignored are left out, and of a folder with very much in it only a part is
    seen: 500 names, and 10 folders.
    """
    files, folders = [], []
    try:
        with os.scandir(directory) as entries:
            for entry in itertools.islice(entries, 500):
                if not _ignored(os.fsencode(entry.name)):
                    (folders if entry.is_dir(follow_symlinks=False) else files).append(entry.name)
    except OSError:
        return []
    files.sort()
    for name in sorted(folders)[:10] if depth > 1 else ():
        try:
            inner = _open(name, os.O_DIRECTORY, directory)
        except OSError:
            continue
        try:
            files += [f"{name}/{path}" for path in _files(inner, depth - 1)]
        finally:
            os.close(inner)
    return files


def _is_like(path, week):
    """Whether a file may be the week's sheet under another name: Week1.ipynb, week1 (1).ipynb, week1.ipynb.txt, …"""
    name = unicodedata.normalize("NFKC", path.rpartition("/")[2]).casefold()
    notebook = "ipynb" in name or name.endswith(".json") or "." not in name
    return notebook and not name.endswith(PACKED) and bool(re.search(rf"week[\W_]*0*{week}(?!\d)", name))


def _instead(directory, week):
    """Why an open folder without weekN.ipynb has none: what lies there in its place, and what to do about it."""
    files = _files(directory)
    sheet = f"week{week}.ipynb"
    like = [path for path in files if _is_like(path, week)]
    notebooks = [path for path in files if path.lower().endswith(".ipynb")]
    packed = [path for path in files if path.lower().endswith(PACKED)]
    found = like or notebooks or packed or files
    if not found:
        return f"there is no {sheet}; no file lies in the folder"
    if len(found) == 1:
        there = f"is {_some(found)}"
        move = f"put it there as {sheet}" if "/" in found[0] else "rename it"
        advice = f": {move}" if like else ": unpack it" if packed and not notebooks else ""
        if notebooks and not like and not re.fullmatch(r"week\d+\.ipynb", found[0]):
            advice = f": {move} if it is the sheet"
    else:
        there, advice = f"are {_some(found)}", f": put the right one there as {sheet}" if like else ""
    return f"there is no {sheet}; there {there}{advice}"


def _some(names, most=3, longest=60):
    """The first names, to show, each cut to a length."""
    shown = [show(name) for name in names[:most]]
    shown = [name if len(name) <= longest else f"{name[:longest - 1]}…" for name in shown]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")


def _count(names, noun):
    return f"{len(names)} {noun}{'s' if len(names) > 1 else ''}"


def read_submission(folder, name, week, file=None):
    """A student's weekN.ipynb, or `file` in its place, without following links or waiting for pipes or devices."""
    path = os.path.join(os.fsencode(folder), name)
    try:
        directory = _open(path, os.O_DIRECTORY)
    except OSError as error:
        if os.path.islink(path):
            return Submission(name, None, "the folder is a link, and links are not followed: put the folder itself in")
        return Submission(name, None, f"the folder cannot be opened: {error.strerror}")
    try:
        try:
            file = _open(file or b"week%d.ipynb" % week, 0, directory)
        except FileNotFoundError:
            return Submission(name, None, _instead(directory, week), missing=True)
        except OSError as error:
            return Submission(name, None, f"week{week}.ipynb cannot be opened: it is a link, or {error.strerror}")
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                return Submission(name, None, f"week{week}.ipynb is no regular file")
            if status.st_size > LARGEST:
                return Submission(name, None, f"week{week}.ipynb has {status.st_size >> 20} MB; "
                                              f"{LARGEST >> 20} MB are allowed")
            with os.fdopen(os.dup(file), "rb") as stream:
                content = stream.read(LARGEST + 1)
        except OSError as error:
            return Submission(name, None, f"week{week}.ipynb cannot be read: {error.strerror}")
        finally:
            os.close(file)
    finally:
        os.close(directory)
    if len(content) > LARGEST:
        return Submission(name, None, f"week{week}.ipynb is larger than {LARGEST >> 20} MB")
    return Submission(name, content)


# ---- the notebook

def code_cells(content):
    """The sources of a notebook's code cells, in order. Raises Invalid for what is no notebook.

    Old formats, a byte-order mark, odd line ends, missing ids and metadata are fine; only the sources are looked at.
    """
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Invalid("the file is not UTF-8") from None
    except RecursionError:
        raise Invalid("the file is nested too deep") from None
    except ValueError as error:
        raise Invalid(f"the file is not JSON: {str(error)[:100]}") from None
    if not isinstance(notebook, dict):
        raise Invalid("the file is JSON, but no notebook")
    cells = notebook.get("cells")
    if cells is None and isinstance(notebook.get("worksheets"), list):   # before format 4
        cells = [cell for sheet in notebook["worksheets"] if isinstance(sheet, dict)
                 for cell in (sheet.get("cells") if isinstance(sheet.get("cells"), list) else [])]
    if not isinstance(cells, list):
        raise Invalid("the notebook has no list of cells")
    if len(cells) > CELLS:
        raise Invalid(f"the notebook has {len(cells)} cells; {CELLS} are allowed")
    sources = []
    for cell in cells:
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source", cell.get("input", ""))
            if isinstance(source, list) and all(isinstance(line, str) for line in source):
                source = "".join(source)
            if isinstance(source, str):
                sources.append(source)
    return sources
