"""Runs an endpoint's processes: the instances of its production variants."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from contracts.names import endpoint_log_group
from localcloud.cloud.aws_api import AwsError
from localcloud.services.sagemaker import artifacts, images
from localcloud.services.sagemaker.container import Tree
from localcloud.services.sagemaker.endpoints.instance import Instance, InstanceError, Serving
from localcloud.services.sagemaker.parts import Parts

_DRAIN_POLL = 0.05


class FleetError(Exception):
    """The fleet cannot serve; the message can be used as a FailureReason."""


@dataclass(frozen=True)
class VariantPlan:
    """Container, weight and instance count of a variant, from its configuration and model."""

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
        """Starts instances until there are ``count`` and returns the new ones."""
        new = [Instance(self._serving) for _ in range(count - len(self.instances))]
        for instance in new:
            instance.start()
        self.instances = [*self.instances, *new]
        return new

    def shrink(self, count: int) -> list[Instance]:
        """Removes instances until there are ``count`` and returns them for the caller to stop."""
        removed = self.instances[count:]
        self.instances = self.instances[:count]
        return removed

    def next_instance(self) -> Instance | None:
        """Returns the next healthy instance in turn."""
        healthy = [instance for instance in self.instances if instance.healthy]
        return healthy[next(self._turn) % len(healthy)] if healthy else None


class Fleet:
    """All variants of an endpoint under one configuration.

    Parameters
    ----------
    folder
        Folder of the extracted models; a model that is already there is not fetched again.
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
        """Starts all variants and waits until each instance is healthy.

        Raises
        ------
        FleetError
            If an instance does not become healthy; the whole fleet is stopped then.
        """
        try:
            started = [instance for plan in self.plans for instance in self._start(plan)]
            self._await(started)
        except FleetError:
            self.stop()
            raise

    def pick(self, target: str | None = None) -> Variant | None:
        """Returns a random variant by weight, or the requested one; None if it is unknown."""
        if target is not None:
            return self.variants.get(target)
        variants = list(self.variants.values())
        if len(variants) == 1:
            return variants[0]
        weights = [variant.plan.weight for variant in variants]
        if not any(weights):
            weights = [1.0] * len(variants)
        return random.choices(variants, weights)[0]  # noqa: S311 - distributes traffic, not a secret

    def scale(self, plans: Mapping[str, VariantPlan]) -> None:
        """Applies new weights and counts; on failure, restores the previous ones.

        Raises
        ------
        FleetError
            If a new instance does not become healthy.
        """
        before = {name: len(self.variants[name].instances) for name in plans}
        try:
            new = [
                instance
                for name, plan in plans.items()
                for instance in self.variants[name].grow(plan.count)
            ]
            self._await(new)
        except FleetError:
            _stop(itertools.chain(*(self.variants[name].shrink(before[name]) for name in plans)))
            raise
        for name, plan in plans.items():
            self.variants[name].plan = plan
        self.plans = tuple(variant.plan for variant in self.variants.values())
        removed = itertools.chain(
            *(self.variants[n].shrink(plan.count) for n, plan in plans.items())
        )
        self._retire(list(removed))

    def retire(self) -> None:
        """Stops once no invocation is in flight; the new fleet receives new invocations."""
        self._retire(self._instances())

    def stop(self) -> None:
        """Stops all instances now."""
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
            log_group=endpoint_log_group(self._endpoint),
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
    """Stops all instances concurrently, so that it takes as long as the slowest one."""
    threads = [threading.Thread(target=instance.stop) for instance in instances]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
