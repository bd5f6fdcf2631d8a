"""Results that AWS may give to the calls of the estate's state machines.

`RESULTS` has an entry for each resource that a state calls; `tests.support.machine_paths` follows
each of the results. Results have the members that the machines read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from contracts.models import naming, releases
from contracts.names import Names

Result = Mapping[str, Any]

_LONG = "the loss is above the champion's by more than 2 %; " * 16
_MESSAGES = {
    "origins": [
        {"origins": 28, "champion": champion, "data_start": "2026-01-01T00:00:00+00:00",
         "data_end": "2026-11-01T00:00:00+00:00"}
        for champion in ("", "{package}")
    ],
    "judge": [
        {"verdict": "rejected", "reasons": _LONG, "wql": 0.3412, "wql_champion": None,
         "wql_persistence": 0.5, "wql_naive_24": 0.5, "nd": 0.4, "mase": 0.9, "coverage_80": 0.81},
        {"verdict": "accepted", "reasons": "all limits are kept", "wql": 0.3412,
         "wql_champion": 0.4, "wql_persistence": 0.5, "wql_naive_24": 0.5, "nd": 0.4, "mase": None,
         "coverage_80": 0.81},
    ],
    "instances": [{"origin": "2026-12-31T23:00:00+00:00", "asked": 6}],
    "publish": [{"forecasts": 144}],
    "drift": [{"beyond": []}],
}  # fmt: skip
"""Exit messages of the evaluation container by command, as its commands write them."""


@dataclass(frozen=True)
class Results:
    """Results in one environment, for models behind ``instance_count`` instances.

    Parameters
    ----------
    instance_type, instance_count
        Of the endpoint, as in the settings.
    """

    names: Names
    instance_type: str
    instance_count: int

    def __call__(self, state: str, resource: str, arguments: Any) -> Sequence[Result]:
        """Returns the results of a call; `machine_paths.Paths.follow` takes this function."""
        return RESULTS[resource](self, arguments)

    @property
    def package(self) -> str:
        group = self.names.model_package_group
        return self.names.arn("sagemaker", f"model-package/{group}/3")

    @property
    def release(self) -> releases.Release:
        """A pinned release: a version, and a model of a training job."""
        return releases.of_variants(
            self.names,
            [
                {"name": "champion", "model": naming.model(self.names, 3), "weight": 9,
                 "version": 3},
                {"name": "challenger", "model": self.names.part("boosting-1"), "weight": 0.5,
                 "training_job": self.names.part("boosting-1")},
            ],
            instance_type=self.instance_type,
            instance_count=self.instance_count,
            newest_approved=3,
            written_at="2026-12-31T23:00:00Z",
        )  # fmt: skip

    @property
    def by_default(self) -> str:
        """Endpoint configuration of the newest approved version."""
        shares = [("champion", naming.model(self.names, 3), 1)]
        return naming.configuration(
            self.names.endpoint, shares, self.instance_type, self.instance_count
        )


def _nothing(_results: Results, _arguments: Any) -> list[Result]:
    return [{}]


def _item(results: Results, arguments: Any) -> list[Result]:
    if arguments["TableName"] == results.names.locks_table:
        held = "arn:aws:states:eu-west-1:123456789012:execution:machine:20261230-235959-abcd"
        return [{}, {"Item": {"execution": {"S": held}}}]
    write = TypeSerializer().serialize
    item = json.loads(json.dumps(results.release.to_item()))  # numbers as DynamoDB's text
    release = {name: _without_floats(write, value) for name, value in item.items()}
    return [{}, {"Item": release}, {"Item": {**release, "format": {"N": "99"}}}]


def _without_floats(write: Callable[[Any], Any], value: Any) -> Any:
    if isinstance(value, float):
        return {"N": str(value)}
    if isinstance(value, list):
        return {"L": [_without_floats(write, one) for one in value]}
    if isinstance(value, dict):
        return {"M": {name: _without_floats(write, one) for name, one in value.items()}}
    return write(value)


def _processing(results: Results, arguments: Any) -> list[Result]:
    command = arguments["AppSpecification"]["ContainerArguments"][0]
    return [
        {"ProcessingJobName": arguments["ProcessingJobName"], "ExitMessage": message}
        for message in _exit_messages(results, command)
    ]


def _exit_messages(results: Results, command: str) -> list[str]:
    texts = (json.dumps(one) for one in _MESSAGES[command])
    return [text.replace("{package}", results.package) for text in texts]


def _processing_jobs(results: Results, arguments: Any) -> list[Result]:
    command = "origins" if "hold-out" in arguments["NameContains"] else "judge"
    found = [
        {"ProcessingJobName": f"{arguments['NameContains']}1", "ExitMessage": message}
        for message in _exit_messages(results, command)
    ]
    return [{"ProcessingJobSummaries": jobs} for jobs in ([], *([one] for one in found))]


def _jobs(kind: str) -> Callable[[Results, Any], list[Result]]:
    def jobs(_results: Results, arguments: Any) -> list[Result]:
        found = {f"{kind}JobName": f"{arguments['NameContains']}1"}
        return [{f"{kind}JobSummaries": []}, {f"{kind}JobSummaries": [found]}]

    return jobs


def _versions(results: Results, _arguments: Any) -> list[Result]:
    newest = {"ModelPackageArn": results.package, "ModelPackageVersion": 3}
    return [{"ModelPackageSummaryList": []}, {"ModelPackageSummaryList": [newest]}]


def _version(_results: Results, _arguments: Any) -> list[Result]:
    uri = "s3://bucket/evaluations/1/"
    statistics = {"ContentType": "application/json", "S3Uri": f"{uri}reference.json"}
    metadata = {
        "algorithm": "deepar",
        "categories": f"{uri}categories.json",
        "data_end": "2026-10-01T00:00:00+00:00",
    }
    whole = {
        "CustomerMetadataProperties": metadata,
        "DriftCheckBaselines": {"ModelDataQuality": {"Statistics": statistics}},
    }
    only_categories = {"CustomerMetadataProperties": {"categories": metadata["categories"]}}
    return [whole, only_categories, {}]  # versions that were registered by other means lack some


def _described_versions(results: Results, _arguments: Any) -> list[Result]:
    return [
        {
            "ModelPackageSummaries": {
                results.package: {"ModelPackageVersion": 3, "ModelApprovalStatus": status}
            }
        }
        for status in ("Approved", "Rejected")
    ]


def _named(member: str, name: str) -> Callable[[Results, Any], list[Result]]:
    def found(_results: Results, arguments: Any) -> list[Result]:
        return [{member: []}, {member: [{name: arguments["NameContains"]}]}]

    return found


def _endpoints(results: Results, _arguments: Any) -> list[Result]:
    found = {"EndpointName": results.names.endpoint, "EndpointStatus": "InService"}
    return [{"Endpoints": []}, {"Endpoints": [found]}]


def _endpoint(results: Results, _arguments: Any) -> list[Result]:
    def serving(configuration: str, status: str = "InService") -> Result:
        variant = {"VariantName": "champion", "CurrentWeight": 1.0}
        return {
            "EndpointConfigName": configuration,
            "EndpointStatus": status,
            "ProductionVariants": [variant],
        }

    before = f"{results.names.endpoint}-v2-0123456789abcdef"
    return [
        serving(before),
        serving(results.by_default),
        serving(results.release.configuration),  # with other weights
        {**serving(before, "Failed"), "FailureReason": "the container did not answer /ping"},
        serving(before, "Updating"),
    ]


def _configuration(results: Results, _arguments: Any) -> list[Result]:
    models = (naming.model(results.names, 2), naming.model(results.names, 4))
    return [{"ProductionVariants": [{"ModelName": one}]} for one in models]


def _training_job(results: Results, arguments: Any) -> list[Result]:
    job = arguments["TrainingJobName"]
    image = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/{results.names.part('boosting')}:0123"
    return [
        {
            "TrainingJobName": job,
            "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
            "ModelArtifacts": {"S3ModelArtifacts": f"s3://bucket/{job}/output/model.tar.gz"},
        }
    ]


def _crawler(_results: Results, _arguments: Any) -> list[Result]:
    return [
        {"Crawler": {"State": "READY", "LastCrawl": {"Status": "SUCCEEDED"}}},
        {"Crawler": {"State": "READY"}},
        {"Crawler": {"State": "READY", "LastCrawl": {"Status": "FAILED", "ErrorMessage": "why"}}},
        {"Crawler": {"State": "RUNNING"}},
    ]


RESULTS: Mapping[str, Callable[[Results, Any], list[Result]]] = {
    "aws-sdk:glue:getCrawler": _crawler,
    "aws-sdk:glue:startCrawler": _nothing,
    "aws-sdk:sagemaker:batchDescribeModelPackage": _described_versions,
    "aws-sdk:sagemaker:createEndpoint": _nothing,
    "aws-sdk:sagemaker:createEndpointConfig": _nothing,
    "aws-sdk:sagemaker:createModelPackage": lambda results, _: [
        {"ModelPackageArn": results.package}
    ],
    "aws-sdk:sagemaker:deleteEndpoint": _nothing,
    "aws-sdk:sagemaker:deleteModel": _nothing,
    "aws-sdk:sagemaker:describeEndpoint": _endpoint,
    "aws-sdk:sagemaker:describeEndpointConfig": _configuration,
    "aws-sdk:sagemaker:describeModelPackage": _version,
    "aws-sdk:sagemaker:describeTrainingJob": _training_job,
    "aws-sdk:sagemaker:listEndpointConfigs": _named("EndpointConfigs", "EndpointConfigName"),
    "aws-sdk:sagemaker:listEndpoints": _endpoints,
    "aws-sdk:sagemaker:listModelPackages": _versions,
    "aws-sdk:sagemaker:listModels": _named("Models", "ModelName"),
    "aws-sdk:sagemaker:listProcessingJobs": _processing_jobs,
    "aws-sdk:sagemaker:listTrainingJobs": _jobs("Training"),
    "aws-sdk:sagemaker:listTransformJobs": _jobs("Transform"),
    "aws-sdk:sagemaker:updateEndpoint": _nothing,
    "aws-sdk:sagemaker:updateEndpointWeightsAndCapacities": _nothing,
    "aws-sdk:sagemaker:updateModelPackage": _nothing,
    "aws-sdk:sfn:describeExecution": lambda _results, _arguments: [
        {"Status": "RUNNING"},
        {"Status": "SUCCEEDED"},
    ],
    "dynamodb:deleteItem": _nothing,
    "dynamodb:getItem": _item,
    "dynamodb:putItem": _nothing,
    "glue:startJobRun.sync": _nothing,
    "sagemaker:createModel": _nothing,
    "sagemaker:createProcessingJob.sync": _processing,
    "sagemaker:createTrainingJob.sync": _training_job,
    "sagemaker:createTransformJob.sync": _nothing,
    "sns:publish": _nothing,
}
