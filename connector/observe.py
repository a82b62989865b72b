"""Logs: events with their facts, one line each, on stderr. Never a secret, never a customer's data."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.types import Processor

from connector.discreet import errors_told, made_visible, spare

LEVELS = ("debug", "info", "warning", "error")


def set_up_logs(level: str) -> None:
    """Log from this level (one of LEVELS) upwards: for reading on a terminal, as a JSON object a line elsewhere."""
    facts: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    words: list[Processor] = [errors_told, made_visible, renderer]
    structlog.configure(
        processors=[*facts, *words],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Of the libraries, only what went wrong, whatever level a logger of theirs is at: they log URLs, which are signed.
    handler = logging.StreamHandler()
    handler.setLevel(logging.ERROR)
    handler.addFilter(spare)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[*facts, structlog.stdlib.add_logger_name],
            processors=[ProcessorFormatter.remove_processors_meta, *words],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.ERROR)
