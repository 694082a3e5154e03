"""The shop of one zone."""
