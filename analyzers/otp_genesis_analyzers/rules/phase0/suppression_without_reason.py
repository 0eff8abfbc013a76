from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from otp_genesis_analyzers.findings import Finding, Severity
from otp_genesis_analyzers.roles import EVERYWHERE
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule


class SuppressionWithoutReason(Rule):
    """A suppression comment doesn't say why.

    ## What it does
    Reports an `otp-genesis:ignore` or `otp-genesis:ignore-file` comment with no text behind ` -- `. The
    comment works all the same.

    ## Why it matters on the BEAM
    Whether a process may run outside the supervision tree depends on what it does and who notices its end.
    Whoever reads the comment next year can't see that from the line, and neither deletes it nor trusts it.

    ## When it is legitimate
    A reason that is written elsewhere is still worth a word here: name the place.

    ## Use instead
    ```elixir
    spawn(fn -> warm_up() end) # otp-genesis:ignore OTP101 -- a cold cache is slow, not wrong
    ```

    ## Fix safety
    No fix: the reason is yours to give.

    ## References
    - https://hexdocs.pm/elixir/process-anti-patterns.html
    """

    code = "OTP002"
    name = "suppression-without-reason"
    severity = Severity.INFORMATION
    anchors = ("otp-genesis:",)
    roles = EVERYWHERE

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Mailer do
              def notify(user) do
                spawn(fn -> Shop.Smtp.deliver(user) end) # otp-genesis:ignore OTP101
            #                                            ^^^^^^^^^^^^^^^^^^^^^^^^^^^ information: no reason
                :ok
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Mailer do
              def notify(user) do
                # otp-genesis:ignore unsupervised-spawn --
            #   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ information: spawn -- why`
                spawn(fn -> Shop.Smtp.deliver(user) end)
                :ok
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Mailer do
              # otp-genesis:ignore-file OTP101
            # ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ information: ignore-file OTP101 -- why
              def notify(user) do
                spawn(fn -> Shop.Smtp.deliver(user) end)
                :ok
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Mailer do
              def notify(user) do
                spawn(fn -> Shop.Smtp.deliver(user) end) # otp-genesis:ignore OTP101 -- it may be lost
                :ok
              end
            end
            """
        ),
        Example(
            """
            # otp-genesis:ignore-file OTP101 -- a lost mail does no harm
            defmodule Shop.Mailer do
              def notify(user) do
                spawn(fn -> Shop.Smtp.deliver(user) end)
                :ok
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Mailer do
              # We could write otp-genesis:ignore OTP101 here, but a lost mail does harm.
              def notify(user), do: Shop.Smtp.deliver(user)

              def comment, do: "# otp-genesis:ignore OTP101"
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for comment in file.facts.suppressions:
            if comment.rules and not comment.reason:
                directive = file.source.text(comment.span).partition("otp-genesis:")[2].rstrip("- \t\r")
                yield self.report(
                    file.facts.path,
                    comment.span,
                    f"This comment says no reason: write `# otp-genesis:{directive} -- why`",
                    snippet=directive,
                    scope="",
                )
