"""The verbs of the estate: ``python -m infra tools|synth|plan|apply|destroy|drift|scan``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from contracts.names import ENVIRONMENTS, Names
from infra.cli import scan, verbs
from infra.cli.verbs import ConfirmationError
from infra.estate.leftovers import LeftoverError
from infra.estate.place import PlaceError, find
from infra.estate.synthesis import SynthesisError, synthesise
from infra.settings import Settings, SettingsError
from infra.terraform.binary import TerraformMissingError
from infra.terraform.config import MirrorError
from infra.terraform.runner import TerraformError
from infra.terraform.saved_plan import SavedPlanError

CHANGES = 2
"""Exit code of ``drift`` where the estate differs from its code."""

_FORESEEN = (
    BotoCoreError,
    ClientError,
    ConfirmationError,
    LeftoverError,
    MirrorError,
    PlaceError,
    SavedPlanError,
    scan.ScanError,
    SettingsError,
    SynthesisError,
    TerraformError,
    TerraformMissingError,
)

_ANY_ACCOUNT = "123456789012"
"""AWS's own example account, for looking at what would be made where no account is at hand."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; a fault is one line on stderr and exit code 1."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except _FORESEEN as error:
        print(f"infra {options.verb}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"infra {options.verb}: stopped", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace) -> int:
    if options.verb == "scan":
        return scan.run(options.home)
    if options.verb == "tools":
        print(f"Terraform is {verbs.terraform_for(options.home).binary}")
        return 0
    if options.verb == "synth":
        return _synth(options)
    place = find(options.env, options.home, options.backend, os.environ)
    if options.verb == "plan":
        verbs.plan(place, save=True)
    elif options.verb == "drift":
        plans = verbs.plan(place, save=False)
        return 0 if all(plan.is_empty for plan in plans) else CHANGES
    elif options.verb == "apply":
        verbs.apply(place)
    else:
        verbs.destroy(place, options.confirm)
    return 0


def _synth(options: argparse.Namespace) -> int:
    """Write the Terraform of an environment without asking AWS anything."""
    region = options.region or Settings.load(options.env).environment.region or "eu-west-1"
    output = options.home / "synth"
    synthesise([options.env], Names(options.env, options.account, region), output)
    print(f"wrote {output / options.env}/<stack>/cdk.tf.json")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra", description=__doc__)
    sub = parser.add_subparsers(dest="verb", required=True)
    for verb, what in (
        ("tools", "find Terraform, or fetch the pinned release"),
        ("synth", "write the Terraform of all stacks"),
        ("plan", "show what would change and save the plan"),
        ("apply", "apply the saved plan"),
        ("destroy", "remove the estate, its releases and its devices"),
        ("drift", f"exit {CHANGES} where the estate differs from its code"),
        ("scan", "checkov on the Terraform of all environments"),
    ):
        one = sub.add_parser(verb, help=what)
        one.add_argument(
            "--home", type=Path, default=Path(".lakecast"), help="folder of all that is kept"
        )
        if verb in ("tools", "scan"):
            continue
        one.add_argument("--env", choices=ENVIRONMENTS, default="local")
        if verb == "synth":
            one.add_argument("--account", default=_ANY_ACCOUNT, help="AWS account, 12 digits")
            one.add_argument("--region")
        else:
            one.add_argument(
                "--backend",
                choices=("local", "s3"),
                help="where state is kept, instead of where the settings say",
            )
        if verb == "destroy":
            one.add_argument("--confirm", metavar="ENV", help="the environment's name once more")
    return parser


if __name__ == "__main__":
    sys.exit(main())
