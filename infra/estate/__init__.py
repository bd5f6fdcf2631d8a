"""An environment of the estate: its location, its Terraform, and resources outside of it."""
