"""Runs Terraform: the binary, its configuration, saved plans and reports."""
