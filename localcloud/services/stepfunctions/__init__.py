"""Step Functions: service integrations."""
