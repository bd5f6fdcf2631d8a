"""AWS services that ministack lacks or implements differently, one folder per service."""
