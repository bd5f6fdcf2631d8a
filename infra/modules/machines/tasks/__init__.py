"""Calls of AWS services as states of a machine, each with the permissions that it needs."""
