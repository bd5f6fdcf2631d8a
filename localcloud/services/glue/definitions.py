"""Definitions of jobs and crawlers, kept as AWS keeps them.

Ministack drops members that it does not know and answers empty ones for those that were never
given, so Terraform would find a difference right after it applied.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

from localcloud.cloud.aws_api import AwsError
from localcloud.services.glue import catalogue

Request = dict[str, Any]

_NOT_OF_THE_DEFINITION = ("Name", "Tags")
_DPU_A_WORKER = {
    "G.025X": 0.25,
    "Standard": 1.0,
    "G.1X": 1.0,
    "G.2X": 2.0,
    "G.4X": 4.0,
    "G.8X": 8.0,
}
# https://docs.aws.amazon.com/glue/latest/webapi/API_CreateJob.html
_DEFAULTS: dict[str, Any] = {
    "MaxRetries": 0,
    "Timeout": 480,
    "GlueVersion": "5.1",
    "ExecutionProperty": {"MaxConcurrentRuns": 1},
    "JobMode": "SCRIPT",
}


class Runs(Protocol):
    """Who must know that a job is gone."""

    def forget(self, job: str) -> None:
        """End and forget the runs of a job."""
        ...


class Definitions:
    """CreateJob, UpdateJob, DeleteJob and the like for crawlers.

    Parameters
    ----------
    runs
        The jobs' runs.
    """

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    def create_job(self, request: Request) -> Request:
        answer = catalogue.call("CreateJob", request)
        name = request["Name"]
        catalogue.put_job(name, {"Name": name, **_definition(request), "CreatedOn": time.time()})
        catalogue.tag("job", name, request.get("Tags", {}))
        return answer

    def get_job(self, request: Request) -> Request:
        return {"Job": catalogue.job(request["JobName"])}

    def update_job(self, request: Request) -> Request:
        """Replaces the definition: what an update does not name goes back to its default."""
        name = request["JobName"]
        created = catalogue.job(name)["CreatedOn"]
        catalogue.put_job(
            name, {"Name": name, **_definition(request["JobUpdate"]), "CreatedOn": created}
        )
        return {"JobName": name}

    def delete_job(self, request: Request) -> Request:
        name = request["JobName"]
        self._runs.forget(name)
        catalogue.untag("job", name)
        return catalogue.call("DeleteJob", request)

    def create_crawler(self, request: Request) -> Request:
        name = request["Name"]
        # Glue takes a role's name as well as its ARN, ministack the ARN only.
        answer = catalogue.call("CreateCrawler", {**request, "Role": ""})
        catalogue.crawler(name)["Role"] = request["Role"]
        _leave_out_empty(catalogue.crawler(name))
        catalogue.tag("crawler", name, request.get("Tags", {}))
        return answer

    def update_crawler(self, request: Request) -> Request:
        if catalogue.crawler(request["Name"])["State"] != "READY":
            raise AwsError("CrawlerRunningException", f"Crawler {request['Name']} is running")
        answer = catalogue.call("UpdateCrawler", request)
        _leave_out_empty(catalogue.crawler(request["Name"]))
        return answer

    def delete_crawler(self, request: Request) -> Request:
        if catalogue.crawler(request["Name"])["State"] != "READY":
            raise AwsError("CrawlerRunningException", f"Crawler {request['Name']} is running")
        catalogue.untag("crawler", request["Name"])
        return catalogue.call("DeleteCrawler", request)


def _definition(request: Request) -> Request:
    given = {
        name: value
        for name, value in request.items()
        if name not in _NOT_OF_THE_DEFINITION and value not in (None, {}, [])
    }
    definition = {**_DEFAULTS, **given, "LastModifiedOn": time.time()}
    if "MaxCapacity" not in definition:
        dpu = _DPU_A_WORKER.get(definition.get("WorkerType", "G.1X"), 1.0)
        definition["MaxCapacity"] = dpu * definition.get("NumberOfWorkers", 10)
    definition["AllocatedCapacity"] = int(definition["MaxCapacity"])
    return definition


def _leave_out_empty(record: Request) -> None:
    """AWS answers no member that was never given."""
    for name in [name for name, value in record.items() if value in ("", None, {}, [])]:
        del record[name]
    record.setdefault("RecrawlPolicy", {"RecrawlBehavior": "CRAWL_EVERYTHING"})
    record.setdefault(
        "SchemaChangePolicy",
        {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "DEPRECATE_IN_DATABASE"},
    )
    record.setdefault("LineageConfiguration", {"CrawlerLineageSettings": "DISABLE"})
