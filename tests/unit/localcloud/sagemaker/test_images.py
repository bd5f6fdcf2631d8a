from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.services.sagemaker import images
from localcloud.services.sagemaker.jobs.metric_scan import MetricScan

DEEPAR = "224300973850.dkr.ecr.eu-west-1.amazonaws.com/forecasting-deepar:1"


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        (DEEPAR, "forecasting-deepar"),
        ("host:5000/team/boosting@sha256:abc", "team/boosting"),
        ("tiny", "tiny"),
    ],
)
def test_repository_is_the_name_without_registry_and_version(uri: str, name: str) -> None:
    assert images.repository(uri) == name


def test_name_with_a_path_outside_the_folders_is_refused(tmp_path: Path) -> None:
    with pytest.raises(images.UnknownImageError, match="not a valid image name"):
        images.find("registry/../../etc:1", [tmp_path])


def test_deepar_is_found_in_its_own_folder_below_the_first_match(tmp_path: Path) -> None:
    for folder in ("mine", "theirs"):
        (tmp_path / folder / "deepar").mkdir(parents=True)
    found = images.find(DEEPAR, [tmp_path / "none", tmp_path / "mine", tmp_path / "theirs"])
    assert found.folder == tmp_path / "mine" / "deepar"


def test_unknown_image_is_reported_with_the_searched_folders(tmp_path: Path) -> None:
    with pytest.raises(images.UnknownImageError, match=f"looked for {tmp_path}/other"):
        images.find("registry/other:1", [tmp_path])


def test_missing_script_is_named(tmp_path: Path) -> None:
    (tmp_path / "deepar").mkdir()
    with pytest.raises(images.UnknownImageError, match="has no serve"):
        images.find(DEEPAR, [tmp_path]).script("serve")


@pytest.mark.parametrize(
    ("line", "metrics"),
    [
        (
            "#quality_metric: host=algo-1, epoch=2, batch=5 train loss <loss>=4.5",
            [("train:loss:batch", 4.5)],
        ),
        ("#quality_metric: host=algo-1, epoch=2, train loss <loss>=4.25", [("train:loss", 4.25)]),
        ("#quality_metric: host=algo-1, train final_loss <loss>=3.0", [("train:final_loss", 3.0)]),
        ("#quality_metric: host=algo-1, test RMSE <loss>=21.5", [("test:RMSE", 21.5)]),
        (
            "#quality_metric: host=algo-1, test mean_wQuantileLoss <loss>=0.08",
            [("test:mean_wQuantileLoss", 0.08)],
        ),
        ("#progress_metric: host=algo-1, completed 40 % of epochs", [("train:progress", 40.0)]),
        ("#quality_metric: host=algo-1, test RMSE <loss>=nan", []),
        ("anything else", []),
    ],
)
def test_deepars_metrics_are_read_from_its_log(line: str, metrics: list[tuple[str, float]]) -> None:
    assert MetricScan(images.metric_definitions(DEEPAR)).read(line) == metrics
