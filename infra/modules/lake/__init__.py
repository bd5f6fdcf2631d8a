"""Constructs of the lake: Glue jobs, catalogue, Athena, data quality."""
