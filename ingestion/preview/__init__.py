"""A look ahead at an ingest: what would change and what it would cost. Nothing is written.

The source is read by the pipeline's own functions, parsers in their child process included; no text
is embedded. What it may take is bounded by settings: where that is not enough, the preview tells of
what it has seen and is not ``complete``.
"""

from ingestion.preview.look import preview_source
from ingestion.preview.results import Change, Preview, Sample

__all__ = ["Change", "Preview", "Sample", "preview_source"]
