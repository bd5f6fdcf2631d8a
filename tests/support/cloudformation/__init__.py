"""Translates resources of Terraform to CloudFormation's, and checks them with cfn-lint."""
