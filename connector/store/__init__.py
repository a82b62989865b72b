"""The worker's memory: SQLAlchemy Core tables, their migrations, and the questions asked of them."""
