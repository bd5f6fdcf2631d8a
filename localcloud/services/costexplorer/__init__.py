"""Cost Explorer: cost allocation tags."""
