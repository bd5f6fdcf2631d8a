"""Implements the estate's commands for one environment: plan, apply and destroy."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import boto3
from rich.progress import Progress

from contracts.errors import LakecastError
from infra.estate import leftovers, log_retention, subscribers
from infra.estate.place import STACKS, Place
from infra.estate.synthesis import synthesise
from infra.modules.core import wheels
from infra.modules.core.variables import ALARM_EMAILS
from infra.preflight.account import account_of
from infra.preflight.checks import CHECKS
from infra.preflight.findings import require
from infra.stacks.provider import VERSION as PROVIDER_VERSION
from infra.terraform import binary as terraform_binary
from infra.terraform import config, saved_plan
from infra.terraform.plan_report import StackPlan, render
from infra.terraform.progress import CONSOLE, StackProgress, shown
from infra.terraform.runner import Terraform, TerraformError, forget

_BEFORE_A_PLAN = ("API Gateway logging",)
"""Checks that every plan repeats: without them, it would change what another environment owns."""


class ConfirmationError(LakecastError):
    """Destruction of a protected environment without confirmation."""


def terraform_for(home: Path, variables: Mapping[str, str] | None = None) -> Terraform:
    """Returns Terraform, configured to use a mirror of the provider if there is one.

    Parameters
    ----------
    variables
        Values of Terraform's input variables, in JSON.
    """
    home.mkdir(parents=True, exist_ok=True)
    binary = terraform_binary.find(os.environ, home)
    mirror = config.mirror(os.environ, PROVIDER_VERSION)
    configuration = home / "terraform.rc"
    text = config.cli_configuration(mirror)
    if not configuration.exists() or configuration.read_text(encoding="utf-8") != text:
        configuration.write_text(text, encoding="utf-8")
    cache = None if mirror is not None else (home / "terraform-plugins").absolute()
    return Terraform(binary, configuration, cache, variables or {})


def plan(
    place: Place, *, save: bool, lock: bool = True, alarm_emails: str | None = None
) -> tuple[StackPlan, ...]:
    """Synthesises once, plans all stacks in parallel, and prints the changes.

    Raises
    ------
    LakecastError
        The environment's alarms would reach nobody although its settings require it, the account
        belongs to another environment, or Terraform failed.
    """
    saved_plan.spend(place)  # the previous plan must not be applied if this one fails halfway
    emails = subscribers.read(alarm_emails or "")
    subscribers.check(place, emails)
    require({name: CHECKS[name] for name in _BEFORE_A_PLAN}, account_of(place))
    if place.endpoint_url is None:  # the local cloud runs jobs on this machine
        version = place.settings.glue.version
        wheels.check(version, wheels.site_packages(version))
    terraform = terraform_for(place.home, {ALARM_EMAILS: subscribers.terraform_variable(emails)})
    with CONSOLE.status("synthesising the stacks"):
        synthesise([place.names.environment], place.names, place.home / "terraform", place.backend)
    for stack in STACKS:  # sequential, because the stacks share a cache of providers
        terraform.init(place.stack_folder(stack), place.data_folder(stack))
    with shown() as progress, ThreadPoolExecutor(len(STACKS)) as pool:
        planning = partial(terraform.plan, save=save, lock=lock)
        work = partial(_plan_stack, planning, place, progress)
        plans = tuple(pool.map(work, STACKS))
    _keep_used_artifacts(place)
    saved = str(saved_plan.save(place, plans)) if save else None
    print("\n".join([*render(place, plans, saved), *subscribers.warnings(place, emails)]))
    return plans


def _plan_stack(
    planning: Callable[..., StackPlan], place: Place, progress: Progress, stack: str
) -> StackPlan:
    line = StackProgress(progress, f"plan {stack}", None)
    result = planning(place.stack_folder(stack), place.data_folder(stack), line)
    line.finish()
    return result


def _keep_used_artifacts(place: Place) -> None:
    """Removes packages that no stack's configuration uses."""
    used = "".join(
        (place.stack_folder(stack) / "cdk.tf.json").read_text(encoding="utf-8") for stack in STACKS
    )
    for package in (place.folder / "artifacts").iterdir():
        if package.name not in used:
            package.unlink()


