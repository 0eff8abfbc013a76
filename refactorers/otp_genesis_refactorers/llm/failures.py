"""Why there is no answer. Each text is one line for the user: what, and what to do. None has a key in it."""

from __future__ import annotations

from otp_genesis_refactorers.llm.conversation import Reply, Usage


class ModelFailure(Exception):
    """Any of the below. `usage` is what the failed question took all the same."""

    usage = Usage()


class BadSettings(ModelFailure):
    """The user's configuration or environment makes no sense, or names no model that is known."""


class SetByProject(ModelFailure):
    """The project's own file names a provider, a model, an address or a budget: nothing is sent for it."""


class NoKey(ModelFailure):
    """No key is set for the provider."""


class KeyRejected(ModelFailure):
    """The provider doesn't take the key."""


class BadRequest(ModelFailure):
    """The provider doesn't take the request; asking again would not help."""


class RateLimited(ModelFailure):
    """The provider wants a longer wait than we do."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds
        """After which it may be asked again."""


class Transient(ModelFailure):
    """Overloaded, unreachable, or broken off; it was tried again as often as allowed."""

    def __init__(self, message: str, seconds: float | None = None, *, is_rate_limit: bool = False) -> None:
        super().__init__(message)
        self.seconds = seconds
        """How long the provider says to wait; None when it doesn't say."""
        self.is_rate_limit = is_rate_limit


class DeadlineExceeded(ModelFailure):
    """No complete answer within the time given."""


class BudgetExceeded(ModelFailure):
    """The next request could cost more than is left of the run's or the day's budget, so it was not sent."""


class NotRecorded(ModelFailure):
    """A replay holds no answer to this request."""


class _WithReply(ModelFailure):
    def __init__(self, message: str, reply: Reply) -> None:
        super().__init__(message)
        self.reply = reply
        self.usage = reply.usage


class Refused(_WithReply):
    """The model, or its provider's filter, won't answer."""


class Truncated(_WithReply):
    """The answer did not fit into the tokens allowed for it."""


class InvalidAnswer(_WithReply):
    """The answer is not the data that was asked for, also after it was asked for again, with the reason."""


class TooManyTurns(_WithReply):
    """The model asked for tools over and over, and gave no answer."""
