"""Contracts of the APIs: OpenAPI documents, and the problems that they answer with."""
