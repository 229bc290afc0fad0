"""MiniRAG: the project package. Ground of the house: it imports no app."""

__version__ = "0.1.0"
