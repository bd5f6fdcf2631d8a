"""Tests of crawlers: the tables and partitions that they add to the catalogue."""

from __future__ import annotations

import gzip
import io
import json

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from tests.support.waiting import until

BUCKET = "crawled"
DATABASE = "crawled"
ROLE = "crawler-test"


@pytest.fixture(scope="module")
def glue(aws: boto3.Session):
    iam, s3, client = (aws.client(name) for name in ("iam", "s3", "glue"))
    s3.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": aws.region_name}
    )
    client.create_database(DatabaseInput={"Name": DATABASE})
    trust = {"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}}
    permissions = [
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
        },
        {"Effect": "Allow", "Action": "glue:*", "Resource": "*"},
    ]
    iam.create_role(
        RoleName=ROLE,
        AssumeRolePolicyDocument=json.dumps({"Statement": [{**trust, "Action": "sts:AssumeRole"}]}),
    )
    iam.put_role_policy(
        RoleName=ROLE, PolicyName="p", PolicyDocument=json.dumps({"Statement": permissions})
    )
    rows = [{"device_id": "a", "sequence": 1, "ozone": 1.5}, {"ozone": 2, "note": None}]
    lines = gzip.compress("".join(f"{json.dumps(row)}\n" for row in rows).encode())
    for hour in ("2026/06/03/10", "2026/06/03/11"):
        s3.put_object(Bucket=BUCKET, Key=f"telemetry/{hour}/x.gz", Body=lines)
    parquet = io.BytesIO()
    pq.write_table(pa.table({"v": [1.0], "m": [{"k": 1}], "l": [["x"]]}), parquet)
    s3.put_object(Bucket=BUCKET, Key="table/date=2026-06-03/x.parquet", Body=parquet.getvalue())
    s3.put_object(Bucket=BUCKET, Key="table/_SUCCESS", Body=b"")
    s3.put_object(Bucket=BUCKET, Key="text/readme.txt", Body=b"nothing a table could be made of")
    return client


def crawl(glue, name: str, path: str, **changes) -> dict:
    """Crawls a path and returns the crawler once it is ready again."""
    definition = {
        "Role": ROLE,
        "DatabaseName": DATABASE,
        "TablePrefix": "raw_",
        "Targets": {"S3Targets": [{"Path": f"s3://{path}"}]},
        **changes,
    }
    try:
        glue.create_crawler(Name=name, **definition)
    except glue.exceptions.AlreadyExistsException:
        glue.update_crawler(Name=name, **definition)
    glue.start_crawler(Name=name)

    def ready() -> dict | None:
        crawler = glue.get_crawler(Name=name)["Crawler"]
        return crawler if crawler["State"] == "READY" else None

    return until(ready, f"the end of crawler {name}")


def columns(table: dict) -> dict[str, str]:
    return {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}


def test_json_lines_become_a_table_with_a_partition_per_hour(glue) -> None:
    crawler = crawl(glue, "json", f"{BUCKET}/telemetry/")
    assert crawler["LastCrawl"]["Status"] == "SUCCEEDED", crawler
    table = glue.get_table(DatabaseName=DATABASE, Name="raw_telemetry")["Table"]
    assert columns(table) == {
        "device_id": "string",
        "sequence": "int",
        "ozone": "double",
        "note": "string",
    }
    assert [key["Name"] for key in table["PartitionKeys"]] == [f"partition_{n}" for n in range(4)]
    assert table["Parameters"]["classification"] == "json"
    assert table["Parameters"]["compressionType"] == "gzip"
    found = glue.get_partitions(DatabaseName=DATABASE, TableName="raw_telemetry")["Partitions"]
    assert sorted(one["Values"] for one in found) == [
        ["2026", "06", "03", "10"],
        ["2026", "06", "03", "11"],
    ]
    location = f"s3://{BUCKET}/telemetry/2026/06/03/10/"
    assert location in {one["StorageDescriptor"]["Location"] for one in found}


def test_a_second_crawl_adds_new_columns_and_partitions(glue, aws: boto3.Session) -> None:
    crawl(glue, "json", f"{BUCKET}/telemetry/")
    aws.client("s3").put_object(
        Bucket=BUCKET, Key="telemetry/2026/06/03/12/y.json", Body=b'{"humidity": 40}\n'
    )
    crawl(glue, "json", f"{BUCKET}/telemetry/")
    table = glue.get_table(DatabaseName=DATABASE, Name="raw_telemetry")["Table"]
    assert columns(table)["humidity"] == "int"
    found = glue.get_partitions(DatabaseName=DATABASE, TableName="raw_telemetry")["Partitions"]
    assert len(found) == 3


