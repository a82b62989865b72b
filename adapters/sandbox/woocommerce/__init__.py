"""An embedded WooCommerce store, true to the real one's REST API down to its traps."""

from adapters.sandbox.woocommerce.records import Mail, Note, Order
from adapters.sandbox.woocommerce.shop import WooSandbox

__all__ = ["Mail", "Note", "Order", "WooSandbox"]
