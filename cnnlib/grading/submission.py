"""Read what a student handed in, as data: which folder, which file, which cells. Nothing of it is run here."""

import hashlib
import json
import os
import stat
import urllib.parse
from dataclasses import dataclass

LARGEST = 12 << 20               # bytes of a notebook
CELLS = 5000


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
        """The name to show: control characters and bytes that are no UTF-8 as \\xNN."""
        return show(os.fsdecode(self.name))

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


def find_students(folder):
    """The names of all students' folders, as bytes, sorted; loose files, links and dot-folders are ignored."""
    with os.scandir(os.fsencode(folder)) as entries:
        return sorted(entry.name for entry in entries
                      if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(b"."))


def find_weeks(folder):
    """The weeks of which somebody handed in a sheet."""
    weeks = set()
    with os.scandir(os.fsencode(folder)) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(b"."):
                try:
                    names = os.listdir(entry.path)
                except OSError:
                    continue
                weeks |= {int(name[4:-6]) for name in names if name.startswith(b"week") and name.endswith(b".ipynb")
                          and name[4:-6].isdigit() and len(name) < 20}
    return weeks


def read_submission(folder, name, week, file=None):
    """A student's weekN.ipynb, or `file` in its place, without following links or waiting for pipes or devices."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        directory = os.open(os.path.join(os.fsencode(folder), name), flags | os.O_DIRECTORY)
    except OSError as error:
        return Submission(name, None, f"the folder cannot be opened: {error.strerror}")
    try:
        try:
            file = os.open(file or b"week%d.ipynb" % week, flags, dir_fd=directory)
        except FileNotFoundError:
            return Submission(name, None, f"there is no week{week}.ipynb", missing=True)
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
