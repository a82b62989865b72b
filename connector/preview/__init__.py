"""A rule's messages and texts as customers and staff will see them: as files, as a page, and as pictures."""
