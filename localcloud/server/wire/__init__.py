"""Requests to AWS on the wire, in the protocols of the services that Lakecast uses."""
