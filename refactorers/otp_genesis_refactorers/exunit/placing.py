"""Where a new test belongs: a file of its own, or behind what a person has written, which stays as it is."""

from __future__ import annotations

from pathlib import PurePosixPath

from otp_genesis_analyzers.findings import FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Span
from otp_genesis_refactorers.change import Change, Edit, FileChange, Refused, content_hash
from otp_genesis_refactorers.rewriting.layout import newline_of


def test_path(project: Project, path: str, module: str) -> str:
    """`test/shop/cart_test.exs` for `Shop.Cart` in `lib/shop/cart.ex`; other modules of it have their own."""
    app = project.app_of(path)
    pure = PurePosixPath(app.path(path) if app is not None else path)
    parts = pure.parts[1:] if pure.parts[0] in ("lib", "src") else pure.parts
    last = _underscored(module.rpartition(".")[2])
    folders = parts[:-1] if last == pure.stem else (*parts[:-1], pure.stem)
    own = str(PurePosixPath("test", *folders, f"{last}_test.exs"))
    return f"{app.folder}/{own}" if app is not None and app.folder else own


def scratch_path(project: Project, path: str, module: str) -> str:
    """Where a test is tried out: beside its place, under a name that nobody has."""
    return test_path(project, path, module).removesuffix("_test.exs") + "_otp_genesis_trial_test.exs"


def _underscored(name: str) -> str:
    """`SearchIndex` as `search_index`, `HTTPClient` as `http_client`, as mix does."""
    signs: list[str] = []
    for before, sign, after in zip(" " + name, name, name[1:] + " ", strict=False):
        starts = sign.isupper() and before != " " and (not before.isupper() or after.islower())
        signs.append(f"_{sign.lower()}" if starts else sign.lower())
    return "".join(signs)


def test_module(project: Project, tested: str, function: str) -> str | Refused:
    """A name for the test's module that is not taken. `function` is a `name/arity`, empty for all of them."""
    part = "".join(word.capitalize() for word in function.partition("/")[0].rstrip("?!").split("_"))
    base = f"{tested}.{part}" if part else tested
    names = [f"{base}Test", f"{base}ProcessTest"] if not part else [f"{base}Test"]
    for name in names:
        if project.module(name) is None:
            return name
    return Refused(f"there is a {names[-1]} already: delete it or write the test into it by hand")


def placed(project: Project, path: str, text: str, title: str) -> Change:
    """A change that makes the file, or adds the module at the end of the one that is there."""
    try:
        content = project.read(path)
    except OSError:
        new = FileChange(path, "", (Edit(Span(0, 0), text),))
        return Change(title, FixKind.SAFE, (new,))
    newline = newline_of(content)
    gap = "" if content.endswith(b"\n") or not content else newline
    added = f"{gap}{newline if content else ''}{text.replace(chr(10), newline)}"
    edit = Edit(Span(len(content), 0), added)
    return Change(title, FixKind.SAFE, (FileChange(path, content_hash(content), (edit,)),))
