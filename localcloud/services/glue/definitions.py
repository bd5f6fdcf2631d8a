"""Stores the definitions of jobs and crawlers as AWS does.

ministack drops members that it does not know and returns empty values for members that were never
set, so Terraform would see drift right after an apply.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

from localcloud.cloud.aws_api import AwsError
from localcloud.services.glue import catalogue
from localcloud.services.glue.pages import page

Request = dict[str, Any]

_NOT_IN_DEFINITION = ("Name", "Tags")
_DPU_PER_WORKER = {
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
    """Runs of jobs, which must end when their job is deleted."""

    def forget(self, job: str) -> None:
        """Stops and deletes the runs of a job."""
        ...


class Definitions:
    """Operations that create, update and delete jobs and crawlers.

    Parameters
    ----------
    runs
        Runs of the jobs.
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

    def get_jobs(self, request: Request) -> Request:
        return page("GetJobs", "Jobs", catalogue.all_jobs(), request)

    def list_jobs(self, request: Request) -> Request:
        """Returns the names of jobs, of those with certain tags if the request has some."""
        wanted = request.get("Tags", {}).items()
        names = [
            job["Name"]
            for job in catalogue.all_jobs()
            if wanted <= catalogue.tags("job", job["Name"]).items()
        ]
        return page("ListJobs", "JobNames", names, request)

    def batch_get_jobs(self, request: Request) -> Request:
        jobs = {job["Name"]: job for job in catalogue.all_jobs()}
        names = request["JobNames"]
        return {
            "Jobs": [jobs[name] for name in names if name in jobs],
            "JobsNotFound": [name for name in names if name not in jobs],
        }

    def update_job(self, request: Request) -> Request:
        """Replaces the definition: a member that the update omits returns to its default."""
        name = request["JobName"]
        created = catalogue.job(name)["CreatedOn"]
        for member in ("Role", "Command"):
            if member not in request["JobUpdate"]:
                raise AwsError("InvalidInputException", f"{member} must be set in JobUpdate")
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
        _check_incremental(request)
        # Glue accepts a role's name or its ARN, ministack only the ARN.
        answer = catalogue.call("CreateCrawler", {**request, "Role": ""})
        catalogue.crawler(name)["Role"] = request["Role"]
        _remove_empty_members(catalogue.crawler(name))
        catalogue.tag("crawler", name, request.get("Tags", {}))
        return answer

    def update_crawler(self, request: Request) -> Request:
        if catalogue.crawler(request["Name"])["State"] != "READY":
            raise AwsError("CrawlerRunningException", f"Crawler {request['Name']} is running")
        _check_incremental({**catalogue.crawler(request["Name"]), **request})
        answer = catalogue.call("UpdateCrawler", request)
        _remove_empty_members(catalogue.crawler(request["Name"]))
        return answer

    def delete_crawler(self, request: Request) -> Request:
        if catalogue.crawler(request["Name"])["State"] != "READY":
            raise AwsError("CrawlerRunningException", f"Crawler {request['Name']} is running")
        catalogue.untag("crawler", request["Name"])
        return catalogue.call("DeleteCrawler", request)

    def start_trigger(self, request: Request) -> Request:
        """Activates a trigger, which starts nothing here; refuses one that would start at once."""
        if catalogue.trigger(request["Name"])["Type"] == "ON_DEMAND":
            raise AwsError(
                "InvalidInputException",
                f"the local cloud runs no triggers; start the jobs of {request['Name']} instead",
            )
        return catalogue.call("StartTrigger", request)


def _definition(request: Request) -> Request:
    given = {
        name: value
        for name, value in request.items()
        if name not in _NOT_IN_DEFINITION and value not in (None, {}, [])
    }
    definition = {**_DEFAULTS, **given, "LastModifiedOn": time.time()}
    if "MaxCapacity" not in definition:
        dpu = _DPU_PER_WORKER.get(definition.get("WorkerType", "G.1X"), 1.0)
        definition["MaxCapacity"] = dpu * definition.get("NumberOfWorkers", 10)
    definition["AllocatedCapacity"] = int(definition["MaxCapacity"])
    return definition


def _check_incremental(crawler: Request) -> None:
    """Refuses incremental crawls that would change a table's schema, as Glue does.

    https://docs.aws.amazon.com/glue/latest/dg/incremental-crawls.html
    """
    behavior = crawler.get("RecrawlPolicy", {}).get("RecrawlBehavior")
    if behavior == "CRAWL_EVENT_MODE":
        raise AwsError("InvalidInputException", "the local cloud does not support CRAWL_EVENT_MODE")
    policy = crawler.get("SchemaChangePolicy", {})
    if behavior == "CRAWL_NEW_FOLDERS_ONLY" and not (
        policy.get("UpdateBehavior") == policy.get("DeleteBehavior") == "LOG"
    ):
        raise AwsError(
            "InvalidInputException",
            'The SchemaChangePolicy for "Crawl new folders only" Amazon S3 target can have only '
            "LOG DeleteBehavior value and LOG UpdateBehavior value.",
        )


def _remove_empty_members(record: Request) -> None:
    """Removes empty members, because AWS omits members that were never set."""
    for name in [name for name, value in record.items() if value in ("", None, {}, [])]:
        del record[name]
    record.setdefault("RecrawlPolicy", {"RecrawlBehavior": "CRAWL_EVERYTHING"})
    record.setdefault(
        "SchemaChangePolicy",
        {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "DEPRECATE_IN_DATABASE"},
    )
    record.setdefault("LineageConfiguration", {"CrawlerLineageSettings": "DISABLE"})
