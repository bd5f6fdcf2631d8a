"""Tests of all parts. On a busy machine an example can take long, so hypothesis has no deadline."""

from hypothesis import settings

settings.register_profile("lakecast", settings(), deadline=None)
settings.load_profile("lakecast")
