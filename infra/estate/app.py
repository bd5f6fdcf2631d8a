"""The cdktf app: writes the Terraform of all stacks, of one or more environments, in one process.

Most of its time is spent loading the provider's bindings, so one process writes everything.
`infra.estate.synthesis` starts it with the Node.js that it needs.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from cdktf import App

from contracts.names import Names
from contracts.settings.layers import SettingsError
from contracts.settings.load import load
from infra.estate.closed_services import ClosedServiceError, refuse_closed_services
from infra.estate.place import STACKS
from infra.stacks.base import Target
from infra.stacks.data import DataStack
from infra.stacks.pipeline import PipelineStack
from infra.stacks.serving import ServingStack


def synthesise(target: Target, output: Path) -> None:
    """Writes ``<output>/<stack>/cdk.tf.json`` for each stack."""
    raw = output / "cdktf.out"
    output.mkdir(parents=True, exist_ok=True)
    app = App(outdir=str(raw))
    for name, stack in zip(STACKS, (DataStack, PipelineStack, ServingStack), strict=True):
        stack(app, name, target)
    app.synth()
    stacks = {
        name: json.loads((raw / "stacks" / name / "cdk.tf.json").read_text(encoding="utf-8"))
        for name in STACKS
    }
    environment, available = target.names.environment, target.settings.account.closed_services
    refuse_closed_services(environment, stacks, available)
    for name, document in stacks.items():
        folder = output / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cdk.tf.json").write_text(
            json.dumps(document, indent=2, sort_keys=True, allow_nan=False) + "\n",
            encoding="utf-8",
        )
    shutil.rmtree(raw)


def main(arguments: list[str] | None = None) -> int:
    """Synthesises the environments that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m infra.estate.app", description=__doc__)
    parser.add_argument("--env", action="append", required=True, help="environment; repeatable")
    parser.add_argument("--account", required=True, help="AWS account, 12 digits")
    parser.add_argument("--region", required=True)
    parser.add_argument("--output", required=True, type=Path, help="folder for <env>/<stack>/")
    parser.add_argument("--backend", choices=("local", "s3"), help="the settings' by default")
    options = parser.parse_args(arguments)
    try:
        for environment in options.env:
            settings = load(environment)
            output = options.output / environment
            names = Names(environment, options.account, options.region)
            backend = options.backend or settings.state.backend
            synthesise(Target(names, settings, output / "artifacts", backend), output)
    except (ClosedServiceError, SettingsError, FileNotFoundError) as error:
        # the parent process reports the last line
        print("; ".join(str(error).splitlines()), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
