"""Runs a command that sees a folder as ``/opt/ml``, as the containers of SageMaker do.

Usage: ``python mounted.py FOLDER COMMAND…``. The folder is mounted in a user and a mount namespace
of Linux, which need no privileges and end with the command; other processes do not see the mount.
As in a container, the command runs as root; outside of the namespace its files belong to the
caller.

Uses only the standard library, because it runs as a script of its own.
"""

from __future__ import annotations

import ctypes
import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path("/opt/ml")

# Constants of <sched.h> and <sys/mount.h>.
_NEW_MOUNTS = 0x00020000
_NEW_USER = 0x10000000
_BIND = 4096
_RECURSIVE = 16384
_PRIVATE = 1 << 18
_DETACH = 2

_NOT_FOUND = 127  # exit code of a shell and of Docker for a command that does not exist


def command(folder: Path, words: Sequence[str]) -> list[str]:
    """Returns the command line that runs a command with a folder as ``/opt/ml``."""
    return [sys.executable, "-I", "-S", __file__, str(folder), *words]


@functools.cache
def problem() -> str | None:
    """Returns why this system cannot mount the folder; None if it can."""
    with tempfile.TemporaryDirectory() as folder:
        line = command(Path(folder), ["true"])
        result = subprocess.run(line, capture_output=True, text=True, check=False)
    return None if result.returncode == 0 else result.stderr.strip().rpartition("\n")[2]


def _mount(source: Path | str, target: Path, kind: str = "", flags: int = 0) -> None:
    encoded = [os.fsencode(text) for text in (source, target, kind)]
    if _libc().mount(*encoded, flags, None) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot mount {source}: {os.strerror(number)}", str(target))


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _enter_namespaces() -> None:
    user, group = os.getuid(), os.getgid()
    if not sys.platform.startswith("linux"):
        raise OSError(f"{sys.platform} has no mount namespaces; they need Linux")
    if _libc().unshare(_NEW_USER | _NEW_MOUNTS) != 0:
        reason = os.strerror(ctypes.get_errno())
        raise OSError(f"this system does not allow user namespaces: {reason}")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    _mount("none", Path("/"), flags=_RECURSIVE | _PRIVATE)


def _make_mount_point() -> None:
    """Adds ``ml`` to a copy of ``/opt`` in memory that refers to all of its other entries."""
    parent = ROOT.parent
    copy = Path(tempfile.mkdtemp())
    _mount("tmpfs", copy, "tmpfs")
    for entry in parent.iterdir():
        target = copy / entry.name
        if entry.is_symlink():
            target.symlink_to(entry.readlink())
            continue
        if entry.is_dir():
            target.mkdir()
        else:
            target.touch()
        _mount(entry, target, flags=_BIND | _RECURSIVE)
    (copy / ROOT.name).mkdir()
    _mount(copy, parent, flags=_BIND | _RECURSIVE)
    _libc().umount2(os.fsencode(copy), _DETACH)  # `parent` keeps what is mounted
    copy.rmdir()


def main(folder: Path, words: list[str]) -> None:
    """Replaces this process by the command; raises `OSError` if the folder cannot be mounted."""
    folder = folder.resolve()
    _enter_namespaces()
    if not ROOT.is_dir():
        _make_mount_point()
    _mount(folder, ROOT, flags=_BIND)
    os.chdir(ROOT)
    try:
        os.execvp(words[0], words)  # noqa: S606 - the command of the job's request
    except OSError as error:
        print(f"cannot run {words[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(_NOT_FOUND)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
