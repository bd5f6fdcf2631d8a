from __future__ import annotations

import pytest

from localcloud.cloud.aws_api import AwsError
from localcloud.services.sagemaker.jobs.metric_scan import MetricScan


def test_last_value_of_each_metric_is_final() -> None:
    scan = MetricScan([{"Name": "loss", "Regex": "loss=(.*?);"}])
    for line in ("loss=3.5;", "nothing", "loss=not a number;", "loss=2.5;"):
        scan.read(line)
    (metric,) = scan.final()
    assert (metric["MetricName"], metric["Value"]) == ("loss", 2.5)


@pytest.mark.parametrize(("regex", "reason"), [("loss=(", "Invalid regex"), ("loss", "capturing")])
def test_invalid_expression_is_refused(regex: str, reason: str) -> None:
    with pytest.raises(AwsError, match=reason):
        MetricScan([{"Name": "loss", "Regex": regex}])
