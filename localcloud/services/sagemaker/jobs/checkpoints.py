"""Keeps a training job's checkpoints in S3.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-checkpoints.html
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Self

from localcloud.services.sagemaker import artifacts
from localcloud.services.sagemaker.account import Role

logger = logging.getLogger(__name__)

_INTERVAL = 1.0  # seconds


class Checkpoints:
    """Context in which a folder has the checkpoints below an S3 URI, and its changes are uploaded.

    Uploads changed files while the context is open and, whatever ends it, at its end. Files that
    the container deletes stay in S3.

    Raises
    ------
    ArtifactError
        If the role can neither read nor write below the URI.
    """

    def __init__(self, role: Role, folder: Path, uri: str) -> None:
        self._role = role
        self._folder = folder
        self._uri = uri
        self._known: dict[Path, tuple[int, int]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        artifacts.download_if_any(self._role, self._uri, self._folder)
        self._known = self._state()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._upload()

    def _follow(self) -> None:
        while not self._ended.wait(_INTERVAL):
            try:
                self._upload()
            except artifacts.ArtifactError as error:
                logger.warning("%s; trying again", error)

    def _upload(self) -> None:
        state = self._state()
        changed = [path for path, found in state.items() if self._known.get(path) != found]
        artifacts.upload_files(self._role, self._folder, changed, self._uri)
        self._known = state

    def _state(self) -> dict[Path, tuple[int, int]]:
        """Returns time of change and size of each file."""
        found = {}
        for path in sorted(self._folder.rglob("*")):
            if path.is_file():
                status = path.stat()
                found[path] = (status.st_mtime_ns, status.st_size)
        return found
