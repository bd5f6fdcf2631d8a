"""Raw messages to validated, deduplicated readings."""
