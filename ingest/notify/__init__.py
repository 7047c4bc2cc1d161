"""Telling people: what a message says (`messages`, pure), and getting it to the services they use (`sending`).

Knows neither workers nor the scheduler: whoever composes hands over values and decides when there is something to tell.
"""

from ingest.notify.messages import (
    Kind,
    Level,
    Message,
    NeedsPerson,
    database_full,
    digest,
    failures,
    gateway_back,
    gateway_needs_person,
    staleness,
    trial,
)
from ingest.notify.sending import Delivery, Memory, Notifier, ProcessMemory
from ingest.notify.services import Service, services_of

__all__ = [
    "Delivery",
    "Kind",
    "Level",
    "Memory",
    "Message",
    "NeedsPerson",
    "Notifier",
    "ProcessMemory",
    "Service",
    "database_full",
    "digest",
    "failures",
    "gateway_back",
    "gateway_needs_person",
    "services_of",
    "staleness",
    "trial",
]
