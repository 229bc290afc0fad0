"""Servers that stand in for other people's, for tests over the wire."""
