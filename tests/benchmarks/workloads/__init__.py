"""One module per workload; each has ``workloads()``, which yields (title, contenders)."""
