"""What is kept of an endpoint: DescribeEndpoint's members, and what runs under ``Deployment``."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from localcloud.cloud.store import Record
from localcloud.services.sagemaker.parts import Parts
from localcloud.services.sagemaker.refusals import (
    already_exists,
    in_progress,
    not_found,
    validation,
)

KIND = "endpoint"
DEPLOYMENT = "Deployment"


class EndpointRecords:
    """Endpoints in the store, and their folders."""

    def __init__(self, parts: Parts) -> None:
        self._account = parts.account
        self._store = parts.store
        self._tags = parts.tags

    def status(self, name: str) -> str | None:
        """The endpoint's status; None where there is none."""
        record = self._store.get(KIND, name)
        return record["EndpointStatus"] if record else None

    def all(self) -> list[Record]:
        """All endpoints."""
        return self._store.all(KIND)

    def add(self, name: str, members: Record, tags: list[dict[str, str]]) -> str:
        """Keep a new endpoint and return its ARN; refused where the name is taken."""
        arn = self._account.arn(KIND, name)
        with self._store.lock:
            if self.status(name):
                raise already_exists(KIND, arn)
            now = time.time()
            common = {
                "EndpointName": name,
                "EndpointArn": arn,
                "CreationTime": now,
                "LastModifiedTime": now,
            }
            self._store.put(KIND, name, {**common, **members})
            self._tags.set(arn, tags)
        return arn

    def get(self, name: str) -> Record:
        """The endpoint; refused in SageMaker's words where there is none."""
        record = self._store.get(KIND, name)
        if record is None:
            raise not_found(KIND, self._account.arn(KIND, name))
        return record

    def settled(self, name: str) -> Record:
        """The endpoint, if it can be changed now; refused otherwise."""
        record = self.get(name)
        if record["EndpointStatus"] == "Failed":
            raise validation(
                f'Cannot update endpoint "{record["EndpointArn"]}" in status Failed: it can only '
                "be deleted."
            )
        if record["EndpointStatus"] != "InService":
            raise in_progress(record["EndpointArn"])
        return record

    def change(self, name: str, members: Record) -> None:
        """Set members; None removes one."""

        def apply(record: Record) -> None:
            record.update(members)
            for member in [key for key, value in members.items() if value is None]:
                del record[member]
            record["LastModifiedTime"] = time.time()

        self._store.update(KIND, name, apply)

    def folder(self, name: str, deployment: Record) -> Path:
        """Where a deployment's models are unpacked."""
        return self._home(name) / str(deployment["Folder"])

    def forget(self, name: str) -> None:
        """The endpoint is gone, with all its folders."""
        self._store.delete(KIND, name)
        self._tags.forget(self._account.arn(KIND, name))
        shutil.rmtree(self._home(name), ignore_errors=True)

    def _home(self, name: str) -> Path:
        return self._account.context.home.absolute() / "sagemaker" / "endpoints" / name
