"""Verbs of the person who operates the Glue jobs; not shipped to AWS Glue."""
