"""The project as pipelines and models get it: confined to its folder, changed only on a layer of its own."""

from otp_genesis_refactorers.codebase.carrying import carry_over
from otp_genesis_refactorers.codebase.codebase import Codebase
from otp_genesis_refactorers.codebase.opening import moved_to, open_commit, open_files
from otp_genesis_refactorers.codebase.values import Match, Matches, Snapshot, Text, TextEdit

__all__ = [
    "Codebase",
    "Match",
    "Matches",
    "Snapshot",
    "Text",
    "TextEdit",
    "carry_over",
    "moved_to",
    "open_commit",
    "open_files",
]
