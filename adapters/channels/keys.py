"""What a secret in a channel's settings may be."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, SecretStr


def _header_text(secret: SecretStr) -> SecretStr:
    """Without the line break that files of secrets end in. Raises ValueError for what no HTTP header can hold."""
    text = secret.get_secret_value().strip()
    if not text:
        raise ValueError("is empty: copy it from your account at the provider")
    if not text.isascii() or not text.isprintable():
        raise ValueError("holds characters that no key has: copy it again from your account at the provider")
    return SecretStr(text)


Key = Annotated[SecretStr, AfterValidator(_header_text)]
