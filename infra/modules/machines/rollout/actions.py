"""Actions of the rollout: create models, configuration and endpoint of the release ``wanted``."""

from __future__ import annotations

from contracts.models.requests import serving
from contracts.models.requests.parts import Owner
from contracts.names import Names
from infra.modules.machines.rollout.observation import package_prefix
from infra.modules.machines.rollout.steps import REFUSED, act, look
from infra.modules.machines.states_language import (
    Call,
    Part,
    State,
    choice,
    each,
    expression,
    task,
    to_failure,
    way,
)
from infra.modules.machines.tasks import endpoints, jobs
from infra.modules.machines.tasks.models import create_model

FIRST = "Prepare models"
_CONFIGURATION = "$wanted.configuration"


def models(names: Names, owner: Owner, *, then: str) -> dict[str, State]:
    """Returns the state that creates the missing models, one at a time."""
    prefix = names.part("").rstrip("-")
    is_there = "$exists($states.result.Models[ModelName = $states.input.model])"
    package = f"{{'ModelPackageName': '{package_prefix(names)}' & $variant.version}}"
    artefact = (
        "{'Image': $states.result.AlgorithmSpecification.TrainingImage, "
        "'ModelDataUrl': $states.result.ModelArtifacts.S3ModelArtifacts}"
    )
    request = serving.model(expression("$variant.model"), expression("$container"), owner)
    states = {
        "Find model": _inner(
            endpoints.find("Models", expression("$states.input.model")),
            then="Does the model exist",
            variant="$states.input",
            is_there=is_there,
        ),
        "Does the model exist": choice(
            "Describe training job",
            ("$is_there", "Model exists"),
            ("$exists($variant.version)", way("Create model", container=expression(package))),
        ),
        "Describe training job": _inner(
            jobs.describe_training(names, "$variant.training_job", prefix=prefix),
            then="Create model",
            container=artefact,
        ),
        "Create model": _inner(
            create_model(names, names.model_package_group, request, prefix=prefix),
            then="Model exists",
        ).but(Retry=[]),
        "Model exists": State({"Type": "Succeed"}),
    }
    made = each("$wanted.variants", Part("Find model", states), step=FIRST, then=then)
    return {FIRST: made.but(Catch=[to_failure(FIRST, then=REFUSED)])}


def endpoint(names: Names, owner: Owner, *, wait: str) -> dict[str, State]:
    """Returns the states that update the endpoint to the configuration, creating it if missing."""
    found = f"$states.result.EndpointConfigs[EndpointConfigName = {_CONFIGURATION}]"
    variants = serving.variants_in_jsonata(
        "$wanted.variants", "$wanted.instance_type", "$wanted.instance_count"
    )
    request = serving.endpoint_configuration(
        expression(_CONFIGURATION), expression(variants), owner
    )
    desired = "[$wanted.variants.{'VariantName': name, 'DesiredWeight': weight}]"
    return {
        "Find configuration": look(
            "Find configuration",
            endpoints.find("EndpointConfigs", expression(_CONFIGURATION)),
            then="Does the configuration exist",
            is_made=f"$exists({found})",
        ),
        "Does the configuration exist": choice(
            "Create configuration", ("$is_made", "Is the endpoint missing")
        ),
        "Create configuration": act(
            "Create configuration",
            endpoints.create_configuration(names, request),
            then="Is the endpoint missing",
        ),
        "Is the endpoint missing": choice(
            "Update endpoint", ("$status = 'Missing'", "Create endpoint")
        ),
        "Create endpoint": act(
            "Create endpoint",
            endpoints.create(names, _CONFIGURATION, owner),
            then=wait,
            tried=_CONFIGURATION,
        ),
        "Update endpoint": act(
            "Update endpoint",
            endpoints.update(names, _CONFIGURATION),
            then=wait,
            tried=_CONFIGURATION,
        ),
        "Set weights": act(
            "Set weights", endpoints.set_weights(names, desired), then=wait, tried="'weights'"
        ),
        "Delete endpoint": act(
            "Delete endpoint",
            endpoints.delete(names),
            then=wait,
            rejected="0",  # from here on the endpoint is made again
        ),
    }


def _inner(call: Call, *, then: str, **assign: str) -> State:
    """Returns a call for one variant; the enclosing state catches its errors."""
    return task(FIRST, call, then=then, assign=assign, caught_outside=True)
