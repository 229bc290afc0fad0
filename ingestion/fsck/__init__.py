"""Rows against points, both ways, tenant by tenant: what no search finds, what nobody names."""

from ingestion.fsck.findings import Beside, Findings
from ingestion.fsck.jobs import check_index
from ingestion.fsck.looking import check_tenant

__all__ = ["Beside", "Findings", "check_index", "check_tenant"]
