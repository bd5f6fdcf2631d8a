"""The smoke test of an estate, and the verification status that is generated from its reports."""
