"""Programs to measure with, not tests: some need other libraries, and all need time."""

collect_ignore_glob = ["*"]
