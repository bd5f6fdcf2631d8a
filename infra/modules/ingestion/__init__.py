"""Constructs of ingestion: device certificates, topic rule and delivery to the raw bucket."""
