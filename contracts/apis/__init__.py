"""Contracts of the APIs: OpenAPI documents, and the error documents that the APIs return."""
