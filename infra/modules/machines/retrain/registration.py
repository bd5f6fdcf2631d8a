"""How the state machine ``retrain`` puts a candidate into the registry, whatever its verdict."""

from __future__ import annotations

from contracts.lake.locations import TRAINING_OUTPUT
from infra.modules.machines.retrain.jobs import RetrainInputs
from infra.modules.machines.states_language import State, expression, task

_CONTENT_TYPES = ["application/json", "application/jsonlines"]

_PENDING = "PendingManualApproval"
_NOT_ALLOWED = r"/[^A-Za-z0-9 _.:\/=+@-]/"
"""Characters that SageMaker refuses in metadata, and more."""

METADATA = {
    "algorithm": "$algorithm",
    "training_job": "$training_job",
    "run": "$run",
    "reason": f"$replace($reason, {_NOT_ALLOWED}, ' ')",
    "data_start": "$origins.data_start",
    "data_end": "$origins.data_end",
    "origins": "$string($origins.origins)",
    "commit": "$commit",
    "image": "$image",
    "categories": "$place & 'origins/judged/categories.json'",
    "report": "$place & 'report/report.html'",
    "verdict": "$verdict.verdict",
    "champion": "$origins.champion = '' ? 'none' : $origins.champion",
    "wql_champion": "$verdict.wql_champion = null ? 'none' : $string($verdict.wql_champion)",
    **{
        figure: f"$string($verdict.{figure})"
        for figure in (
            "wql",
            "wql_persistence",
            "wql_naive_24",
            "nd",
            "mase",
            "coverage_80",
        )
    },
}
"""Metadata of a version, by JSONata expressions; `forecasting.releases.registry` reads it."""


def registration(inputs: RetrainInputs, *, then: str) -> dict[str, State]:
    """A version of the model: approved, to be approved, or rejected with the gate's reasons."""
    names = inputs.names
    artefact = f"'{TRAINING_OUTPUT.uri(names)}' & $training_job & '/output/model.tar.gz'"
    instance_types = [inputs.instance_type]
    return {
        "Register": task(
            "Register",
            "aws-sdk:sagemaker:createModelPackage",
            {
                "ModelPackageGroupName": names.model_package_group,
                "ModelPackageDescription": expression(
                    "$algorithm & ' of run ' & $run & ' (' & $reason & ')'"
                ),
                # decided next: only a decision has room for its reasons
                "ModelApprovalStatus": _PENDING,
                "InferenceSpecification": {
                    "Containers": [
                        {"Image": expression("$image"), "ModelDataUrl": expression(artefact)}
                    ],
                    "SupportedContentTypes": _CONTENT_TYPES,
                    "SupportedResponseMIMETypes": _CONTENT_TYPES,
                    "SupportedRealtimeInferenceInstanceTypes": instance_types,
                    "SupportedTransformInstanceTypes": [inputs.retraining.instance_type],
                },
                "ModelMetrics": {"ModelQuality": _statistics("metrics.json")},
                "DriftCheckBaselines": {"ModelDataQuality": _statistics("reference.json")},
                "CustomerMetadataProperties": {
                    name: expression(value) for name, value in METADATA.items()
                },
                # of the run, so that a call that is made again makes no second version
                "ClientToken": expression("$substring($hash($run, 'SHA-256'), 0, 36)"),
            },
            assign={"package": "$states.result.ModelPackageArn"},
            then="Register the verdict",
        ),
        "Register the verdict": task(
            "Register",
            "aws-sdk:sagemaker:updateModelPackage",
            {
                "ModelPackageArn": expression("$package"),
                "ModelApprovalStatus": expression(approval(inputs)),
                "ApprovalDescription": expression(
                    "'gate: ' & $verdict.verdict & ': ' & $verdict.reasons"
                ),
            },
            then=then,
        ),
    }


def approval(inputs: RetrainInputs) -> str:
    """JSONata of the version's status: what the gate lets pass is what the settings say.

    Without the champion's forecasts the gate has not seen all, so a person decides.
    """
    accepted = f"($champion_failure = '' ? '{inputs.retraining.approval}' : '{_PENDING}')"
    return f"($verdict.verdict = 'accepted' ? {accepted} : 'Rejected')"


def _statistics(file: str) -> State:
    uri = expression(f"$place & 'report/{file}'")
    return {"Statistics": {"ContentType": "application/json", "S3Uri": uri}}
