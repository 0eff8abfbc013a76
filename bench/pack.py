"""What packs cost: reading five megabytes in each style, writing them, and what a skeleton saves.

    .venv/bin/python bench/pack.py DIR... [--megabytes 5] [--runs 5]

The Elixir files below all DIRs, repeated under other names up to the size, are packed. Times are medians of
this process alone, without its start. Exits with 1 when a style takes two seconds or more to be read.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from xml.sax.saxutils import escape

import click

from otp_genesis_refactorers.codebase.skeleton import skeleton
from otp_genesis_refactorers.llm.privacy.withholding import Withholding
from otp_genesis_refactorers.repomix import read_pack
from otp_genesis_refactorers.repomix.writing import PackedFile, can_be_told, write_pack

LIMIT_SECONDS = 2.0


@click.command()
@click.argument(
    "folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--megabytes", default=5, show_default=True)
@click.option("--runs", default=5, show_default=True)
def main(folders: tuple[Path, ...], megabytes: int, runs: int) -> None:
    texts = gathered(folders, megabytes * 1_000_000)
    size = sum(map(len, texts.values()))
    click.echo(f"{len(texts):,} files, {size / 1e6:.1f} million characters")
    too_slow = False
    for style, write in STYLES.items():
        pack = write(texts).encode()
        read = read_pack(pack)
        assert len(read.files) == len(texts), (style, read.problems[:3])
        seconds = median(lambda pack=pack: read_pack(pack), runs)
        too_slow = too_slow or seconds >= LIMIT_SECONDS
        click.echo(f"read {style:13} {seconds:6.2f} s")
    click.echo(f"write xml          {median(lambda: xml(texts), runs):6.2f} s")
    skeletons = {path: skeleton(path, text.encode()) for path, text in texts.items()}
    share = sum(map(len, skeletons.values())) / size
    seconds = median(lambda: [skeleton(path, text.encode()) for path, text in texts.items()], 1)
    click.echo(f"skeletons          {seconds:6.2f} s, {share:.1%} of the text")
    withholding = Withholding.of(Path.cwd(), {})
    seconds = median(lambda: [withholding.masked(path, text) for path, text in texts.items()], 1)
    click.echo(f"look for secrets   {seconds:6.2f} s")
    sys.exit(int(too_slow))


def gathered(folders: tuple[Path, ...], characters: int) -> dict[str, str]:
    """Texts by path, as many as come to this size."""
    files = sorted(file for folder in folders for file in folder.rglob("*.ex*") if file.is_file())
    texts: dict[str, str] = {}
    size = 0
    for turn in count():
        before = size
        for number, file in enumerate(files):
            text = file.read_text(encoding="utf-8", errors="ignore").strip()
            if size >= characters:
                return texts
            if text and can_be_told(text):
                texts[f"lib/part{turn}/file{number}{file.suffix}"] = text
                size += len(text)
        if size == before:
            raise click.UsageError("there is no Elixir file in these folders")
    return texts


def xml(texts: Mapping[str, str]) -> str:
    return write_pack([PackedFile(path, text) for path, text in texts.items()], [])


def parsable_xml(texts: Mapping[str, str]) -> str:
    entries = "".join(
        f'<file path="{escape(path)}">\n{escape(text)}\n</file>\n\n' for path, text in texts.items()
    )
    return f"<repomix>\n<files>\n\n{entries}</files>\n</repomix>\n"


def markdown(texts: Mapping[str, str]) -> str:
    fence = "`" * 8
    entries = "".join(f"## File: {path}\n{fence}elixir\n{text}\n{fence}\n\n" for path, text in texts.items())
    return f"# File Summary\n\n# Files\n\n{entries}"


def as_json(texts: Mapping[str, str]) -> str:
    return json.dumps({"fileSummary": {}, "files": dict(texts)}, indent=2, ensure_ascii=False)


STYLES = {"xml": xml, "parsable xml": parsable_xml, "markdown": markdown, "json": as_json}


def median(work: Callable[[], object], runs: int) -> float:
    def once() -> float:
        begin = time.perf_counter()
        work()
        return time.perf_counter() - begin

    return statistics.median(once() for _ in range(runs))


if __name__ == "__main__":
    main()
