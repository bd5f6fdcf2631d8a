"""Calls of AWS services, each with the permissions that it needs."""
