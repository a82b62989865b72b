"""The demo: ten days in two sandbox shops, told by `story.yaml` and looked after by the real worker."""
