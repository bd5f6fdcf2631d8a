"""Tests that Athena reads Delta Lake tables through their log and that slow queries are stopped."""

from __future__ import annotations

import io
import time

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from contracts.lake import queries
from contracts.names import Names
from glue_jobs.lake.delta import storage_options
from localcloud.cloud.launch import LocalCloud

BUCKET = "athena-delta"
LOCATION = f"s3://{BUCKET}/readings/"


def query(aws: boto3.Session, sql: str) -> list[list[str]]:
    """Runs a query and returns the rows."""
    athena = aws.client("athena")
    execution = athena.start_query_execution(
        QueryString=sql,
        QueryExecutionContext={"Database": "lake"},
        ResultConfiguration={"OutputLocation": f"s3://{BUCKET}/results/"},
    )["QueryExecutionId"]
    deadline = time.monotonic() + 60
    while True:
        status = athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]
        if status["State"] not in ("QUEUED", "RUNNING"):
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert status["State"] == "SUCCEEDED", status
    rows = athena.get_query_results(QueryExecutionId=execution)["ResultSet"]["Rows"]
    return [[cell["VarCharValue"] for cell in row["Data"]] for row in rows[1:]]


def rows(*numbers: int) -> pa.Table:
    return pa.table({"n": list(numbers), "date": [f"2026-06-0{1 + n % 2}" for n in numbers]})


@pytest.fixture(scope="module")
def table(cloud: LocalCloud, aws: boto3.Session) -> str:
    """URI of a table that is declared and has no files yet."""
    where = {"LocationConstraint": cloud.env["AWS_REGION"]}
    aws.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
    glue = aws.client("glue")
    glue.create_database(DatabaseInput={"Name": "lake"})
    glue.create_table(
        DatabaseName="lake",
        TableInput={
            "Name": "readings",
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"table_type": "DELTA", "classification": "delta"},
            "PartitionKeys": [{"Name": "date", "Type": "string"}],
            "StorageDescriptor": {
                "Location": LOCATION,
                "Columns": [{"Name": "n", "Type": "bigint"}],
            },
        },
    )
    return LOCATION


def test_only_files_of_the_newest_version_are_read(
    cloud: LocalCloud, aws: boto3.Session, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in cloud.env.items():
        monkeypatch.setenv(name, value)
    options = storage_options(table)
    assert query(aws, "SELECT count(*) FROM readings") == [["0"]]
    write_deltalake(table, rows(1, 2, 3), partition_by="date", storage_options=options)
    write_deltalake(table, rows(4, 5), mode="append", storage_options=options)
    assert query(aws, "SELECT count(*), max(n) FROM readings") == [["5", "5"]]
    DeltaTable(table, storage_options=options).delete("date = '2026-06-01'")
    left_by_a_killed_run = io.BytesIO()
    pq.write_table(rows(8).drop(["date"]), left_by_a_killed_run)
    aws.client("s3").put_object(
        Bucket=BUCKET,
        Key="readings/killed/date=2026-06-01/x.parquet",
        Body=left_by_a_killed_run.getvalue(),
    )
    by_day = 'SELECT "date", count(*) FROM readings GROUP BY 1 ORDER BY 1'
    assert query(aws, by_day) == [["2026-06-02", "3"]]
    assert query(aws, "SELECT n FROM readings WHERE date = '2026-06-02' ORDER BY n DESC") == [
        ["5"],
        ["3"],
        ["1"],
    ]


def test_a_query_that_takes_too_long_is_stopped_and_reported(aws: boto3.Session) -> None:
    names = Names.from_aws(aws, "local")
    athena = aws.client("athena")
    aws.client("s3").create_bucket(
        Bucket="athena-slow", CreateBucketConfiguration={"LocationConstraint": aws.region_name}
    )
    athena.create_work_group(
        Name=names.workgroup,
        Configuration={"ResultConfiguration": {"OutputLocation": "s3://athena-slow/"}},
    )
    slow = "SELECT sum(a.range * b.range) AS s FROM range(40000) a, range(40000) b"

    with pytest.raises(queries.QueryTimeoutError, match=r"within 0\.2 s; it was RUNNING") as caught:
        queries.query(athena, names, slow, patience=0.2)

    (execution,) = athena.list_query_executions(WorkGroup=names.workgroup)["QueryExecutionIds"]
    assert f"(query {execution})" in str(caught.value)
    stopped = athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]
    assert stopped["State"] == "CANCELLED"
    assert queries.query(athena, names, "SELECT 1 AS one") == [{"one": "1"}]
