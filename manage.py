#!/usr/bin/env python
"""MiniRAG's command line: what whoever is on call has in hand."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "minirag.settings")
    execute_from_command_line(sys.argv)
