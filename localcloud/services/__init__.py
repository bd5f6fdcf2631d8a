"""AWS services that ministack lacks, one folder per service."""
