"""Instance types on which a version of a model permits batch transform."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from localcloud.cloud.aws_api import AwsError
from localcloud.services.sagemaker.endpoints.models import Models

PACKAGE = "arn:aws:sagemaker:eu-west-1:000000000000:model-package/forecast/1"


def models(**specification: Any) -> Models:
    parts: Any = SimpleNamespace(account=None, store=None, tags=None)
    packages: Any = {PACKAGE: {"InferenceSpecification": {"Containers": [], **specification}}}
    return Models(parts, packages)


def test_a_type_that_the_version_does_not_list_is_refused():
    model = {"PrimaryContainer": {"Image": "x", "ModelPackageName": PACKAGE}}
    listing = models(SupportedTransformInstanceTypes=["ml.m5.large", "ml.m5.xlarge"])

    listing.check_transform(model, "ml.m5.xlarge")
    with pytest.raises(AwsError, match=r"ml\.c5\.2xlarge is not among .*: ml\.m5\.large, ml\.m5"):
        listing.check_transform(model, "ml.c5.2xlarge")


def test_a_version_without_a_list_and_a_model_without_a_version_permit_every_type():
    models().check_transform({"PrimaryContainer": {"ModelPackageName": PACKAGE}}, "ml.c5.2xlarge")
    listing = models(SupportedTransformInstanceTypes=["ml.m5.large"])
    listing.check_transform({"PrimaryContainer": {"Image": "x"}}, "ml.c5.2xlarge")
