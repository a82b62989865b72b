"""A Markdown template taken apart: its front matter, and the body below it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from rules.document import Document, Problem, parse
from rules.document import Path as Where
from rules.locales import unknown_locale
from rules.validation import validate_part


def _known_language(code: str) -> str:
    if sentence := unknown_locale(code):
        raise ValueError(f"{sentence.partition(';')[0]}; write the code that WhatsApp has for it, such as he or en_US")
    return code


def _approved_name(name: str) -> str:
    if not re.fullmatch("[a-z0-9_]{1,512}", name):
        raise ValueError("the name of an approved template is small letters a-z, digits and '_'")
    return name


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class WhatsAppKeys(_Keys):
    """A template that WhatsApp has approved: its name there, what its places are filled with, and its language there.

    Without `language` it is the file's.
    """

    template: Annotated[str, AfterValidator(_approved_name)]
    parameters: tuple[str, ...] = ()
    language: Annotated[str, AfterValidator(_known_language)] | None = None


class FrontMatter(_Keys):
    """What stands between the dashes at the top of a template."""

    subject: str | None = None
    sms: Annotated[str, Field(min_length=1)] | None = None
    whatsapp: WhatsAppKeys | None = None

    def texts(self) -> list[tuple[Where, str]]:
        """All texts with names in them, and where they stand."""
        found: list[tuple[Where, str | None]] = [(("subject",), self.subject), (("sms",), self.sms)]
        parameters = self.whatsapp.parameters if self.whatsapp else ()
        found.extend((("whatsapp", "parameters", number), text) for number, text in enumerate(parameters))
        return [(where, text) for where, text in found if text is not None]


class Letter(NamedTuple):
    """A Markdown template taken apart. `body` begins with as many empty lines as the front matter takes."""

    front: FrontMatter
    body: str
    document: Document
    problems: tuple[Problem, ...] = ()


@lru_cache(maxsize=256)
def read_letter(source: str, file: str) -> Letter:
    """Take a Markdown template apart; `file` is the name that its problems carry."""
    lines = source.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != "---":
        return Letter(FrontMatter(), "\n".join(lines), Document(file, ""))
    end = next((number for number, line in enumerate(lines) if number and line.rstrip() == "---"), None)
    if end is None:
        problem = Problem(file, 1, 1, "the front matter that begins here is not closed; put '---' below it")
        return Letter(FrontMatter(), "", Document(file, ""), (problem,))
    document = parse("\n" + "\n".join(lines[1:end]), file)
    problems = list(document.problems)
    front = _front_matter(document, problems)
    return Letter(front, "\n" * (end + 1) + "\n".join(lines[end + 1 :]), document, tuple(problems))


def _front_matter(document: Document, problems: list[Problem]) -> FrontMatter:
    data = document.data if document.data is not None else {}
    if not isinstance(data, dict):
        problems.append(document.problem((), "write the front matter as 'subject: …'"))
        return FrontMatter()
    whole = validate_part(document, (), data, FrontMatter, problems)
    if whole is not None:
        return whole
    # Beside a key that is wrong, the others are kept, so that their mistakes are told in the same go.
    parts = [validate_part(document, (), {key: value}, FrontMatter, []) for key, value in data.items()]
    right = {name: getattr(part, name) for part in parts if part is not None for name in part.model_fields_set}
    return FrontMatter().model_copy(update=right)
