"""An environment of the estate: where it is, and its Terraform."""
