"""What is never sent to a model: files in which keys are kept, files that are listed, secrets in all others.

`.otp-genesis-ignore` at the project's root lists files as `.gitignore` does. It can only withhold more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from otp_genesis_refactorers.llm.privacy.secret_texts import SecretTexts

IGNORE_FILE = ".otp-genesis-ignore"
_KEY_FILES = """
.env*
*.env
.netrc
.npmrc
.pgpass
.git-credentials
.htpasswd
.erlang.cookie
*.pem
*.key
*.p8
*.p12
*.pfx
*.jks
*.keystore
*.asc
*.gpg
*.kdbx
*.ovpn
id_rsa*
id_dsa*
id_ecdsa*
id_ed25519*
*.secret.*
*.tfvars
*.tfstate*
credentials*.json
service-account*.json
service_account*.json
.git/
.ssh/
.aws/
.gnupg/
"""


@dataclass(frozen=True)
class Masked:
    """A text as it may be sent: the lines of the original, with secrets hidden."""

    text: str
    hidden: int
    """How many secrets were."""


@dataclass(frozen=True)
class Withholding:
    key_files: GitIgnoreSpec
    listed: GitIgnoreSpec
    secrets: SecretTexts

    @classmethod
    def of(cls, root: Path, environment: Mapping[str, str] = os.environ) -> Withholding:
        """What holds for a project. Raises OSError when its list is there and can't be read.

        Values of variables of the environment that are named like secrets are secrets wherever they stand.
        """
        try:
            lines = (root / IGNORE_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            lines = []
        return cls(
            GitIgnoreSpec.from_lines(_KEY_FILES.split()),
            GitIgnoreSpec.from_lines(_valid(lines)),
            SecretTexts.of(environment),
        )

    def reason(self, path: str) -> str | None:
        """Why no line of the file at `path`, relative to the root, is sent; None when it may be."""
        if self.key_files.match_file(path.lower()):  # some file systems take .ENV for .env
            return "files like this one hold keys"
        if self.listed.match_file(path):
            return f"{IGNORE_FILE} lists it"
        return None

    def masked(self, path: str, text: str) -> Masked:
        """The text of a file as it may be sent; nothing of it when `reason` has one."""
        if self.reason(path) is not None:
            return Masked("", 0)
        return Masked(*self.secrets.hidden_in(text))


def _valid(lines: list[str]) -> Iterator[str]:
    for line in lines:
        try:
            GitIgnoreSpec.from_lines([line])
        except ValueError:
            continue
        yield line
