"""Changes to ministack where it differs from AWS."""
