"""The options that commands have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from connector.cli import DEFAULT_CONFIG

CONFIG = DEFAULT_CONFIG

ConfigPath = Annotated[
    Path, typer.Option("-c", "--config", help="The config file, or a folder of one a client (else $AFTERSALE_CONFIG).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
