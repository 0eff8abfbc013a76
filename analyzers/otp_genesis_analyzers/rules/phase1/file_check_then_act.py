from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from otp_genesis_analyzers.facts.calls.file_steps import FileSteps, file_steps
from otp_genesis_analyzers.facts.calls.sites import production_modules
from otp_genesis_analyzers.facts.model import Function, Module
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule, scope_of


class FileCheckThenAct(Rule):
    """Two steps on one file leave a moment in which others find it missing, or it is not what it was.

    ## What it does
    Reports `File.rm` followed by `File.write` of the same path. `File.exists?` that decides whether a file is
    read, removed or copied by a function that raises without it, or whether it is created, is a **hint** in
    preset `strict`.

    ## Why it matters on the BEAM
    Other processes, and other programs, see every step. Whoever reads between the two finds no file; when the
    process is killed there, the old content is gone and the new one was never written. `File.write/3` itself
    is no single step: it empties the file first. A rename within one file system is one: readers
    find the old content or the new, never none. What `File.exists?` says may be wrong by the next line;
    the function that acts says itself whether the file was there.

    ## When it is legitimate
    In Mix tasks, generators, scripts and tests, where nobody else is at work: they are not reported. Nor is a
    removal before the file is opened to append, a function that gives `{:error, :enoent}` instead of raising,
    or one whose failure is caught.

    ## Use instead
    ```elixir
    tmp = path <> ".tmp"
    File.write!(tmp, json)
    File.rename!(tmp, path)
    ```
    And `case File.read(path) do` with a branch for `{:error, :enoent}` instead of asking first.

    ## Fix safety
    Unsafe: the new content goes to a second file beside the first, which is renamed; links and permissions of
    the old file are not kept. Offered where the write follows on the next line and the path is a variable.

    ## References
    - https://hexdocs.pm/elixir/File.html#rename/2
    - `tests/beam/a_rename_replaces_a_file_in_one_step.exs`
    """

    code = "OTP115"
    name = "file-check-then-act"
    severity = Severity.INFORMATION
    default_from = Severity.INFORMATION
    anchors = (
        *("File rm", "File rm!", "File rm_rf", "File rm_rf!"),
        *("File exists?", "File regular?"),
    )
    fixes = (FixKind.UNSAFE,)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Export do
              def save(path, json) do
                File.rm(path)
            #   ^^^^^^^ information: no file until `File.write!`
                File.write!(path, json)
              end
            end
            """,
            fixed="""
            defmodule Shop.Export do
              def save(path, json) do
                tmp = path <> ".tmp"
                File.write!(tmp, json)
                File.rename!(tmp, path)
              end
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Upload do
              alias File, as: Disk

              def replace(dir, file, data) do
                target = Path.join(dir, file)
                {:ok, _} = {Disk.rm_rf(target), file}
            #               ^^^^^^^^^^ information
                target |> Disk.write(data)
              end

              def save(path, json, modes) do
                File.rm_rf!(path)
            #   ^^^^^^^^^^^ information
                result = Jason.encode(json)
                # all at once
                File.write(path, result, modes)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Settings do
              def load(path) do
                if File.exists?(path), do: File.read!(path), else: "{}"
            #      ^^^^^^^^^^^^ hint: may be gone when `File.read!`
              end

              def drop(path) do
                case File.regular?(path) do
            #        ^^^^^^^^^^^^^ hint
                  true -> File.rm!(path)
                  false -> :ok
                end
              end

              def init(path) do
                unless File.exists?(path) do
            #          ^^^^^^^^^^^^ hint: may have been made
                  File.write!(path, "{}")
                end
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Export do
              def save(path, json) do
                tmp = path <> ".tmp"
                File.write!(tmp, json)
                File.rename!(tmp, path)
              end

              def log(path, line) do
                File.rm(path <> ".old")
                File.write!(path, line)
              end

              def anew(path, line) do
                File.rm(path)
                File.write!(path, line, [:append])
              end

              def moved(path, other) do
                File.rm(path)
                File.cp!(other, path)
                File.write!(path, "more")
              end

              def either(path, nil), do: File.rm(path)
              def either(path, json), do: File.write!(path, json)

              def branch(path, json) do
                if json, do: File.write!(path, json), else: File.rm(path)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Settings do
              def load(path) do
                case File.read(path) do
                  {:ok, text} -> text
                  {:error, :enoent} -> "{}"
                end
              end

              def maybe(path) do
                if File.exists?(path), do: File.read(path), else: {:error, :enoent}
              end

              def there?(path), do: File.exists?(path)

              def other(path, target) do
                if File.exists?(path), do: File.read!(target)
              end

              def caught(path) do
                if File.exists?(path), do: File.read!(path)
              rescue
                File.Error -> nil
              end

              def made(path) do
                unless File.exists?(path), do: File.mkdir_p!(path)
              end
            end
            """
        ),
        Example(
            """
            # file: lib/mix/tasks/shop.gen.ex
            defmodule Mix.Tasks.Shop.Gen do
              use Mix.Task

              def run([path]) do
                File.rm(path)
                File.write!(path, "generated")
                if File.exists?(path), do: File.read!(path)
              end
            end
            # file: test/shop/export_test.exs
            defmodule Shop.ExportTest do
              use ExUnit.Case

              test "writes" do
                File.rm("out.json")
                File.write!("out.json", "{}")
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Made do
              def new(name) do
                File.rm("/tmp/#{name}")
                File.write!("/tmp/#{name}", "")
              end

              def later(path, json) do
                File.rm(path)
                Task.start(fn -> File.write!(path, json) end)
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            for function in module.functions:
                for clause in function.clauses if function.kind in ("def", "defp") else ():
                    for steps in file_steps(file.source, clause):
                        yield self._finding(file, module, function, steps)

    def _finding(self, file: FileView, module: Module, function: Function, steps: FileSteps) -> Finding:
        act = file.source.text(steps.second.head)
        message, related = {
            "replace": (
                f"there is no file until `{act}` is done: write beside it, then rename",
                "and here it is written anew",
            ),
            "use": (
                f"the file may be gone when `{act}` comes, which raises then: handle its absence there",
                "and here it is used",
            ),
            "create": (
                f"the file may have been made by another process when `{act}` comes: use `:exclusive`",
                "and here it is made",
            ),
        }[steps.step]
        is_replaced = steps.step == "replace"
        return self.report(
            file.facts.path,
            steps.first.head,
            message,
            snippet=file.source.text(steps.first.span),
            scope=scope_of(module, function),
            severity=Severity.INFORMATION if is_replaced else Severity.HINT,
            confidence=Confidence.EXACT if is_replaced else Confidence.HEURISTIC,
            fix=FixKind.UNSAFE if is_replaced and _is_plain(steps) else None,
            related=(Related(file.facts.path, steps.second.head, related),),
        )


def _is_plain(steps: FileSteps) -> bool:
    """Two statements with the path in a variable, which a fix can turn into three."""
    first, second = steps.first, steps.second
    is_last = second.result in ("discarded", "returned", "yielded")
    return first.result == "discarded" and is_last and first.args[0].kind == "variable" and not second.piped
