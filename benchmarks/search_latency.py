"""Search through the API beside the store called directly: ``python -m benchmarks.search_latency``.

Synthetic chunks with random vectors; tenants of 1k, 20k and 100k chunks in one store. The API's
time holds what the store's does not: HTTP, authentication, the ledger, the question's own vector
(measured apart, since it is the model's), and the rows read again through the tenant's scope.

With ``--tenants 100`` instead: 100,000 chunks over so many tenants, searched by all of them at
``--rate`` requests a second. Floor: p95 at 200 ms or less at 30 a second.
"""

from __future__ import annotations

import argparse

from benchmarks.surroundings import bench, data_folder, in_process, settings_for


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 20_000, 100_000])
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--tenants", type=int, default=0)
    parser.add_argument("--rate", type=float, default=30)
    options = parser.parse_args()
    with data_folder() as folder:
        environ = settings_for(folder)
        in_process(environ)
        with bench(environ, folder) as running:
            # Only now may Django be imported: it reads the environment.
            from benchmarks import search_run  # noqa: PLC0415

            if options.tenants:
                search_run.report_tenants(running, options.tenants, options.rate)
            else:
                search_run.report(running, options.sizes, options.queries)


if __name__ == "__main__":
    main()
