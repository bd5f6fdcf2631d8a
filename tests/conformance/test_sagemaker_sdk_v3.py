"""Tests of the unmodified SageMaker Python SDK, version 3, against the local cloud."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.models.sagemaker_testbed import (
    BUCKET,
    IMAGE,
    Studio,
    allow,
    cloud_with_tiny_containers,
)

NEAR_ZERO = 1e-9  # the SDK omits zeros from its requests, and AWS then uses the default of 1


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A cloud that this process's environment points to, as after `make up`."""
    with (
        cloud_with_tiny_containers(tmp_path_factory.mktemp("sdk")) as cloud,
        pytest.MonkeyPatch.context() as environment,
    ):
        for name, value in cloud.env.items():
            environment.setenv(name, value)
        studio = Studio(cloud).prepare()
        # ModelTrainer requires more permissions than a job needs, such as for network interfaces.
        studio.role = studio.new_role("data-scientist", allow("*"))
        yield studio


@pytest.fixture(scope="module")
def sdk(studio: Studio) -> SimpleNamespace:
    """The parts of the SDK that the tests use, imported once because the import takes seconds."""
    from sagemaker.core import image_uris, processing, resources, shapes  # noqa: PLC0415
    from sagemaker.core.helper.session_helper import Session  # noqa: PLC0415
    from sagemaker.core.remote_function import remote  # noqa: PLC0415
    from sagemaker.train import ModelTrainer, configs  # noqa: PLC0415

    return SimpleNamespace(
        image_uris=image_uris,
        processing=processing,
        remote=remote,
        resources=resources,
        shapes=shapes,
        Session=Session,
        ModelTrainer=ModelTrainer,
        configs=configs,
    )


def trainer(sdk: SimpleNamespace, studio: Studio, **hyperparameters: object) -> object:
    """Makes a trainer of SageMaker's DeepAR on the bucket's data."""
    configs = sdk.configs
    return sdk.ModelTrainer(
        training_image=sdk.image_uris.retrieve("forecasting-deepar", "eu-west-1"),
        role=studio.role,
        sagemaker_session=sdk.Session(),
        base_job_name="deepar",
        hyperparameters={"time_freq": "H", "epochs": 3, **hyperparameters},
        compute=configs.Compute(
            instance_type="ml.c5.2xlarge", instance_count=1, volume_size_in_gb=10
        ),
        output_data_config=configs.OutputDataConfig(s3_output_path=f"s3://{BUCKET}/sdk"),
        stopping_condition=configs.StoppingCondition(max_runtime_in_seconds=600),
        input_data_config=[
            configs.InputData(channel_name="train", data_source=f"s3://{BUCKET}/data/train/")
        ],
    )


