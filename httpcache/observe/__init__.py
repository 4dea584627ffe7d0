"""TELL: metrics, access log, explain."""
