"""The lake: locations, tables, and how it is queried."""
