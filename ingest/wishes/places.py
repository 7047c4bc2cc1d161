"""Where job files lie: said alike from any working folder, and compared with what the database knows.

Machines need not share a file system: a file that is not on this one counts as gone or moved. One that this user may
not look at counts as there.
"""

from pathlib import Path


def place(path: Path) -> Path:
    """Where a job file lies, from any working folder; a file that is a link stays one."""
    return path.parent.resolve() / path.name


def is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # no leave to look
        return True


def is_another(known: Path, path: Path) -> bool:
    """Whether a wish was read from another file than this one, which is still there. By a second way it is the same."""
    if place(known) == place(path) or not is_there(known):
        return False
    try:
        return not known.samefile(path)
    except OSError:
        return True
