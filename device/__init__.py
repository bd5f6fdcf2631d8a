"""Lakecast."""