def test_an_incremental_crawl_reads_new_folders_only(glue, aws: boto3.Session) -> None:
    s3 = aws.client("s3")
    new_only = {
        "RecrawlPolicy": {"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"},
        "SchemaChangePolicy": {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"},
    }
    place = f"{BUCKET}/hours/"
    s3.put_object(Bucket=BUCKET, Key="hours/10/x.json", Body=b'{"v": 1}\n')
    crawl(glue, "new", place, **new_only)
    s3.put_object(Bucket=BUCKET, Key="hours/10/y.json", Body=b"no JSON, and not read again")
    s3.put_object(Bucket=BUCKET, Key="hours/11/x.json", Body=b'{"v": 2, "w": 3}\n')

    crawler = crawl(glue, "new", place, **new_only)

    assert crawler["LastCrawl"]["Status"] == "SUCCEEDED", crawler
    found = glue.get_partitions(DatabaseName=DATABASE, TableName="raw_hours")["Partitions"]
    assert sorted(one["Values"] for one in found) == [["10"], ["11"]]
    table = glue.get_table(DatabaseName=DATABASE, Name="raw_hours")["Table"]
    assert columns(table) == {"v": "int"}, "the schema is logged only"
    changing = {**new_only, "SchemaChangePolicy": {"UpdateBehavior": "UPDATE_IN_DATABASE"}}
    with pytest.raises(ClientError, match="can have only LOG DeleteBehavior value"):
        crawl(glue, "new", place, **changing)


def test_parquet_becomes_a_table_with_its_own_types_and_hive_partitions(glue) -> None:
    crawl(glue, "parquet", f"{BUCKET}/table/")
    table = glue.get_table(DatabaseName=DATABASE, Name="raw_table")["Table"]
    assert columns(table) == {"v": "double", "m": "struct<k:bigint>", "l": "array<string>"}
    assert table["PartitionKeys"] == [{"Name": "date", "Type": "string"}]
    (one,) = glue.get_partitions(DatabaseName=DATABASE, TableName="raw_table")["Partitions"]
    assert one["Values"] == ["2026-06-03"]


@pytest.mark.parametrize(
    ("path", "changes", "reason"),
    [
        (f"{BUCKET}/text/", {}, "readme.txt is neither JSON Lines nor Parquet"),
        ("no-such-bucket/x/", {}, "NoSuchBucket|AccessDenied"),
        (f"{BUCKET}/telemetry/", {"DatabaseName": "nowhere"}, "nowhere"),
    ],
)
def test_a_failed_crawl_reports_why(glue, path: str, changes: dict, reason: str) -> None:
    last = crawl(glue, "failing", path, **changes)["LastCrawl"]
    assert last["Status"] == "FAILED"
    assert any(word in last["ErrorMessage"] for word in reason.split("|")), last["ErrorMessage"]


def test_an_empty_target_makes_no_table(glue) -> None:
    assert crawl(glue, "empty", f"{BUCKET}/nothing/")["LastCrawl"]["Status"] == "SUCCEEDED"
    names = {table["Name"] for table in glue.get_tables(DatabaseName=DATABASE)["TableList"]}
    assert "raw_nothing" not in names


def test_crawlers_are_returned_as_they_were_defined(glue, aws: boto3.Session) -> None:
    glue.create_crawler(
        Name="defined",
        Role=ROLE,
        DatabaseName=DATABASE,
        Schedule="cron(0 3 * * ? *)",
        Targets={"S3Targets": [{"Path": f"s3://{BUCKET}/telemetry/"}]},
        Tags={"owner": "us"},
    )
    crawler = glue.get_crawler(Name="defined")["Crawler"]
    assert crawler["Schedule"]["ScheduleExpression"] == "cron(0 3 * * ? *)"
    assert not {"Description", "TablePrefix", "Configuration", "LastCrawl"} & crawler.keys()
    account = aws.client("sts").get_caller_identity()["Account"]
    arn = f"arn:aws:glue:{aws.region_name}:{account}:crawler/defined"
    assert glue.get_tags(ResourceArn=arn)["Tags"] == {"owner": "us"}
    glue.delete_crawler(Name="defined")
    with pytest.raises(ClientError, match="EntityNotFound"):
        glue.get_crawler(Name="defined")


def test_a_crawler_that_is_not_running_cannot_be_stopped(glue) -> None:
    crawl(glue, "idle", f"{BUCKET}/nothing/")
    with pytest.raises(glue.exceptions.CrawlerNotRunningException):
        glue.stop_crawler(Name="idle")
