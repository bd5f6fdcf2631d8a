"""EventBridge: events of AWS services."""
