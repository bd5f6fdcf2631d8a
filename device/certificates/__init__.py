"""Claims, confirms and rotates a device's certificate."""
