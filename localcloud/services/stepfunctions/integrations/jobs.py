"""Jobs that ``.sync`` tasks wait for.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-sync
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Record = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """Properties of a job that ``.sync`` waits for.

    Parameters
    ----------
    describe
        Operation that describes the job by its names.
    names
        Members that identify the job, from the response or else from the request.
    status
        Members that lead to the status in the description.
    good, bad
        Statuses of a job that has ended.
    stop
        Operation that stops the job, and its members from the job's names.
    member
        Member of the description that is the task's result; empty for all of it.
    """

    describe: str
    names: tuple[str, ...]
    status: tuple[str, ...]
    good: str
    bad: tuple[str, ...]
    stop: tuple[str, Callable[[Record], Record]]
    member: str = ""

    def status_of(self, description: Any) -> str:
        """Returns the status in a description."""
        for member in self.status:
            description = description[member]
        return str(description)

    def result(self, description: Record) -> Any:
        """Returns the task's result."""
        return description[self.member] if self.member else description


def _sagemaker(word: str) -> Job:
    return Job(
        describe=f"describe{word}Job",
        names=(f"{word}JobName",),
        status=(f"{word}JobStatus",),
        good="Completed",
        bad=("Failed", "Stopped"),
        stop=(f"stop{word}Job", dict),
    )


JOBS: Mapping[str, Job] = {
    "athena:startQueryExecution": Job(
        describe="getQueryExecution",
        names=("QueryExecutionId",),
        status=("QueryExecution", "Status", "State"),
        good="SUCCEEDED",
        bad=("FAILED", "CANCELLED"),
        stop=("stopQueryExecution", dict),
    ),
    "glue:startJobRun": Job(
        describe="getJobRun",
        names=("JobName", "RunId"),
        status=("JobRun", "JobRunState"),
        good="SUCCEEDED",
        bad=("FAILED", "STOPPED", "TIMEOUT", "ERROR", "EXPIRED"),
        stop=(
            "batchStopJobRun",
            lambda names: {"JobName": names["JobName"], "JobRunIds": [names["RunId"]]},
        ),
        member="JobRun",
    ),
    "sagemaker:createTrainingJob": _sagemaker("Training"),
    "sagemaker:createProcessingJob": _sagemaker("Processing"),
    "sagemaker:createTransformJob": _sagemaker("Transform"),
    "sagemaker:createHyperParameterTuningJob": _sagemaker("HyperParameterTuning"),
    "states:startExecution": Job(
        describe="describeExecution",
        names=("ExecutionArn",),
        status=("Status",),
        good="SUCCEEDED",
        bad=("FAILED", "TIMED_OUT", "ABORTED"),
        stop=("stopExecution", dict),
    ),
}
"""Jobs by the integrations that start them."""
