"""Reads of jobs. The tenant's scope must be open."""

from ingestion.selectors.figures import JobFigures, job_figures
from ingestion.selectors.jobs import access_job, list_jobs
from ingestion.selectors.pace import embedding_rate
from ingestion.selectors.queue import QueueView

__all__ = [
    "JobFigures",
    "QueueView",
    "access_job",
    "embedding_rate",
    "job_figures",
    "list_jobs",
]
