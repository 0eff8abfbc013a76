"""Questions that only several modules together answer: who serves a name, who owns a process."""
