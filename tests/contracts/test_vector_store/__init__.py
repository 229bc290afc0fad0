"""One suite for every ``VectorStore``: what holds for the reference holds for all."""
