"""Stores endpoints: DescribeEndpoint's members and, as ``Deployment``, the running variants."""

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
    """Endpoints in the store and their folders."""

    def __init__(self, parts: Parts) -> None:
        self._account = parts.account
        self._store = parts.store
        self._tags = parts.tags

    def status(self, name: str) -> str | None:
        """Returns the endpoint's status; None if there is no such endpoint."""
        record = self._store.get(KIND, name)
        return record["EndpointStatus"] if record else None

    def all(self) -> list[Record]:
        """Returns all endpoints."""
        return self._store.all(KIND)

    def add(self, name: str, members: Record, tags: list[dict[str, str]]) -> str:
        """Stores a new endpoint and returns its ARN; raises an error if the name exists."""
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
        """Returns the endpoint; raises SageMaker's error if there is none."""
        record = self._store.get(KIND, name)
        if record is None:
            raise not_found(KIND, self._account.arn(KIND, name))
        return record

    def settled(self, name: str) -> Record:
        """Returns the endpoint; raises an error if it cannot be changed now."""
        record = self.get(name)
        if record["EndpointStatus"] == "Failed":
            raise validation(
                f'Cannot update endpoint "{record["EndpointArn"]}" in status Failed: delete it and '
                "create it again."
            )
        if record["EndpointStatus"] != "InService":
            raise in_progress(record["EndpointArn"])
        return record

    def change(self, name: str, members: Record) -> None:
        """Sets members; None removes a member."""

        def apply(record: Record) -> None:
            record.update(members)
            for member in [key for key, value in members.items() if value is None]:
                del record[member]
            record["LastModifiedTime"] = time.time()

        self._store.update(KIND, name, apply)

    def folder(self, name: str, deployment: Record) -> Path:
        """Returns the folder to which a deployment's models are extracted."""
        return self._home(name) / str(deployment["Folder"])

    def forget(self, name: str) -> None:
        """Deletes the endpoint's record, tags and folders."""
        self._store.delete(KIND, name)
        self._tags.forget(self._account.arn(KIND, name))
        shutil.rmtree(self._home(name), ignore_errors=True)

    def _home(self, name: str) -> Path:
        return self._account.context.home.absolute() / "sagemaker" / "endpoints" / name
