"""Bytes to normalised text with structure, in a child process without network, secrets or time.

``sandbox.parse`` is the way in. Everything else here runs inside the child too, so nothing but
``sandbox`` may import Django.
"""
