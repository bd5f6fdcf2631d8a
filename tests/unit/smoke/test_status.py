"""The verification status says of AWS only what a smoke test on AWS has shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from smoke import status
from smoke.report import FAILED, SKIPPED
from smoke.status import NOT_RUN, NOTHING, Row, cell, headline
from tests.unit.smoke.reports import report, with_hop

GLUE = Row("Glue jobs", "under PySpark", "compaction", ("readings", "series"))


@pytest.mark.parametrize("path", [status.PAGE, status.README], ids=str)
def test_the_committed_page_is_generated_from_the_committed_reports(path):
    committed = (status.REPOSITORY / path).read_text(encoding="utf-8")

    assert committed == status.generated()[path], "run `make verification` and commit the result"


def test_a_passed_report_from_aws_turns_the_row_and_the_headline():
    found = [report()]

    assert cell(GLUE, found) == (
        "2026-12-01 (dev): readings works; series works. Not run: compaction"
    )
    assert headline(found) == (
        "The last smoke test on AWS passed on 2026-12-01 in eu-west-1 (dev): 9 of 9 hops in 900 s, "
        "for about 0.09 USD."
    )


@pytest.mark.parametrize(
    "endpoints",
    [("127.0.0.1:4566",), ("glue.eu-west-1.amazonaws.com", "localhost:4566"), (),
     ("amazonaws.com.example.org",), ("notamazonaws.com",)],
    ids=str,
)  # fmt: skip
def test_a_report_of_another_cloud_says_nothing_of_aws(endpoints):
    found = [report(endpoints=endpoints)]

    assert cell(GLUE, found) == NOT_RUN
    assert headline(found) == NOTHING


def test_a_report_of_the_local_environment_says_nothing_of_aws_whatever_it_claims():
    assert headline([report(environment="local")]) == NOTHING


def test_a_hop_that_was_not_shown_does_not_count():
    api = Row("API", "ministack's", hops=("api",))

    assert cell(api, [with_hop(report(), "api", verdict=SKIPPED)]) == NOT_RUN


def test_the_newest_report_that_reached_the_hops_decides():
    old = report(started=datetime(2026, 11, 30, tzinfo=UTC), environment="staging")
    failed = with_hop(report(), "series", verdict=FAILED, found="FAILED: no | memory")

    assert cell(GLUE, [old, failed]) == r"failed on 2026-12-01 (dev): FAILED: no \| memory"
    not_reached = with_hop(report(), "series", verdict=SKIPPED)
    assert cell(GLUE, [old, not_reached]).startswith("2026-11-30 (staging): ")
    assert headline([old, failed]).startswith("The last smoke test on AWS, on 2026-12-01")
    assert "failed: build hourly series" in headline([old, failed])


def test_a_run_that_left_something_behind_did_not_pass():
    assert "failed: the clean-up" in headline([report(removed=False)])


def test_rows_without_hops_stay_as_they_are():
    assert cell(Row("budget", "applied"), [report()]) == NOT_RUN
    assert cell(Row("MLflow", "a file", "only synthesised"), [report()]) == (
        "not run: only synthesised"
    )
    assert cell(Row("Docker", "not run", "–"), [report()]) == "–"


def test_rows_and_reports_that_do_not_fit_are_refused(tmp_path):
    folder = tmp_path / status.REPORTS
    folder.mkdir(parents=True)
    rows = tmp_path / status.ROWS
    rows.write_text('[[row]]\nwhat = "a"\nlaptop = "b"\nhops = ["flight"]\n')
    with pytest.raises(status.SmokeError, match="got flight"):
        status.rows(tmp_path)
    rows.write_text('[[row]]\nwhat = "a"\nlaptop = "b"\nhop = ["api"]\n')
    with pytest.raises(status.SmokeError, match="unexpected keyword argument 'hop'"):
        status.rows(tmp_path)
    (folder / "prod.json").write_text(report().to_json())
    with pytest.raises(status.SmokeError, match="expected a report of prod; got one of dev"):
        status.reports(tmp_path)
    with pytest.raises(status.SmokeError, match="expected one <!-- generated"):
        status.readme("no place", [])


def test_each_hop_of_the_smoke_test_decides_a_row():
    used = {hop for row in status.rows() for hop in row.hops}

    assert used == {hop.name for hop in report().hops}


def test_a_committed_report_of_another_commit_is_shown_with_it():
    assert "commit 0123456789ab, on AWS, eu-west-1: 900 s" in status.page(
        [replace(report())], status.rows()
    )
