"""IAM: roles that services assume."""
