"""The state machine that retrains the model, and its schedule; drift alarms also start it."""

from __future__ import annotations

from collections.abc import Callable

from cdktf_cdktf_provider_aws.data_aws_sagemaker_prebuilt_ecr_image import (
    DataAwsSagemakerPrebuiltEcrImage,
)
from constructs import Construct

from contracts.models.algorithms import Algorithm, of_workload
from contracts.models.container_images import image_uri
from contracts.names import Names
from contracts.settings.schema import Settings
from infra.modules.machines.machine_rule import MachineRule, MachineRuleInputs
from infra.modules.machines.retrain.definition import definition
from infra.modules.machines.retrain.inputs import Fragments, RetrainInputs
from infra.modules.machines.state_machine import StateMachine, StateMachineInputs


class Retrain(Construct):
    """Retraining of a workload: the state machine and its schedule."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        names: Names,
        settings: Settings,
        *,
        fragments: Callable[[RetrainInputs], Fragments],
    ) -> None:
        super().__init__(scope, id_)
        own = settings.of(names.workload)
        algorithms = of_workload(names.workload).values()
        inputs = RetrainInputs(
            names=names,
            training=own.training,
            retraining=own.retraining,
            images={one.name: self._image(names, one) for one in algorithms},
            tags=settings.tags.of(names.environment),
            instance_type=own.endpoint.instance_type,
        )
        StateMachine(
            self,
            "machine",
            StateMachineInputs(
                names=names,
                name=names.retrain_machine,
                description="Trains a new version of the model on the lake's data",
                machine=definition(inputs, fragments(inputs)),
            ),
        )
        if own.retraining.schedule is not None:
            MachineRule(
                self,
                "schedule",
                MachineRuleInputs(
                    names=names,
                    name=f"{names.retrain_machine}-schedule",
                    description="Retrains regularly",
                    machine=names.retrain_machine,
                    schedule=own.retraining.schedule,
                    given={"reason": "schedule"},
                ),
            )

    def _image(self, names: Names, algorithm: Algorithm) -> str:
        """Returns the training image: our own, or AWS's, whose account differs per region."""
        if algorithm.built_in is None:
            return image_uri(names, algorithm.name)
        image = DataAwsSagemakerPrebuiltEcrImage(
            self,
            f"{algorithm.name}_image",
            repository_name=algorithm.built_in,
            region=names.region,
        )
        return image.registry_path
