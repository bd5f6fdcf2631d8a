"""Registers a candidate, accepted or rejected."""

from __future__ import annotations

from infra.modules.machines.retrain.inputs import Fragments, RetrainInputs
from infra.modules.machines.retrain.run_jobs import artefact
from infra.modules.machines.states_language import State, expression, task
from infra.modules.machines.tasks.models import judge_version, register_version

_CONTENT_TYPES = ["application/json", "application/jsonlines"]

_PENDING = "PendingManualApproval"
_NOT_ALLOWED = r"/[^A-Za-z0-9 _.:\/=+@-]/"
"""Characters that are removed from metadata, among them all that SageMaker rejects."""
_MOST_CHARACTERS = 256
"""SageMaker's limit for a value of the metadata."""

_METADATA = {
    "algorithm": "$algorithm",
    "training_job": "$training_job",
    "run": "$run",
    "reason": f"$substring($replace($reason, {_NOT_ALLOWED}, ' '), 0, {_MOST_CHARACTERS})",
    "data_start": "$held_out.data_start",
    "data_end": "$held_out.data_end",
    "commit": f"$substring($replace($commit, {_NOT_ALLOWED}, ' '), 0, {_MOST_CHARACTERS})",
    "image": "$image",
    "report": "$place & 'report/report.html'",
    "verdict": "$verdict.verdict",
    "champion": "$held_out.champion = '' ? 'none' : $held_out.champion",
}
"""JSONata of every version's metadata; `forecasting.releases.registry` reads it."""


def registration(inputs: RetrainInputs, fragments: Fragments, *, then: str) -> dict[str, State]:
    """Returns the states that register a version: approved, pending, or rejected with reasons."""
    metadata = {**_METADATA, **fragments.metadata}
    return {
        "Register": task(
            "Register",
            register_version(
                inputs.names,
                inputs.names.model_package_group,
                {
                    "ModelPackageGroupName": inputs.names.model_package_group,
                    "ModelPackageDescription": expression(
                        # SageMaker refuses line breaks and more than 1,024 characters
                        "$algorithm & ' of run ' & $run & "
                        "' (' & $substring($replace($reason, /\\s+/, ' '), 0, 900) & ')'"
                    ),
                    # set by the next call: only an update can store the reasons
                    "ModelApprovalStatus": _PENDING,
                    "InferenceSpecification": {
                        "Containers": [
                            {
                                "Image": expression("$image"),
                                "ModelDataUrl": expression(artefact(inputs)),
                            }
                        ],
                        "SupportedContentTypes": _CONTENT_TYPES,
                        "SupportedResponseMIMETypes": _CONTENT_TYPES,
                        # Without lists of instance types, which are optional for a version, it
                        # runs on every type, also on one that the settings name later.
                    },
                    "ModelMetrics": {"ModelQuality": _statistics("metrics.json")},
                    "DriftCheckBaselines": {"ModelDataQuality": _statistics("reference.json")},
                    "CustomerMetadataProperties": {
                        name: expression(value) for name, value in metadata.items()
                    },
                    # derived from the run, so that a retried call makes no second version
                    "ClientToken": expression("$substring($hash($run, 'SHA-256'), 0, 36)"),
                },
            ),
            assign={"package": "$states.result.ModelPackageArn"},
            then="Register the verdict",
        ),
        "Register the verdict": task(
            "Register",
            judge_version(
                inputs.names,
                inputs.names.model_package_group,
                "$package",
                approval(inputs),
                "'gate: ' & $verdict.verdict & ': ' & $verdict.reasons",
            ),
            then=then,
        ),
    }


def approval(inputs: RetrainInputs) -> str:
    """Returns JSONata of the version's status; for a version that passes, the settings decide.

    Without the champion's predictions the gate lacks its baseline, so a person decides.
    """
    accepted = f"($champion_failure = '' ? '{inputs.retraining.approval}' : '{_PENDING}')"
    return f"($verdict.verdict = 'accepted' ? {accepted} : 'Rejected')"


def _statistics(file: str) -> dict[str, dict[str, str]]:
    uri = expression(f"$place & 'report/{file}'")
    return {"Statistics": {"ContentType": "application/json", "S3Uri": uri}}
