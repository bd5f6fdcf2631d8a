"""The serving process's surroundings: its home folder, its environment, then the server itself."""

from __future__ import annotations

import fcntl
import importlib
import os
import shutil
from typing import IO

from contracts.errors import LakecastError
from localcloud.cloud.home import LOOPBACK, CloudConfig, Credentials, client_environment


class AlreadyServingError(LakecastError):
    """Another process serves from this home folder."""


def serve(config: CloudConfig) -> None:
    """Serve until SIGTERM or SIGINT, then save all state.

    Raises
    ------
    AlreadyServingError
        Where another process serves from the same home folder.
    """
    config.home.mkdir(parents=True, exist_ok=True)
    with _exclusive(config):
        credentials = Credentials.of(config)
        _prepare(config, client_environment(config, credentials))
        try:
            # ministack reads its settings from the environment while it is imported.
            importlib.import_module("localcloud.server.main").run(config, credentials)
        finally:
            config.record_file.unlink(missing_ok=True)
            config.environment_file.unlink(missing_ok=True)


def _exclusive(config: CloudConfig) -> IO[str]:
    """Hold the home folder for this process; the kernel lets go when it ends, however it ends."""
    lock = config.lock_file.open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise AlreadyServingError(f"a local cloud already serves from {config.home}") from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _prepare(config: CloudConfig, variables: dict[str, str]) -> None:
    """Set what ministack, and the children it starts, read from the environment."""
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