def apply(place: Place) -> None:
    """Applies the saved plan, one stack after the other."""
    saved = saved_plan.load(place)
    pending = [stack for stack in saved.stacks if not stack.is_empty]
    if not pending:
        saved_plan.spend(place)
        _expire_logs(place)
        print(f"nothing to apply: the estate of {place.names.environment} is as planned")
        return
    terraform = terraform_for(place.home)
    for stack in pending:
        terraform.init(place.stack_folder(stack.stack), place.data_folder(stack.stack))
    saved_plan.spend(place)
    with shown() as progress:
        for stack in pending:
            _apply_stack(terraform, place, progress, stack)
    _expire_logs(place)
    print(f"the estate of {place.names.environment} is as planned at {saved.commit}")
    print(f"next   make device ENV={place.names.environment}")


def _expire_logs(place: Place) -> None:
    expiring = log_retention.keep(boto3.Session(region_name=place.names.region), place)
    if expiring:
        days = place.settings.retention.log_days
        _say(f"{len(expiring)} log group(s) of AWS services now keep {days} days")


def _apply_stack(terraform: Terraform, place: Place, progress: Progress, stack: StackPlan) -> None:
    began = time.monotonic()
    total = len(stack.changes) + stack.count("replace")
    line = StackProgress(progress, f"apply {stack.stack}", total)
    try:
        summary = terraform.apply(
            place.stack_folder(stack.stack), place.data_folder(stack.stack), line
        )
    except TerraformError as error:
        if error.summary == "Saved plan is stale":
            raise TerraformError(
                f"the saved plan of {stack.stack} is stale: the estate was changed after it was "
                f"made; run `make plan ENV={place.names.environment}` again",
                error.summary,
            ) from None
        raise
    line.finish()
    print(f"· {stack.stack} applied in {time.monotonic() - began:.0f} s: {summary}")


def destroy(place: Place, confirmation: str | None) -> None:
    """Removes releases, devices and all stacks, in reverse order of application.

    Raises
    ------
    ConfirmationError
        The environment's settings protect its data, and ``confirmation`` is not its name.
    """
    environment = place.names.environment
    if not place.settings.protection.force_destroy and confirmation != environment:
        raise ConfirmationError(
            f"this would destroy {environment} with its data: to confirm, run "
            f"`make destroy ENV={environment} CONFIRM={environment}`"
        )
    terraform = terraform_for(place.home)
    saved_plan.spend(place)
    if not all((place.stack_folder(stack) / "cdk.tf.json").exists() for stack in STACKS):
        with CONSOLE.status("synthesising the stacks"):
            synthesise([environment], place.names, place.home / "terraform", place.backend)
    session = boto3.Session(region_name=place.names.region)
    leftovers.remove_releases(session, place.names, _say)
    leftovers.remove_devices(session, place.names, _say)
    with shown() as progress:
        for stack in reversed(STACKS):
            _destroy_stack(terraform, place, progress, stack)
    shutil.rmtree(place.folder, ignore_errors=True)
    print(f"the estate of {environment} is gone")


def _say(text: str) -> None:
    print(f"· {text}")


def _destroy_stack(terraform: Terraform, place: Place, progress: Progress, stack: str) -> None:
    began = time.monotonic()
    folder, data = place.stack_folder(stack), place.data_folder(stack)
    terraform.init(folder, data)
    line = StackProgress(progress, f"destroy {stack}", None)
    summary = terraform.destroy(folder, data, line)
    line.finish()
    forget(folder, data)
    print(f"· {stack} destroyed in {time.monotonic() - began:.0f} s: {summary}")
