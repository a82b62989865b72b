"""`create_coupon`: a single-use coupon; later messages of the same follow-up may say `{{ coupon.code }}`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from adapters.base import Capability
from adapters.model import Coupon, Money
from connector.actions import Absent, ActionKind, Found, Prepared, Setting, Settlement, World
from rules.schema import ActionSpec, Span


class CreateCoupon(ActionSpec):
    """Make a coupon that can be used once, by this customer, until it expires."""

    shorthand: ClassVar[str] = "percent"
    provides: ClassVar[frozenset[str]] = frozenset({"coupon"})
    percent: Annotated[Decimal, Field(gt=0, le=100)] | None = None
    amount: Annotated[Decimal, Field(gt=0)] | None = None
    expires: Span | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.percent is None) == (self.amount is None):
            raise ValueError("a coupon has either 'percent' or 'amount'")
        return self


def prepare(spec: CreateCoupon, setting: Setting) -> Prepared:
    order = setting.order
    return Prepared(
        coupon_code=setting.coupon_code,
        coupon_percent=str(spec.percent) if spec.percent is not None else None,
        coupon_amount=str(spec.amount) if spec.amount is not None else None,
        coupon_currency=order.total.currency,
        coupon_expires_at=setting.later(spec.expires) if spec.expires is not None else None,
        coupon_email=order.customer.email,
    )


def perform(prepared: Prepared, world: World) -> str | None:
    amount = None
    if prepared.coupon_amount is not None:
        amount = Money(Decimal(prepared.coupon_amount), prepared.coupon_currency or "")
    world.adapter.create_coupon(
        Coupon(
            code=_code(prepared),
            percent=Decimal(prepared.coupon_percent) if prepared.coupon_percent is not None else None,
            amount=amount,
            expires_at=prepared.coupon_expires_at,
            email=prepared.coupon_email,
            description="Aftersale",
        )
    )
    return _code(prepared)


def settle(prepared: Prepared, world: World, since: datetime, credited: Collection[str]) -> Settlement:
    return Found(_code(prepared)) if world.adapter.find_coupon(_code(prepared)) else Absent()


def _code(prepared: Prepared) -> str:
    assert prepared.coupon_code is not None
    return prepared.coupon_code


ACTION = ActionKind("create_coupon", CreateCoupon, prepare, perform, settle, needs=Capability.COUPONS)
