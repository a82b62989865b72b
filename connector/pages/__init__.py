"""Pages that are written as one HTML file: what they have in common. Nothing in them comes from elsewhere."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rules.plots import STYLE


def render_page(package: str, *, title: str, lang: str, rtl: bool, **told: object) -> str:
    """The page that stands in a package as `page.html` and fills the frame of all pages; text is escaped.

    Its filter `local` shows a time in a zone.
    """
    page = _environment(package).get_template("page.html")
    return page.render(title=title, lang=lang, rtl=rtl, style=_style() + STYLE, **told)


@cache
def _environment(package: str) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package, "."), PackageLoader("connector.pages", ".")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["local"] = lambda at, zone: f"{at.astimezone(zone):%a %d %b, %H:%M}"
    return environment


@cache
def _style() -> Markup:
    return Markup((files("connector.pages") / "page.css").read_text(encoding="utf-8"))  # noqa: S704  ours
