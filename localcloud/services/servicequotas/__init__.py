"""Service Quotas: lists the quotas that a preflight looks at."""
