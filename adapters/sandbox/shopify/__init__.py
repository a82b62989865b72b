"""An embedded Shopify store, true to the Admin API's schema, its costs and its refusals."""

from adapters.sandbox.shopify.endpoint import Asked
from adapters.sandbox.shopify.records import Coupon, Flow, Invoice, Metafield, Order
from adapters.sandbox.shopify.shop import SCOPES, VERSIONS, ShopifySandbox, runs

__all__ = ["SCOPES", "VERSIONS", "Asked", "Coupon", "Flow", "Invoice", "Metafield", "Order", "ShopifySandbox", "runs"]
