from __future__ import annotations

import pytest

from infra.cli.scan import Finding, ScanError, findings, judge, reasons

LOGS = Finding("dev/data", "logs", "CKV_AWS_145")
STACK = {
    "resource": {
        "aws_s3_bucket": {
            "logs": {"//": {"checkov": {"CKV_AWS_145": "AWS's own keys only"}}},
            "raw": {"//": {"metadata": {"path": "data/raw"}}},
        }
    }
}


def report(*failed: dict[str, str], passed: int = 5, unread: int = 0) -> dict[str, object]:
    return {
        "summary": {"passed": passed, "parsing_errors": unread},
        "results": {"failed_checks": list(failed)},
    }


def failed(resource: str, check: str = "CKV_AWS_145") -> dict[str, str]:
    return {"file_path": "/dev/data/cdk.tf.json", "resource": resource, "check_id": check}


def test_reasons_are_read_from_the_comment_of_their_resource():
    assert reasons("dev/data", STACK) == {LOGS: "AWS's own keys only"}


@pytest.mark.parametrize("resource", ["aws_s3_bucket.logs", "resource.logs"])
def test_findings_are_identified_by_stack_name_and_check(resource):
    assert findings(report(failed(resource))) == {LOGS}


def test_a_finding_with_its_reason_is_good():
    assert judge([LOGS], {LOGS: "why"}).is_good


def test_a_finding_without_a_reason_is_reported():
    verdict = judge([LOGS], {})

    assert not verdict.is_good
    assert verdict.unexplained == (LOGS,)


def test_an_unused_reason_is_reported():
    assert judge([], {LOGS: "why"}).unused == (LOGS,)


def test_an_empty_reason_is_rejected():
    assert judge([LOGS], {LOGS: " "}).reasonless == (LOGS,)


@pytest.mark.parametrize("nothing", [report(passed=0), report(unread=1), {"passed": 0}])
def test_a_scan_that_read_nothing_fails(nothing):
    with pytest.raises(ScanError, match="expected it to read every stack"):
        findings(nothing)
