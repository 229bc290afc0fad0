#!/usr/bin/env python
"""MiniRAG's command line: what whoever is on call has in hand."""

import os
import sys

from minirag import command_line, firstrun

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "minirag.settings")
    if sys.argv[1:2] == ["demo"] and not os.environ.keys() & {"MINIRAG_ENV", "SECRET_KEY"}:
        firstrun.main()  # as `make demo` does; whoever sets their own secrets gets none
    command_line.run(sys.argv)
