"""Tests of state machines that run Glue and SageMaker jobs with the machine's role."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.models.sagemaker_testbed import (
    BUCKET,
    IMAGE,
    Studio,
    allow,
    channel,
)
from tests.support.waiting import until

TRAIN = {
    "TrainingJobName.$": "$.name",
    "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
    "HyperParameters": {"behaviour.$": "$.behaviour"},
    "InputDataConfig": [channel("train", f"s3://{BUCKET}/data/train/")],
    "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}


@pytest.fixture(scope="module")
def role(studio: Studio) -> str:
    rights = allow(["sagemaker:*", "glue:*", "iam:PassRole"])
    return studio.new_role("machines", rights, trusted="states.amazonaws.com")


def machine(studio: Studio, role: str, name: str, task: dict[str, Any]) -> str:
    """Creates a machine with one task that catches all errors."""
    definition = {
        "StartAt": "Work",
        "States": {
            "Work": {
                "Type": "Task",
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Failed", "ResultPath": "$.e"}],
                "End": True,
                **task,
            },
            "Failed": {"Type": "Fail", "ErrorPath": "$.e.Error", "CausePath": "$.e.Cause"},
        },
    }
    states = studio.client("stepfunctions")
    return states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)[
        "stateMachineArn"
    ]


def execute(studio: Studio, machine: str, **given: str) -> str:
    states = studio.client("stepfunctions")
    return states.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]


def ended(studio: Studio, execution: str) -> dict[str, Any]:
    states = studio.client("stepfunctions")

    def end() -> dict[str, Any] | None:
        found = states.describe_execution(executionArn=execution)
        return None if found["status"] == "RUNNING" else found

    return until(end, "the end of the execution")


@pytest.fixture(scope="module")
def training(studio: Studio, role: str) -> str:
    parameters = {**TRAIN, "RoleArn": studio.role}
    task = {
        "Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync",
        "Parameters": parameters,
    }
    return machine(studio, role, "training", task)


def test_task_waits_for_its_job_and_returns_its_description(studio: Studio, training: str) -> None:
    found = ended(studio, execute(studio, training, name="fine", behaviour="learn"))
    assert found["status"] == "SUCCEEDED"
    job = json.loads(found["output"])
    assert job["TrainingJobStatus"] == "Completed"
    assert job["ModelArtifacts"]["S3ModelArtifacts"].endswith("fine/output/model.tar.gz")
    assert job["TrainingEndTime"] >= job["CreationTime"] > 1e12  # milliseconds


def test_failed_job_fails_the_task_with_its_description(studio: Studio, training: str) -> None:
    found = ended(studio, execute(studio, training, name="bad", behaviour="fail"))
    assert (found["status"], found["error"]) == ("FAILED", "States.TaskFailed")
    assert "time_freq must be one of H, D" in json.loads(found["cause"])["FailureReason"]


def test_error_has_the_name_of_the_service(studio: Studio, training: str) -> None:
    found = ended(studio, execute(studio, training, name="fine", behaviour="learn"))
    assert found["error"] == "SageMaker.ResourceInUseException"


def test_stopped_execution_stops_its_job(studio: Studio, training: str) -> None:
    execution = execute(studio, training, name="endless", behaviour="wait")
    until(
        lambda: studio.sagemaker.list_training_jobs(NameContains="endless")["TrainingJobSummaries"],
        "the start of the job",
    )
    studio.client("stepfunctions").stop_execution(executionArn=execution)
    assert studio.finished("endless")["TrainingJobStatus"] == "Stopped"


def test_task_has_only_the_permissions_of_the_machines_role(studio: Studio, role: str) -> None:
    poor = studio.new_role("poor", allow("glue:*"), trusted="states.amazonaws.com")
    task = {
        "Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync",
        "Parameters": {**TRAIN, "RoleArn": studio.role},
    }
    found = ended(
        studio, execute(studio, machine(studio, poor, "poor", task), name="x", behaviour="learn")
    )
    assert found["error"] == "SageMaker.AmazonSageMakerException"
    assert "not authorized to perform: sagemaker:CreateTrainingJob" in found["cause"]


def test_task_waits_for_its_glue_run_and_reports_glues_errors(studio: Studio, role: str) -> None:
    studio.s3.put_object(Bucket=BUCKET, Key="code/job.py", Body=b"print('worked')")
    worker = studio.new_role("glue-worker", allow("s3:*"), trusted="glue.amazonaws.com")
    command = {"Name": "pythonshell", "ScriptLocation": f"s3://{BUCKET}/code/job.py"}
    studio.client("glue").create_job(Name="plain", Role=worker, Command=command)
    resource = "arn:aws:states:::glue:startJobRun.sync"
    task = {"Resource": resource, "Parameters": {"JobName.$": "$.job"}}
    arn = machine(studio, role, "glue", task)
    found = ended(studio, execute(studio, arn, job="plain"))
    assert json.loads(found["output"])["JobRunState"] == "SUCCEEDED"
    found = ended(studio, execute(studio, arn, job="nobody"))
    assert found["error"] == "Glue.EntityNotFoundException"


def test_any_operation_of_sagemaker_can_be_called_through_its_sdk(
    studio: Studio, role: str
) -> None:
    task = {
        "Resource": "arn:aws:states:::aws-sdk:sagemaker:createModelPackageGroup",
        "Parameters": {"ModelPackageGroupName.$": "$.name"},
    }
    found = ended(studio, execute(studio, machine(studio, role, "sdk", task), name="made"))
    assert json.loads(found["output"])["ModelPackageGroupArn"].endswith("/made")


def test_rule_starts_a_machine_only_if_its_targets_role_allows_it(
    studio: Studio, role: str
) -> None:
    events, states = studio.client("events"), studio.client("stepfunctions")
    definition = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    arn = states.create_state_machine(
        name="started-by-rule", definition=json.dumps(definition), roleArn=role
    )["stateMachineArn"]
    events.put_rule(Name="starts", EventPattern=json.dumps({"source": ["tests"]}))
    principal = "events.amazonaws.com"
    roles = {
        "poor": studio.new_role("no-starter", None, trusted=principal),
        "untrusting": studio.new_role("untrusting", allow("states:StartExecution", arn)),
        "starter": studio.new_role(
            "rule-starter", allow("states:StartExecution", arn), trusted=principal
        ),
    }
    sqs = studio.client("sqs")
    queue = sqs.create_queue(QueueName="not-started")["QueueUrl"]
    kept = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    for name, target_role in roles.items():
        target = {
            "Id": "machine",
            "Arn": arn,
            "RoleArn": target_role,
            "DeadLetterConfig": {"Arn": kept["QueueArn"]},
        }
        events.put_targets(Rule="starts", Targets=[target])
        entry = {"Source": "tests", "DetailType": "asked", "Detail": json.dumps({"by": name})}
        events.put_events(Entries=[entry])
    (execution,) = states.list_executions(stateMachineArn=arn)["executions"]
    found = ended(studio, execution["executionArn"])
    assert json.loads(found["input"])["detail"] == {"by": "starter"}
    undelivered = sqs.receive_message(
        QueueUrl=queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    )["Messages"]
    assert [json.loads(one["Body"])["detail"]["by"] for one in undelivered] == [
        "poor",
        "untrusting",
    ]
    reason = undelivered[0]["MessageAttributes"]
    assert reason["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert "states:StartExecution" in reason["ERROR_MESSAGE"]["StringValue"]
    assert reason["TARGET_ARN"]["StringValue"] == arn


PUT = {
    "Resource": "arn:aws:states:::dynamodb:putItem",
    "Parameters": {
        "TableName": "locks",
        "Item": {"name": {"S": "one"}},
        "ConditionExpression": "attribute_not_exists(#name)",
        "ExpressionAttributeNames": {"#name": "name"},
    },
}


@pytest.fixture(scope="module")
def locks(studio: Studio) -> None:
    studio.client("dynamodb").create_table(
        TableName="locks",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
    )


def test_other_services_are_also_called_with_the_machines_role(
    studio: Studio, role: str, locks: None
) -> None:
    found = ended(studio, execute(studio, machine(studio, role, "unlawful", PUT)))
    assert "not authorized to perform: dynamodb:PutItem" in found["cause"]
    writer = studio.new_role("writer", allow("dynamodb:PutItem"), trusted="states.amazonaws.com")
    arn = machine(studio, writer, "lawful", PUT)
    assert ended(studio, execute(studio, arn))["status"] == "SUCCEEDED"
    found = ended(studio, execute(studio, arn))
    assert found["error"] == "DynamoDB.ConditionalCheckFailedException"


def test_members_of_sdk_integrations_start_with_a_capital_letter(studio: Studio) -> None:
    reader = studio.new_role(
        "reader", allow("states:DescribeExecution"), trusted="states.amazonaws.com"
    )
    task = {
        "Resource": "arn:aws:states:::aws-sdk:sfn:describeExecution",
        "Parameters": {"ExecutionArn.$": "$$.Execution.Id"},
        "ResultSelector": {"status.$": "$.Status"},
    }
    found = ended(studio, execute(studio, machine(studio, reader, "mirror", task)))
    assert json.loads(found["output"]) == {"status": "RUNNING"}


def test_a_query_of_athena_is_waited_for_and_read(studio: Studio) -> None:
    analyst = studio.new_role(
        "analyst", allow(["athena:*", "glue:*", "s3:*"]), trusted="states.amazonaws.com"
    )
    task = {
        "Resource": "arn:aws:states:::athena:startQueryExecution.sync",
        "Parameters": {
            "QueryString.$": "$.sql",
            "ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/queries/"},
        },
    }
    arn = machine(studio, analyst, "query", task)
    found = ended(studio, execute(studio, arn, sql="SELECT 40 + 2 AS answer"))
    query = json.loads(found["output"])["QueryExecution"]
    assert query["Status"]["State"] == "SUCCEEDED"
    task = {
        "Resource": "arn:aws:states:::athena:getQueryResults",
        "Parameters": {"QueryExecutionId.$": "$.query"},
    }
    arn = machine(studio, analyst, "results", task)
    found = ended(studio, execute(studio, arn, query=query["QueryExecutionId"]))
    rows = json.loads(found["output"])["ResultSet"]["Rows"]
    assert rows[1]["Data"] == [{"VarCharValue": "42"}]


@pytest.mark.parametrize(
    ("action", "arguments", "error"),
    [
        ("s3:getObject", {"Bucket": BUCKET, "Key": "none"}, "S3.NoSuchKeyException"),
        ("athena:getQueryExecution", {"QueryExecutionId": "1"}, "Athena.InvalidRequestException"),
        ("secretsmanager:getSecretValue", {"SecretId": "1"},
         "SecretsManager.ResourceNotFoundException"),
        ("kms:describeKey", {"KeyId": "alias/none"}, "Kms.NotFoundException"),
        ("sqs:getQueueUrl", {"QueueName": "none"}, "Sqs.QueueDoesNotExistException"),
        ("ssm:getParameter", {"Name": "none"}, "Ssm.ParameterNotFoundException"),
        ("eventbridge:describeRule", {"Name": "none"}, "EventBridge.ResourceNotFoundException"),
        ("sfn:describeExecution",
         {"ExecutionArn": "arn:aws:states:eu-west-1:000000000000:execution:a:b"},
         "Sfn.ExecutionDoesNotExistException"),
    ],
)  # fmt: skip
def test_errors_of_sdk_integrations_have_awss_names(
    studio: Studio, reader_of_all: str, action: str, arguments: dict[str, str], error: str
) -> None:
    task = {"Resource": f"arn:aws:states:::aws-sdk:{action}", "Parameters": arguments}
    arn = machine(studio, reader_of_all, action.replace(":", "-"), task)
    assert ended(studio, execute(studio, arn))["error"] == error


@pytest.fixture(scope="module")
def reader_of_all(studio: Studio) -> str:
    return studio.new_role("reader-of-all", allow("*"), trusted="states.amazonaws.com")


def test_permission_to_start_a_crawler_covers_only_that_crawler(studio: Studio) -> None:
    crawlers = "arn:aws:glue:*:*:crawler/mine"
    starter = studio.new_role(
        "starter", allow("glue:StartCrawler", crawlers), trusted="states.amazonaws.com"
    )
    task = {
        "Resource": "arn:aws:states:::aws-sdk:glue:startCrawler",
        "Parameters": {"Name.$": "$.name"},
    }
    arn = machine(studio, starter, "crawl", task)
    assert ended(studio, execute(studio, arn, name="mine"))["error"] == (
        "Glue.EntityNotFoundException"
    )
    assert ended(studio, execute(studio, arn, name="other"))["error"] == (
        "Glue.AccessDeniedException"
    )
