"""A rule's messages as customers will see them: in each channel and language, as files and as a page.

Nothing is sent, and nothing written to the store. With --order it is tried out with a real order, else with an invented
one; a coupon's code is always invented.
"""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from adapters.errors import Rejected
from connector.cli._clients import load_clients
from connector.cli._exits import Exit, Stop, worst
from connector.cli._options import CONFIG, AsJson, ConfigPath
from connector.cli._screen import clean, console, print_json, table
from connector.cli._trying import Locale, OrderNumber, StoreId, rehearsed
from connector.preview.forms import forms_of
from connector.preview.pages import Title, write
from connector.preview.pictures import NoPictures, find_browser, of_mail, take_pictures
from connector.preview.sheets import Sheet, sheet_of


def preview(
    rule: Annotated[str, typer.Argument(help="The rule's id.")],
    config: ConfigPath = CONFIG,
    as_json: AsJson = False,
    order: OrderNumber = None,
    store: StoreId = None,
    locale: Locale = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the files are put; unless told, preview/RULE.")
    ] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Opens the page in your browser.")] = False,
) -> Exit:
    clients = load_clients(config)
    with rehearsed(clients, rule, store, order, locale) as (loaded, rehearsal):
        forms = forms_of(rehearsal, loaded.config.protection.unsubscribe, locale)
        try:
            sheets = [sheet_of(form, rehearsal.adapter.markup, rehearsal.key) for form in forms]
        except Rejected as error:
            raise Stop(Exit.MISTAKE, f"rule '{rule}' makes no mail: {error}") from None
    if all(sheet.look == "deed" for sheet in sheets):
        does = ", ".join(dict.fromkeys(sheet.form.action for sheet in sheets))
        raise Stop(Exit.MISTAKE, f"rule '{rule}' has no messages and no texts to be looked at: it does {does}")
    of = f"order {order.removeprefix('#')}" if order is not None else "an invented order"
    folder = out or Path("preview", rule)
    try:
        index = write(folder, Title(rehearsal.rule, rehearsal.store.name, of), sheets)
    except OSError as error:
        cure = "name another folder with --out FOLDER"
        raise Stop(Exit.MISTAKE, f"the files cannot be written to {folder}: {error.strerror}; {cure}") from None
    pictures, why_none = _pictures(folder, sheets)
    if as_json:
        print_json(
            {"rule": rule, "store": rehearsal.store.id, "index": str(index), **_result(sheets, folder, pictures)}
        )
    else:
        _show(console(), sheets, index, len(pictures), why_none)
    if open_it and not webbrowser.open(index.resolve().as_uri()):
        typer.echo(f"there is no browser to open {index} in", err=True)
    return worst([clients.code, Exit.FAILED if any(sheet.form.broken for sheet in sheets) else Exit.WELL])


def _pictures(folder: Path, sheets: list[Sheet]) -> tuple[list[Path], str | None]:
    """The pictures that were taken of the mails, or why there are none."""
    mails = [folder / sheet.folder / next(iter(sheet.files)) for sheet in sheets if sheet.look == "mail"]
    if not mails:
        return [], None
    try:
        return take_pictures(find_browser(), [shot for mail in mails for shot in of_mail(mail)]), None
    except NoPictures as why:
        return [], str(why)
    except OSError as error:
        return [], str(error.strerror)


def _result(sheets: list[Sheet], folder: Path, pictures: list[Path]) -> dict[str, object]:
    return {
        "forms": [
            {
                "step": sheet.form.step.position,
                "action": sheet.form.action,
                "way": sheet.form.way,
                "language": sheet.form.language,
                "subject": sheet.subject,
                "files": [str(folder / sheet.folder / name) for name in sheet.files],
                "told": sheet.told or None,
                "why_not": sheet.form.why_not,
            }
            for sheet in sheets
        ],
        "pictures": list(map(str, pictures)),
    }


def _show(screen: Console, sheets: list[Sheet], index: Path, pictures: int, why_none: str | None) -> None:
    made = table("Step", "What", "Language", "")
    for sheet in sheets:
        form = sheet.form
        what = form.action if form.way == form.action else f"{form.action} ({form.way})"
        told = f"not by this way: {sheet.told}" if form.why_not else sheet.told or sheet.subject
        made.add_row(str(form.step.position), what, form.language or "", clean(told))
    screen.print(made)
    if not any(sheet.form.to_customer for sheet in sheets):
        screen.print("\nNo message to customers is among them.")
    if why_none is not None:
        screen.print(f"\nNo pictures were taken: {why_none}.", soft_wrap=True)
    also = f", and {pictures} pictures beside the mails" if pictures else ""
    screen.print(f"\nThe page is {index}{also}. Nothing was sent.", soft_wrap=True)
