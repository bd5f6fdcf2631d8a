"""Names of Terraform's input variables, which commands set and stacks declare."""

from __future__ import annotations

ALARM_EMAILS = "alarm_emails"
"""E-mail addresses of the alarms' recipients, by id: `infra.estate.subscribers`."""
