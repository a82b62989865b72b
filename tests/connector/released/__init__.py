"""States as released versions left them: `<schema>.sqlite.sql` and `<schema>.postgresql.sql`, which never change.

    python -m tests.connector.released

writes those of today's schema, once, when it is about to be released.
"""
