"""CloudWatch: alarms and service metrics."""
