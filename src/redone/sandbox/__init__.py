"""Runs code that nobody has read: isolated by the kernel, bounded in all it takes, and it fails closed.

`pool` is what others use; `jobs` says what can be run; `isolate` starts isolated processes and says which protections
are active. `inside`, `roles`, `kernel` and `values` also run within the isolation and import nothing else of ours.
"""
