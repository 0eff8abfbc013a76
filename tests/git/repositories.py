"""Real repositories, made by the real git."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgSign=false"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=root, check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text if isinstance(text, bytes) else text.encode())


def committed(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """A repository whose only commit has these files."""
    root.mkdir(exist_ok=True)
    git(root, "init", "--quiet")
    write(root, files)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "first")
    return root


def everything_of(root: Path) -> dict[str, str]:
    """All that a commit of ours may not touch: work tree, index, stash, where HEAD is."""
    files = {
        path.relative_to(root).as_posix(): repr((path.read_bytes(), path.lstat().st_mtime_ns))
        for path in root.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }
    index = (root / git(root, "rev-parse", "--git-path", "index")).read_bytes()
    state = {
        "index": repr(index),
        "status": git(root, "status", "--porcelain=v2"),
        "stash": git(root, "stash", "list"),
        "HEAD": git(root, "rev-parse", "HEAD", "--abbrev-ref", "HEAD"),
    }
    return {**files, **state}


def trap(root: Path, was_run: Path) -> None:
    """Have the repository's configuration run a program at every chance; `was_run` tells that it did."""
    program = f"touch '{was_run}'; cat"
    hooks = was_run.with_name("hooks")
    settings = {
        "core.fsmonitor": program,
        "core.hooksPath": str(hooks),
        "core.pager": program,
        "core.editor": program,
        "core.sshCommand": program,
        "diff.external": program,
        "diff.trap.command": program,
        "diff.trap.textconv": program,
        "filter.trap.clean": program,
        "filter.trap.smudge": program,
        "filter.trap.required": "true",
        "filter.a=b.c.process": program,
        "filter.a=b.c.required": "true",
        "commit.gpgSign": "true",
        "gpg.program": f"{hooks}/pre-commit",
        "log.showSignature": "true",
        "alias.diff-index": f"!{program}",
        "alias.commit-tree": f"!{program}",
    }
    for name, value in settings.items():
        git(root, "config", name, value)
    for hook in ("pre-commit", "commit-msg", "post-commit", "reference-transaction", "post-index-change"):
        write(hooks, {hook: f"#!/bin/sh\n{program}\n"})
        (hooks / hook).chmod(0o755)
