"""Pages of jobs and indexes, on both sites."""

from ingestion.admin.indexes import IndexBuildAdmin, IndexCheckAdmin
from ingestion.admin.jobs import IngestJobAdmin

__all__ = ["IndexBuildAdmin", "IndexCheckAdmin", "IngestJobAdmin"]
