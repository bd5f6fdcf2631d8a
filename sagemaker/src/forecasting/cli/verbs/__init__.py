"""Commands of ``lakecast models``; commands that need the same libraries share a module."""
