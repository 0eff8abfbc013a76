"""What the server remembers of one client: its abilities, its folders, its open documents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from otp_genesis_analyzers.config import CONFIG_NAME
from otp_genesis_analyzers.discovery import SUFFIXES, is_ignored
from otp_genesis_server.lsp.client_features import ClientFeatures
from otp_genesis_server.lsp.from_lsp import file_of
from otp_genesis_server.lsp.settings import Settings
from otp_genesis_server.lsp.workspace.snapshot import Document
from otp_genesis_server.lsp.workspace.surroundings import Surroundings

if TYPE_CHECKING:
    from otp_genesis_server.lsp.workspace.folder import Folder

MIX_FILE = "mix.exs"
_SETTINGS = (MIX_FILE, CONFIG_NAME)
"""What is only heard when a folder is read."""
MANY_FILES = 50
"""From so many files changed at once (another branch was checked out), a folder is read anew."""


class Place(NamedTuple):
    folder: Folder
    path: str
    """Relative to the folder, with `/`."""


class SessionSurroundings(Surroundings, Protocol):
    def scan(self, folder: Folder) -> None:
        """Read a folder in the background, showing progress."""
        ...

    def watch(self, folder: Folder) -> None:
        """See to it that `files_changed` hears of what others do in a folder."""
        ...


class Session:
    def __init__(self, around: SessionSurroundings) -> None:
        self.features = ClientFeatures()
        self.roots: list[Path] = []
        """What the client had opened when it connected."""
        self.first_settings: Any = None
        """What it said then of the user's settings."""
        self.settings = Settings()
        self._around = around
        self._opened: dict[Path, Folder] = {}
        """The workspace folders of the client."""
        self._implied: dict[Path, Folder] = {}
        """Folders that nobody opened: the mix project above a file, or the file when there is none."""
        self._documents: dict[Path, Document] = {}
        self._places: dict[Path, Place] = {}

    @property
    def folders(self) -> tuple[Folder, ...]:
        return (*self._opened.values(), *self._implied.values())

    def place_of(self, uri: str) -> Place | None:
        """Where an open document belongs; None for what is not looked at."""
        file = file_of(uri)
        return self._places.get(file) if file else None

    def folder_of(self, uri: str) -> Folder | None:
        """The folder that a document belongs to, also one that was just closed."""
        file = file_of(uri)
        place = self._places.get(file) if file else None
        return place.folder if place else next(iter(self.folders_around(file) if file else ()), None)

    def folders_around(self, file: Path) -> list[Folder]:
        """The folders that hold a file or folder, or are it; the innermost first."""
        around = [folder for folder in self.folders if file == folder.root or _below(file, folder.root)]
        return sorted(around, key=lambda folder: -len(folder.root.parts))

    def is_opened(self, root: Path) -> bool:
        """Whether the client has opened this folder, or one that it lies in."""
        return any(root == folder or root.is_relative_to(folder) for folder in self._opened)

    def documents_below(self, root: Path) -> dict[str, Document]:
        """The open documents in a folder, by their path relative to it, with `/`."""
        found = ((_below(file, root), document) for file, document in self._documents.items())
        return {path: document for path, document in found if path}

    def apply(self, settings: Settings) -> None:
        changed = settings != self.settings
        self.settings = settings
        for folder in self.folders if changed else ():
            folder.show()

    def owns(self, root: Path, path: str) -> bool:
        """Whether a file is the folder's own, not that of a folder opened inside of it."""
        if len(self._opened) < 2:
            return True
        innermost = self._innermost(root / path)
        return innermost is None or innermost.root == root or root not in self._opened

    # --- documents ------------------------------------------------------------------------------------

    def put(self, document: Document) -> None:
        """A document was opened or has changed. Other than Elixir files, and dependencies, are let be."""
        if document.file.suffix not in SUFFIXES:
            return
        self._documents[document.file] = document
        place = self._places.get(document.file) or self._home(document.file)
        if place is not None:
            self._places[document.file] = place
            place.folder.put(place.path, document)

    def close(self, file: Path) -> None:
        self._documents.pop(file, None)
        place = self._places.pop(file, None)
        if place is None:
            return
        place.folder.close(place.path)
        for key, folder in [*self._implied.items()]:
            if folder is place.folder and not folder.documents:
                del self._implied[key]
                folder.forget()

    def saved(self, file: Path) -> None:
        """A document was saved: which mix projects there are is read from the disk alone."""
        place = self._places.get(file)
        if place and file.name == MIX_FILE:
            self._around.scan(place.folder)

    def files_changed(self, files: Iterable[Path]) -> None:
        """Files or folders were written, made or deleted, by the client or by others."""
        changed: defaultdict[Folder, set[str]] = defaultdict(set)
        for file in files:
            folder = next((folder for folder in self.folders_around(file) if not folder.alone), None)
            path = _below(file, folder.root) if folder else None
            if folder and path and not is_ignored(path):
                changed[folder].update(folder.files_at(path))
        for folder, paths in changed.items():
            if len(paths) >= MANY_FILES or any(PurePath(path).name in _SETTINGS for path in paths):
                self._around.scan(folder)
                continue
            for path in sorted(paths):
                folder.disk_changed(path)

    # --- folders --------------------------------------------------------------------------------------

    def open_folders(self, roots: Iterable[Path]) -> None:
        for root in roots:
            if root not in self._opened:
                self._opened[root] = _new_folder(root, self._around)
                self._around.scan(self._opened[root])
                self._around.watch(self._opened[root])
        self._find_new_homes()

    def close_folders(self, roots: Iterable[Path]) -> None:
        closed = [self._opened.pop(root) for root in roots if root in self._opened]
        for folder in closed:
            folder.forget()
            for outer in self.folders_around(folder.root):
                outer.show_again()
        self._places = {file: place for file, place in self._places.items() if place.folder not in closed}
        self._find_new_homes()

    def _find_new_homes(self) -> None:
        """Documents belong to the innermost folder, also when it comes or goes after them."""
        for document in [*self._documents.values()]:
            place = self._places.get(document.file)
            if place and self._innermost(document.file) not in (None, place.folder):
                self.close(document.file)
            self.put(document)

    def _home(self, file: Path) -> Place | None:
        folder = self._innermost(file)
        if folder is not None:
            return _place(folder, file)
        projects = [parent for parent in file.parents if (parent / MIX_FILE).is_file()][:2]
        key = projects[-1] if projects else file  # of two, the outer one is the umbrella
        if key in self._implied:
            return _place(self._implied[key], file)
        root = key if projects else file.parent
        folder = _new_folder(root, self._around, alone=not projects, opened=False)
        place = _place(folder, file)
        if place is not None:
            self._implied[key] = folder
            self._around.scan(folder)
            self._around.watch(folder)
        return place

    def _innermost(self, file: Path) -> Folder | None:
        around = [folder for root, folder in self._opened.items() if _below(file, root)]
        return max(around, key=lambda folder: len(folder.root.parts), default=None)


def _new_folder(root: Path, around: Surroundings, *, alone: bool = False, opened: bool = True) -> Folder:
    # Not at the top: the analyzers would keep the client waiting for `initialize`.
    from otp_genesis_server.lsp.workspace.folder import Folder

    return Folder(root, around, alone=alone, opened=opened)


def _place(folder: Folder, file: Path) -> Place | None:
    path = _below(file, folder.root)
    return None if path is None or is_ignored(path) else Place(folder, path)


def _below(file: Path, root: Path) -> str | None:
    """`file` relative to `root` with `/`; None when it is elsewhere. Links are followed if they must be."""
    return _relative(file, root) or _relative(file.resolve(), root.resolve())


def _relative(file: Path, root: Path) -> str | None:
    return file.relative_to(root).as_posix() if file != root and file.is_relative_to(root) else None
