"""Small promises about files that the operating system makes only when asked: on disk, locked by a living process.

Locks are flock on the folders themselves: the kernel drops them with the process, also on `kill -9`, and nothing has to
be tidied away. Where a file system or system has no such locks, `try_lock` says that it cannot tell.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

Held = Literal["ours", "somebody's", "cannot tell"]


def sync_file(path: Path) -> None:
    """Return when the file's bytes are on disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Return when the folder's names are on disk. Only POSIX systems have a way to ask."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(root: Path) -> None:
    """`sync_folder` for a folder and every one below it, the deepest first."""
    for folder, _, _ in os.walk(root, topdown=False):
        sync_folder(Path(folder))


def write_file(path: Path, content: bytes) -> None:
    """A new file, on disk when this returns."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


class FolderLock:
    """A lock on a folder for as long as this process lives or until `release`; it follows the folder when renamed."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder, os.O_RDONLY) if os.name == "posix" else -1

    def take(self, *, wait: bool) -> Held:
        """Take it, waiting for whoever has it if told to."""
        if sys.platform == "win32" or self._descriptor < 0:
            return "cannot tell"
        import fcntl

        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return "somebody's"
        except OSError:  # file systems without locks on folders, such as NFS
            return "cannot tell"
        return "ours"

    def release(self) -> None:
        """May be called more than once."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other exports out of a folder while the body runs, where its file system has locks."""
    lock = FolderLock(folder)
    try:
        lock.take(wait=True)
        yield
    finally:
        lock.release()
