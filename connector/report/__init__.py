"""What was done for a store's customers, and what it was worth.

Pure but for `reading`, which hands over one person's orders and follow-ups after another's, so that a large shop does
not fill the memory. Each of the other modules counts one thing of them, and says what cannot be known.
"""
