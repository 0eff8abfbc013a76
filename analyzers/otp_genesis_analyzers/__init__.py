"""Reads Elixir as OTP: text in, findings out.

The innermost ring. It knows neither editors nor models nor processes of the machine:
`Source` -> `FileFacts` (one walk) -> rules on the facts -> `Finding`.
"""
