"""The processes behind an endpoint: instances of its production variants."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from localcloud.cloud.aws_api import AwsError
from localcloud.services.sagemaker import artifacts, images
from localcloud.services.sagemaker.container import Tree
from localcloud.services.sagemaker.endpoints.instance import Instance, InstanceError, Serving
from localcloud.services.sagemaker.parts import Parts

_DRAIN_POLL = 0.05


class FleetError(Exception):
    """The fleet cannot serve; the message is fit for a FailureReason."""


@dataclass(frozen=True)
class VariantPlan:
    """What is to run for one production variant, resolved from configuration and model."""

    name: str
    container: Mapping[str, Any]
    role_arn: str | None
    weight: float
    count: int
    startup_timeout: float


class Variant:
    """A production variant in service."""

    def __init__(self, plan: VariantPlan, serving: Serving) -> None:
        self.plan = plan
        self.instances: list[Instance] = []
        self._serving = serving
        self._turn = itertools.count()

    def grow(self, count: int) -> list[Instance]:
        """Start further instances until there are ``count``."""
        new = [Instance(self._serving) for _ in range(count - len(self.instances))]
        for instance in new:
            instance.start()
        self.instances = [*self.instances, *new]
        return new

    def shrink(self, count: int) -> list[Instance]:
        """Take instances out of service until there are ``count``; the caller stops them."""
        gone = self.instances[count:]
        self.instances = self.instances[:count]
        return gone

    def next_instance(self) -> Instance | None:
        """A healthy instance, each in its turn."""
        healthy = [instance for instance in self.instances if instance.healthy]
        return healthy[next(self._turn) % len(healthy)] if healthy else None


class Fleet:
    """All variants of an endpoint under one configuration.

    Parameters
    ----------
    folder
        Where the models are unpacked; one that is there already is used as it is.
    """

    def __init__(
        self, endpoint: str, folder: Path, plans: Sequence[VariantPlan], parts: Parts
    ) -> None:
        self.plans = tuple(plans)
        self.variants: dict[str, Variant] = {}
        self._endpoint = endpoint
        self._folder = folder
        self._parts = parts
        self._cancelled = threading.Event()

    def launch(self) -> None:
        """Start all variants and wait until each instance is healthy.

        Raises
        ------
        FleetError
            With SageMaker's reason; nothing of the fleet runs then.
        """
        try:
            started = [instance for plan in self.plans for instance in self._start(plan)]
            self._await(started)
        except FleetError:
            self.stop()
            raise

    def pick(self, target: str | None = None) -> Variant | None:
        """A variant at random by weight, or the one that is asked for; None for an unknown one."""
        if target is not None:
            return self.variants.get(target)
        variants = list(self.variants.values())
        if len(variants) == 1:
            return variants[0]
        weights = [variant.plan.weight for variant in variants]
        if not any(weights):
            weights = [1.0] * len(variants)
        return random.choices(variants, weights)[0]  # noqa: S311 - shares of traffic, no secret

    def scale(self, wanted: Mapping[str, VariantPlan]) -> None:
        """Take new weights and counts; on failure everything is as it was.

        Raises
        ------
        FleetError
            Where a new instance does not become healthy.
        """
        before = {name: len(self.variants[name].instances) for name in wanted}
        try:
            new = [
                instance
                for name, plan in wanted.items()
                for instance in self.variants[name].grow(plan.count)
            ]
            self._await(new)
        except FleetError:
            _stop(itertools.chain(*(self.variants[name].shrink(before[name]) for name in wanted)))
            raise
        for name, plan in wanted.items():
            self.variants[name].plan = plan
        self.plans = tuple(variant.plan for variant in self.variants.values())
        gone = itertools.chain(*(self.variants[n].shrink(plan.count) for n, plan in wanted.items()))
        self._retire(list(gone))

    def retire(self) -> None:
        """Stop once no invocation is under way; new ones go to the fleet that took over."""
        self._retire(self._instances())

    def stop(self) -> None:
        """Stop everything now."""
        self._cancelled.set()
        _stop(self._instances())

    def _start(self, plan: VariantPlan) -> list[Instance]:
        name = plan.name
        tree = Tree(self._folder / name)
        try:
            image = images.find(plan.container["Image"], self._parts.settings.containers)
            script = image.script("serve")
        except images.UnknownImageError as error:
            raise FleetError(
                f"Failed to pull the image for production variant {name}: {error}"
            ) from error
        try:
            role = self._parts.account.assume(plan.role_arn) if plan.role_arn else None
            fetched = self._folder / f"{name}.fetched"
            if not fetched.exists():
                s3 = (role or self._parts.account).client("s3")
                artifacts.fetch_model(s3, plan.container, tree)
                fetched.touch()
        except AwsError as error:
            raise FleetError(error.message) from error
        except artifacts.ArtifactError as error:
            raise FleetError(f"Production variant {name}: {error}") from error
        serving = Serving(
            log_group=f"/aws/sagemaker/Endpoints/{self._endpoint}",
            variant=name,
            script=script,
            tree=tree,
            python=str(self._parts.account.context.python),
            model_environment=plan.container.get("Environment", {}),
            identity=role or self._parts.account,
            settings=replace(self._parts.settings, startup_timeout=plan.startup_timeout),
            telemetry=self._parts.telemetry,
        )
        self.variants[name] = Variant(plan, serving)
        return self.variants[name].grow(plan.count)

    def _await(self, instances: Sequence[Instance]) -> None:
        for instance in instances:
            try:
                instance.await_healthy(self._cancelled)
            except InstanceError as error:
                raise FleetError(str(error)) from error

    def _instances(self) -> list[Instance]:
        return [one for variant in self.variants.values() for one in variant.instances]

    def _retire(self, instances: Sequence[Instance]) -> None:
        deadline = time.monotonic() + self._parts.settings.invocation_timeout
        while time.monotonic() < deadline and any(one.in_flight for one in instances):
            time.sleep(_DRAIN_POLL)
        _stop(instances)


def _stop(instances: Sequence[Instance] | Iterator[Instance]) -> None:
    """Stop all at a time, so that the slowest one takes the time that all of them take."""
    threads = [threading.Thread(target=instance.stop) for instance in instances]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
