"""The demo: ten days in a sandbox shop, told by `story.yaml` and looked after by the real worker."""
