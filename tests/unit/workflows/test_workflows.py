"""What the workflows promise beyond what actionlint and zizmor see."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def steps():
    """Every step of every workflow, with the workflow's name."""
    for path in WORKFLOWS:
        for job in yaml.safe_load(path.read_text())["jobs"].values():
            for step in job.get("steps", []):
                yield path.name, step


def test_every_verb_that_a_workflow_calls_is_in_the_makefile():
    verbs = set(re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = {
        verb
        for _, step in steps()
        for verb in re.findall(r"\bmake ([a-z0-9-]+)", step.get("run", ""))
    }
    called |= set(re.findall(r"^(?:timed|exec make) ([a-z0-9-]+)", _ci_run(), re.MULTILINE))
    assert called >= {"setup", "lint", "test", "plan", "apply", "drift", "smoke"}
    assert called <= verbs, f"the Makefile lacks {called - verbs}"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_of_others_are_pinned_by_commit_with_their_version_beside(path):
    for line in path.read_text().splitlines():
        if "uses:" in line and "uses: $/" not in line:
            assert re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_no_step_that_changes_an_estate_runs_without_its_protected_environment():
    for path in WORKFLOWS:
        for name, job in yaml.safe_load(path.read_text())["jobs"].items():
            if any("make apply" in step.get("run", "") for step in job.get("steps", [])):
                assert (path.name, name) == ("release.yml", "apply")
                assert job["environment"] == "${{ inputs.environment }}"


def test_a_release_ends_with_a_smoke_test_whose_report_is_kept_also_after_a_failure():
    release = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    job = release["jobs"]["apply"]["steps"]
    runs = [step.get("run", "") for step in job]
    smoke = next(at for at, run in enumerate(runs) if run.startswith("make smoke"))

    assert runs.index("make images") < smoke
    assert "role-to-assume" in job[smoke - 1]["with"]  # apply may take as long as credentials last
    assert job[smoke + 1]["if"] == "${{ !cancelled() && steps.smoke.outcome != 'skipped' }}"
    assert smoke + 2 == len(job)


def test_a_plan_with_a_read_only_role_takes_no_lock():
    planned = [
        step["run"].split("2>&1")[0]
        for path in WORKFLOWS
        for job in yaml.safe_load(path.read_text())["jobs"].values()
        if any("PLAN_ROLE_ARN" in str(one.get("with", {})) for one in job.get("steps", []))
        for step in job["steps"]
        if "make plan" in step.get("run", "")
    ]
    assert planned == ["make plan LOCK=0 "] * 2


def test_programs_that_ci_runs_are_executable_and_end_with_the_tests():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert _ci_run().rstrip().endswith("exec make test")


def test_a_public_plan_contains_no_account_and_no_key():
    text = (
        "arn:aws:iam::123456789012:role/x 123456789012 123456789012\n"
        "AKIAABCDEFGHIJKLMNOP \x1b[1mbold\x1b[0m 1234567890123 20261121\n"
    )
    redacted = subprocess.run(
        [ROOT / ".github" / "redact"], input=text, capture_output=True, text=True, check=True
    ).stdout
    assert redacted == (
        "arn:aws:iam::(account):role/x (account) (account)\n"
        "(access key) bold 1234567890123 20261121\n"
    )


def _ci_run() -> str:
    return (ROOT / ".ci" / "run").read_text()
