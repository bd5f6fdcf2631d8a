"""Infrastructure of Lakecast: Terraform stacks in Python, and the commands that apply them."""
