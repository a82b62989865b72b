"""Logs: events with their facts, one line each, on stderr. Never a secret, never a customer's data."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.types import Processor

LEVELS = ("debug", "info", "warning", "error")


def set_up_logs(level: str) -> None:
    """Log from this level (one of LEVELS) upwards: for reading on a terminal, as key=value everywhere else."""
    # rich would show local variables in tracebacks, and customers' data stand in them
    plain = structlog.dev.plain_traceback
    on_terminal = sys.stderr.isatty()
    processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if on_terminal:
        processors.append(structlog.dev.ConsoleRenderer(exception_formatter=plain))
    else:
        first = ["timestamp", "level", "event"]
        processors += [structlog.processors.format_exc_info, structlog.processors.LogfmtRenderer(key_order=first)]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Of the libraries, only what went wrong: they log URLs, and a signed URL is a secret.
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.ERROR)
