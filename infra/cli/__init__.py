"""The group ``lakecast estate``."""

from __future__ import annotations

from cyclopts import App

VERBS = {
    "tools": "Find Terraform, or fetch the pinned release.",
    "settings": "Print the settings in effect and the file of each.",
    "preflight": "Check the account before a first apply.",
    "synth": "Write the Terraform of all stacks.",
    "plan": "Show what would change and save the plan.",
    "apply": "Apply the saved plan.",
    "destroy": "Remove the estate, its releases and its devices.",
    "drift": "Exit with 2 if the estate differs from its code.",
    "scan": "Run checkov on the Terraform of all environments.",
}

app = App(name="estate", help="All AWS resources that Terraform manages.", version_flags=())
for _verb, _about in VERBS.items():
    app.command(f"infra.cli.verbs:{_verb}", name=_verb, help=_about)
