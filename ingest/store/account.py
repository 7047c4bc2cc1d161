"""`Account`: whom the embedded server runs as. PostgreSQL refuses to run as root, so root has to lend it another user.

An ordinary user's server runs as that user. Root's server runs as the owner of the home folder, or as `nobody` where
that owner is root itself; no system user is made. Folders on the way that `nobody` may not enter (a `/root` of mode
0700) are opened for traversal to their *group* only, and the server joins that group: nothing becomes readable to all.
"""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from ingest.errors import DatabaseUnreachable

_NOBODY = "nobody"


class RunAs(TypedDict, total=False):
    """The arguments of `subprocess.run` that change the user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """A user and its groups. `uid` None: the user we are."""

    uid: int | None = None
    gid: int = -1
    groups: tuple[int, ...] = ()

    def run_as(self) -> RunAs:
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": list(self.groups)}

    def own(self, path: Path) -> None:
        """Give `path` to this account."""
        if self.uid is not None:
            os.chown(path, self.uid, self.gid)


def account_for(home: Path, paths: Iterable[Path]) -> Account:
    """The account for a server whose files are in `home`, able to enter every folder on the way to `paths`.

    Raises DatabaseUnreachable when root has no user to lend.
    """
    if os.geteuid() != 0:
        return Account()
    owner = home.stat()
    uid, gid = (owner.st_uid, owner.st_gid) if owner.st_uid != 0 else _nobody()
    return Account(uid, gid, tuple(sorted(_groups_that_open(paths, uid))))


def _nobody() -> tuple[int, int]:
    import pwd

    try:
        entry = pwd.getpwnam(_NOBODY)
    except KeyError:
        raise DatabaseUnreachable(
            f"PostgreSQL does not run as root, and this machine has no user {_NOBODY!r} to run it as.",
            hint="Run ingest as an ordinary user, or name a database server.",
        ) from None
    return entry.pw_uid, entry.pw_gid


def _groups_that_open(paths: Iterable[Path], uid: int) -> set[int]:
    """Groups to join so that `uid` can enter all folders; sets the group's traverse bit where it is missing."""
    folders = {folder for path in paths for folder in (path, *path.parents)}
    states = {folder: folder.stat() for folder in folders}
    closed = {s.st_gid for s in states.values() if s.st_uid != uid and not s.st_mode & stat.S_IXOTH}
    for folder, state in states.items():
        if state.st_uid != uid and state.st_gid in closed and not state.st_mode & stat.S_IXGRP:
            folder.chmod(stat.S_IMODE(state.st_mode) | stat.S_IXGRP)
    return closed
