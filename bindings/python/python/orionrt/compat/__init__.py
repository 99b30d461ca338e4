"""The interfaces of other planners, on this one."""
