"""State machines and their parts."""
