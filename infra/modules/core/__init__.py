"""Constructs that every stack uses: keys, buckets, roles, functions."""
