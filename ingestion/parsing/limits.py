"""What one document may cost its child, from the settings. The parent's side only."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.conf import settings

from ingestion.parsing.document import ContentLimits, ZipLimits


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may cost its child. Bytes and seconds."""

    memory_bytes: int = 512 * 1024 * 1024
    cpu_seconds: int = 30
    wall_seconds: float = 30.0
    # Waiting for a processor beside that, on a machine with much else to do.
    wait_seconds: float = 120.0
    output_bytes: int = 64 * 1024 * 1024
    content: ContentLimits = field(default_factory=ContentLimits)
    zip: ZipLimits = field(default_factory=ZipLimits)

    @classmethod
    def from_settings(cls) -> Limits:
        return cls(
            memory_bytes=settings.MINIRAG_PARSE_MEMORY_MB * 1024 * 1024,
            cpu_seconds=settings.MINIRAG_PARSE_CPU_SECONDS,
            wall_seconds=settings.MINIRAG_PARSE_SECONDS,
            wait_seconds=settings.MINIRAG_PARSE_WAIT_SECONDS,
            output_bytes=settings.MINIRAG_PARSE_OUTPUT_BYTES,
            content=ContentLimits(
                inflated_bytes=settings.MINIRAG_PARSE_INFLATED_BYTES,
                entries=settings.MINIRAG_PARSE_ENTRIES,
                pages=settings.MINIRAG_PARSE_PAGES,
                rows=settings.MINIRAG_PARSE_ROWS,
                columns=settings.MINIRAG_PARSE_COLUMNS,
                depth=settings.MINIRAG_PARSE_DEPTH,
                headings=settings.MINIRAG_PARSE_HEADINGS,
            ),
            zip=ZipLimits(
                entries=settings.MINIRAG_ARCHIVE_ENTRIES,
                total_bytes=settings.MINIRAG_ARCHIVE_BYTES,
                entry_bytes=settings.MINIRAG_MAX_UPLOAD_BYTES,
                ratio=settings.MINIRAG_ARCHIVE_RATIO,
            ),
        )
