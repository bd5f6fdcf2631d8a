"""Prepares the home folder and the environment of the serving process, then runs the server."""

from __future__ import annotations

import fcntl
import importlib
import os
import shutil
import time
from typing import IO

from contracts.errors import LakecastError
from localcloud.cloud.home import (
    LOOPBACK,
    CloudConfig,
    Credentials,
    client_environment,
    remove_environment,
)

# A process that looks for the cloud holds the lock for an instant (`launch.serving_pid`), so one
# refusal does not mean that another process serves.
_LOCK_ATTEMPTS = 20
_LOCK_PAUSE = 0.05  # seconds


class AlreadyServingError(LakecastError):
    """Another process serves from this home folder."""


def serve(config: CloudConfig) -> None:
    """Serves until SIGTERM or SIGINT, then saves all state.

    Raises
    ------
    AlreadyServingError
        If another process serves from the same home folder.
    """
    config.home.mkdir(parents=True, exist_ok=True)
    with exclusive(config):
        credentials = Credentials.of(config)
        _prepare(config, client_environment(config, credentials))
        try:
            # ministack reads its settings from environment variables at import.
            importlib.import_module("localcloud.server.main").run(config, credentials)
        finally:
            config.record_file.unlink(missing_ok=True)
            remove_environment(config)


def exclusive(config: CloudConfig) -> IO[str]:
    """Locks the home folder; the kernel releases the lock when the process ends for any reason."""
    lock = config.lock_file.open("a+")
    for remaining in reversed(range(_LOCK_ATTEMPTS)):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError:
            if not remaining:
                raise AlreadyServingError(
                    f"a local cloud already serves from {config.home}"
                ) from None
            time.sleep(_LOCK_PAUSE)
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _prepare(config: CloudConfig, variables: dict[str, str]) -> None:
    """Sets environment variables for ministack and its child processes."""
    home = config.home.absolute()
    for folder in (home / "state", home / "s3"):
        folder.mkdir(exist_ok=True)
    shutil.rmtree(home / "tmp", ignore_errors=True)
    (home / "tmp").mkdir()
    os.environ.update(variables)
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "SERVICES", "MINISTACK_HOST"):
        os.environ.pop(name, None)
    os.environ.update(
        {
            "AUTH": "true",
            "BIND_HOST": LOOPBACK,
            "GATEWAY_PORT": str(config.port),
            "IOT_MTLS_PORT": str(config.mqtt_port),
            "MINISTACK_ACCOUNT_ID": config.account_id,
            "MINISTACK_REGION": config.region,
            "PERSIST_STATE": "1",
            "STATE_DIR": str(home / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(home / "s3"),
            "TMPDIR": str(home / "tmp"),
            "SFTP_ENABLED": "0",
            "PYTHONUNBUFFERED": "1",
        }
    )
