"""An isolated copy of a project that keeps its build."""
