"""Tests of CloudWatch in the local cloud."""
