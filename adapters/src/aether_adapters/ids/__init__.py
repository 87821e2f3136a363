"""Snowflake ids (64-bit) and the lease of the worker number that they contain."""

from aether_adapters.ids.format import EPOCH, Parts, parts
from aether_adapters.ids.snowflakes import FixedWorker, Snowflakes, Term, WorkerNumber
from aether_adapters.ids.worker_lease import WorkerLease, worker_lease_table

__all__ = [
    "EPOCH",
    "FixedWorker",
    "Parts",
    "Snowflakes",
    "Term",
    "WorkerLease",
    "WorkerNumber",
    "parts",
    "worker_lease_table",
]
