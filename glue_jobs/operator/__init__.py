"""Operator's verbs for the Glue jobs; not deployed to AWS Glue."""
