from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from otp_genesis_analyzers.facts.model import Suppression
from otp_genesis_analyzers.findings import Finding, Severity
from otp_genesis_analyzers.roles import EVERYWHERE
from otp_genesis_analyzers.rules.contract import Example, Rule
from otp_genesis_analyzers.suppressions import WHOLE_FILE


class UnusedSuppression(Rule):
    """A suppression comment keeps nothing quiet.

    ## What it does
    Reports an `otp-genesis:ignore` or `otp-genesis:ignore-file` comment when none of the rules that it names
    finds anything where it stands, and one that names no rule, or one that doesn't exist. A comment that
    keeps at least one finding quiet is not reported.

    ## Why it matters on the BEAM
    What was flagged is gone, or the comment stands at the wrong line. It then hides the next process that is
    started on its line, and tells every reader of a danger that isn't there.

    ## When it is legitimate
    When the comment can't be judged: a rule that it names is off, not selected, or ignored in this file; a
    file of the same mix project has broken syntax. Then it is not reported. A comment that is needed for
    another version of this tool can name OTP001 besides.

    ## Use instead
    Delete the comment, or put it at the end of the line that it speaks of, or alone above it.
    ```elixir
    # otp-genesis:ignore OTP101 -- the VM is halted when it ends
    spawn(fn -> Shop.Release.migrate() end)
    ```

    ## Fix safety
    No fix. The comment's reason may be worth keeping as an ordinary comment.

    ## References
    - https://hexdocs.pm/elixir/process-anti-patterns.html
    """

    code = "OTP001"
    name = "unused-suppression"
    severity = Severity.INFORMATION
    project_wide = True
    anchors = ("otp-genesis:",)
    roles = EVERYWHERE

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Mailer do
              def notify(user) do
                # otp-genesis:ignore OTP101 -- a mail may be lost
            #   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ information: nothing on line 4
                Shop.Smtp.deliver(user)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Prices do
              # otp-genesis:ignore-file OTP101, OTP102 -- a script
            # ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ information: nothing in this file
              def total(items), do: Enum.sum(items)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Prices do
              def total(a, b), do: a + b # otp-genesis:ignore unsupervised-spwan -- why
            #                            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ information: did you
            end
            """
        ),
        Example(
            """
            defmodule Shop.Prices do
              # otp-genesis:ignore -- which rule?
            # ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ information: names no rule
              def total(items), do: Enum.sum(items)
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Mailer do
              def notify(user) do
                # otp-genesis:ignore OTP101 -- a lost mail does no harm
                spawn(fn -> Shop.Smtp.deliver(user) end)
                :ok
              end
            end
            """
        ),
        Example(
            """
            # otp-genesis:ignore-file OTP101, OTP102 -- a lost mail does no harm
            defmodule Shop.Mailer do
              def notify(user) do
                spawn(fn -> Shop.Smtp.deliver(user) end)
                :ok
              end
            end
            """
        ),
        Example(
            '''
            defmodule Shop.Mailer do
              @doc """
              Write this above a call that is meant so:

                  # otp-genesis:ignore OTP101 -- the reason
              """
              def notify(user), do: Shop.Smtp.deliver(user)
            end
            '''
        ),
        Example(
            """
            defmodule Shop.Mailer do
              # otp-genesis:ignore OTP101, OTP001 -- older versions find a process here
              def notify(user), do: Shop.Smtp.deliver(user)
            end
            """
        ),
    ]

    def check_comment(
        self, path: str, comment: Suppression, is_conclusive: Callable[[str, str], bool]
    ) -> Iterable[Finding]:
        """What is wrong with a comment that keeps nothing quiet; nothing where it can't be judged."""
        from otp_genesis_analyzers.rules import find_rule

        rules = [find_rule(word) for word in comment.rules]
        if any(rule is not None and rule.code == self.code for rule in rules):
            return
        unknown = next((word for word, rule in zip(comment.rules, rules, strict=True) if rule is None), None)
        if unknown is not None:
            message = _unknown(unknown)
        elif not rules:
            message = "This comment names no rule, so it keeps nothing quiet"
        elif all(is_conclusive(word, path) for word in comment.rules):
            message = _unused(comment)
        else:
            return
        yield self.report(path, comment.span, message, snippet=" ".join(comment.rules), scope="")


def _unknown(word: str) -> str:
    from otp_genesis_analyzers.rules import all_rules
    from otp_genesis_analyzers.rules.selectors import did_you_mean

    known = [name for rule in all_rules() for name in (rule.code, rule.name)]
    return f"This comment keeps nothing quiet: there is no rule {word!r}{did_you_mean(word, known)}"


def _unused(comment: Suppression) -> str:
    where = "in this file" if comment.line == WHOLE_FILE else f"on line {comment.line + 1}"
    rules = ", ".join(f"`{word}`" for word in comment.rules)
    finds = "finds" if len(comment.rules) == 1 else "find"
    return f"This comment keeps nothing quiet: {rules} {finds} nothing {where}"