def test_model_trainer_trains_waits_and_shows_the_log(
    sdk: SimpleNamespace, studio: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    training = trainer(sdk, studio)
    training.train(wait=True, logs=True)
    job = training._latest_training_job
    job.refresh()
    assert job.training_job_status == "Completed"
    assert job.model_artifacts.s3_model_artifacts.startswith(f"s3://{BUCKET}/sdk/deepar-")
    assert job.hyper_parameters == {"time_freq": "H", "epochs": "3"}
    (metric,) = job.final_metric_data_list
    assert (metric.metric_name, metric.value) == ("train:final_loss", 0.25)


def test_default_bucket_needs_no_call_to_the_fixed_address_of_sts(
    sdk: SimpleNamespace, studio: Studio, tmp_path: Path
) -> None:
    session = sdk.Session()
    assert session.default_bucket() == "sagemaker-eu-west-1-000000000000"
    (tmp_path / "train.json").write_text('{"a": 1}')
    address = session.upload_data(str(tmp_path / "train.json"), key_prefix="data")
    assert address == "s3://sagemaker-eu-west-1-000000000000/data/train.json"
    body = studio.s3.get_object(Bucket=session.default_bucket(), Key="data/train.json")["Body"]
    assert body.read() == b'{"a": 1}'


def test_model_trainer_raises_the_containers_error(sdk: SimpleNamespace, studio: Studio) -> None:
    with pytest.raises(Exception, match="time_freq must be one of H, D; got X"):
        trainer(sdk, studio, behaviour="fail").train(wait=True, logs=False)


def test_model_trainer_runs_the_program_of_its_source_code(
    sdk: SimpleNamespace, studio: Studio, tmp_path: Path
) -> None:
    (tmp_path / "program.py").write_text(
        "import json, os, pathlib\n"
        "import beside\n"
        "found = sorted(p.name for p in pathlib.Path('/opt/ml/input/data/train').rglob('*.json'))\n"
        "written = {'found': found, 'beside': beside.NAME, 'epochs': os.environ['SM_HP_EPOCHS']}\n"
        "model = pathlib.Path(os.environ['SM_MODEL_DIR']) / 'model.json'\n"
        "model.write_text(json.dumps(written))\n"
    )
    (tmp_path / "beside.py").write_text("NAME = 'a module of the same folder'\n")
    configs = sdk.configs
    training = sdk.ModelTrainer(
        training_image=IMAGE,
        role=studio.role,
        sagemaker_session=sdk.Session(),
        base_job_name="program",
        hyperparameters={"epochs": 3},
        source_code=configs.SourceCode(source_dir=str(tmp_path), entry_script="program.py"),
        compute=configs.Compute(instance_type="ml.m5.large", instance_count=1),
        output_data_config=configs.OutputDataConfig(
            s3_output_path=f"s3://{BUCKET}/sdk", compression_type="NONE"
        ),
        input_data_config=[
            configs.InputData(channel_name="train", data_source=f"s3://{BUCKET}/data/train/")
        ],
    )
    training.train(wait=True, logs=False)
    uri = training._latest_training_job.model_artifacts.s3_model_artifacts
    assert uri.endswith("/output/model/")
    key = uri.removeprefix(f"s3://{BUCKET}/") + "model.json"
    assert json.loads(studio.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()) == {
        "found": ["a.json", "b.json"],
        "beside": "a module of the same folder",
        "epochs": "3",
    }


def test_remote_function_returns_what_it_computed_in_a_job(
    sdk: SimpleNamespace, studio: Studio
) -> None:
    @sdk.remote(
        image_uri=IMAGE,
        role=studio.role,
        instance_type="ml.m5.large",
        s3_root_uri=f"s3://{BUCKET}/remote",
        sagemaker_session=sdk.Session(),
        job_name_prefix="remote",
    )
    def divide(left: int, right: int) -> tuple[float, str, int]:
        import os  # noqa: PLC0415 - the function's text is sent

        return left / right, os.environ["TRAINING_JOB_NAME"], os.getpid()

    ratio, job, pid = divide(3, 4)
    assert ratio == 0.75
    assert pid != os.getpid()
    assert studio.job(job)["TrainingJobStatus"] == "Completed"
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        divide(1, 0)


def test_framework_processor_runs_its_code_on_the_inputs(
    sdk: SimpleNamespace, studio: Studio, tmp_path: Path
) -> None:
    (tmp_path / "count.py").write_text(
        "import pathlib, sys\n"
        "from words import GREETING\n"
        "found = list(pathlib.Path('/opt/ml/processing/input/data').rglob('*.json'))\n"
        "out = pathlib.Path('/opt/ml/processing/output/said.txt')\n"
        "out.write_text(f'{GREETING} {len(found)} {sys.argv[1:]}')\n"
    )
    (tmp_path / "words.py").write_text("GREETING = 'counted'\n")
    shapes = sdk.shapes
    processor = sdk.processing.FrameworkProcessor(
        image_uri=IMAGE,
        role=studio.role,
        instance_count=1,
        instance_type="ml.m5.large",
        base_job_name="framework",
        code_location=f"s3://{BUCKET}/code",
        sagemaker_session=sdk.Session(),
    )
    processor.run(
        code="count.py",
        source_dir=str(tmp_path),
        arguments=["--fast"],
        inputs=[
            shapes.ProcessingInput(
                input_name="data",
                s3_input=shapes.ProcessingS3Input(
                    s3_uri=f"s3://{BUCKET}/data/train/",
                    local_path="/opt/ml/processing/input/data",
                    s3_data_type="S3Prefix",
                    s3_input_mode="File",
                ),
            )
        ],
        outputs=[
            shapes.ProcessingOutput(
                output_name="said",
                s3_output=shapes.ProcessingS3Output(
                    s3_uri=f"s3://{BUCKET}/said",
                    local_path="/opt/ml/processing/output",
                    s3_upload_mode="EndOfJob",
                ),
            )
        ],
        wait=True,
        logs=False,
    )
    said = studio.s3.get_object(Bucket=BUCKET, Key="said/said.txt")["Body"].read()
    assert said == b"counted 2 ['--fast']"


def test_endpoint_with_two_variants_is_created_updated_and_deleted(
    sdk: SimpleNamespace, studio: Studio
) -> None:
    resources, shapes = sdk.resources, sdk.shapes
    for name in ("one", "two"):
        studio.model(f"archive-{name}")  # uploads the archive
        resources.Model.create(
            model_name=name,
            execution_role_arn=studio.role,
            primary_container=shapes.ContainerDefinition(
                image=IMAGE,
                model_data_url=f"s3://{BUCKET}/archives/archive-{name}/model.tar.gz",
            ),
        )
    for config, weights in (("even", (0.5, 0.5)), ("uneven", (1.0, NEAR_ZERO))):
        resources.EndpointConfig.create(
            endpoint_config_name=config,
            production_variants=[
                shapes.ProductionVariant(
                    variant_name=name,
                    model_name=name,
                    initial_instance_count=1,
                    instance_type="ml.m5.large",
                    initial_variant_weight=weight,
                )
                for name, weight in zip(("one", "two"), weights, strict=True)
            ],
        )
    endpoint = resources.Endpoint.create(endpoint_name="sdk", endpoint_config_name="even")
    endpoint.wait_for_status("InService", poll=1, timeout=60)

    answer = endpoint.invoke(body=b"{}", content_type="application/json", target_variant="two")
    assert answer.invoked_production_variant == "two"
    assert json.loads(answer.body.read())["model"] == "archive-two"

    endpoint.update_weights_and_capacities(
        desired_weights_and_capacities=[
            shapes.DesiredWeightAndCapacity(variant_name="one", desired_weight=NEAR_ZERO),
            shapes.DesiredWeightAndCapacity(variant_name="two", desired_weight=1.0),
        ]
    )
    endpoint.wait_for_status("InService", poll=1, timeout=60)
    answers = [endpoint.invoke(body=b"{}", content_type="application/json") for _ in range(5)]
    assert {one.invoked_production_variant for one in answers} == {"two"}

    endpoint.endpoint_config_name = "uneven"
    endpoint.update()
    endpoint.wait_for_status("InService", poll=1, timeout=60)
    assert endpoint.endpoint_config_name == "uneven"
    answer = endpoint.invoke(body=b"{}", content_type="application/json")
    assert answer.invoked_production_variant == "one"

    assert "sdk" in {one.endpoint_name for one in resources.Endpoint.get_all()}
    endpoint.delete()
    endpoint.wait_for_delete(poll=1, timeout=60)
    for name in ("one", "two"):
        resources.Model.get(name).delete()
    for config in ("even", "uneven"):
        resources.EndpointConfig.get(config).delete()
    assert "one" not in {model.model_name for model in resources.Model.get_all()}


def test_version_is_registered_and_used_in_transform_and_processing_jobs(
    sdk: SimpleNamespace, studio: Studio
) -> None:
    resources, shapes = sdk.resources, sdk.shapes
    studio.model("registered")  # uploads the archive
    resources.ModelPackageGroup.create(model_package_group_name="forecasts")
    archive = f"s3://{BUCKET}/archives/registered/model.tar.gz"
    # ModelPackage.create expects a name in a response that contains only an ARN
    arn = studio.sagemaker.create_model_package(
        ModelPackageGroupName="forecasts",
        InferenceSpecification={"Containers": [{"Image": IMAGE, "ModelDataUrl": archive}]},
    )["ModelPackageArn"]
    package = resources.ModelPackage.get(arn)
    assert (package.model_package_version, package.model_approval_status) == (
        1,
        "PendingManualApproval",
    )
    # a version has no name, as on AWS; the SDK then uses its ARN
    assert not isinstance(package.model_package_name, str)
    package.update(model_approval_status="Approved")
    package.wait_for_status("Completed", poll=1, timeout=10)
    assert package.model_approval_status == "Approved"
    (listed,) = resources.ModelPackage.get_all(model_package_group_name="forecasts")
    assert listed.model_package_arn == arn

    resources.Model.create(
        model_name="registered-1",
        execution_role_arn=studio.role,
        primary_container=shapes.ContainerDefinition(model_package_name=package.model_package_arn),
    )
    transform = resources.TransformJob.create(
        transform_job_name="candidate",
        model_name="registered-1",
        transform_input=shapes.TransformInput(
            data_source=shapes.TransformDataSource(
                s3_data_source=shapes.TransformS3DataSource(
                    s3_data_type="S3Prefix", s3_uri=f"s3://{BUCKET}/data/train/"
                )
            ),
            split_type="Line",
        ),
        transform_output=shapes.TransformOutput(
            s3_output_path=f"s3://{BUCKET}/answers", assemble_with="Line"
        ),
        transform_resources=shapes.TransformResources(
            instance_type="ml.m5.large", instance_count=1
        ),
    )
    transform.wait(poll=1, timeout=60)
    assert transform.transform_job_status == "Completed"

    report = shapes.ProcessingS3Output(
        s3_uri=f"s3://{BUCKET}/report",
        local_path="/opt/ml/processing/output",
        s3_upload_mode="EndOfJob",
    )
    processing = resources.ProcessingJob.create(
        processing_job_name="evaluation",
        role_arn=studio.role,
        app_specification=shapes.AppSpecification(image_uri=IMAGE),
        processing_resources=shapes.ProcessingResources(
            cluster_config=shapes.ProcessingClusterConfig(
                instance_count=1, instance_type="ml.m5.large", volume_size_in_gb=1
            )
        ),
        processing_inputs=[
            shapes.ProcessingInput(
                input_name="answers",
                s3_input=shapes.ProcessingS3Input(
                    s3_uri=f"s3://{BUCKET}/answers",
                    local_path="/opt/ml/processing/input/answers",
                    s3_data_type="S3Prefix",
                    s3_input_mode="File",
                ),
            )
        ],
        processing_output_config=shapes.ProcessingOutputConfig(
            outputs=[shapes.ProcessingOutput(output_name="report", s3_output=report)]
        ),
    )
    processing.wait(poll=1, timeout=60)
    assert processing.exit_message == "counted 2"
