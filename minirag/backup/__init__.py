"""Backup and restore: rows and uploads in one file. Vectors are not in it: they are rebuilt."""

from minirag.backup.reading import read_backup
from minirag.backup.writing import write_backup

__all__ = ["read_backup", "write_backup"]
