"""What is not sent: files that hold keys, files that are listed, secrets wherever they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from otp_genesis_refactorers.llm.privacy.withholding import Withholding


@pytest.fixture(scope="module")
def withholding(tmp_path_factory: pytest.TempPathFactory) -> Withholding:
    root = tmp_path_factory.mktemp("project")
    (root / ".otp-genesis-ignore").write_text(
        "# ours\n/lib/patents/\n*.sql\n[\n!lib/patents/known.ex\n!.env\n"
    )
    return Withholding.of(root, {"SHOP_API_KEY": "swordfish-number-nine", "HOME": "/home/ann/somewhere"})


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        ".env.prod",
        "apps/shop/.ENV",
        "prod.env",
        "config/prod.secret.exs",
        "config/runtime.secret.exs",
        "priv/cert/selfsigned_key.pem",
        "priv/jwt.key",
        "rel/id_rsa",
        "rel/id_ed25519.old",
        ".netrc",
        ".npmrc",
        ".git-credentials",
        ".git/config",
        ".aws/credentials",
        "priv/service-account-prod.json",
        "infra/prod.tfvars",
    ],
)
def test_files_that_hold_keys_are_withheld(withholding: Withholding, path: str) -> None:
    assert withholding.reason(path) == "files like this one hold keys"
    assert withholding.masked(path, "anything at all").text == ""


@pytest.mark.parametrize("path", ["lib/patents/a.ex", "lib/patents/deep/b.ex", "priv/repo/dump.sql"])
def test_files_that_are_listed_are_withheld(withholding: Withholding, path: str) -> None:
    assert withholding.reason(path) == ".otp-genesis-ignore lists it"


@pytest.mark.parametrize(
    "path",
    [
        "lib/shop/environment.ex",
        "config/runtime.exs",
        "lib/keys.ex",
        "test/secret_test.exs",
        "lib/shop/patents/a.ex",
    ],
)
def test_other_files_are_not(withholding: Withholding, path: str) -> None:
    assert withholding.reason(path) is None


def test_a_project_cannot_unlist_what_holds_keys(withholding: Withholding) -> None:
    assert withholding.reason(".env") is not None


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('token = "ghp_0123456789abcdefABCDEF0123456789abcd"', 'token = "«hidden»"'),
        ("AWS: AKIAIOSFODNN7EXAMPLE", "AWS: «hidden»"),
        ("curl -H x:sk-ant-api03-abcdefghijklmnopqrst", "curl -H x:«hidden»"),
        ("maps?key=AIzaSyA-0123456789abcdefghijklmnopqrstu", "maps?key=«hidden»"),
        ('url: "ecto://bob:topsecret@db/shop"', 'url: "ecto://bob:«hidden»@db/shop"'),
        ('  password: "hunter22", secret_key: "other-one"', '  password: "«hidden»", secret_key: "«hidden»"'),
        ('%{"client_secret" => "abc123def"}', '%{"client_secret" => "«hidden»"}'),
        ('@salt "hJx8Qz1LmV0pYt5RwK3nBc7UeS9dGf2A"', '@salt "«hidden»"'),
        ('key: "9f86d081884c7d659a2feaa0c55ad015"', 'key: "«hidden»"'),
        ("# swordfish-number-nine", "# «hidden»"),
    ],
)
def test_secrets_are_hidden_wherever_they_stand(withholding: Withholding, line: str, shown: str) -> None:
    masked = withholding.masked("lib/a.ex", f"before\n{line}\nafter\n")
    assert masked.text == f"before\n{shown}\nafter\n"
    assert masked.hidden > 0


def test_a_private_key_is_hidden_whole_and_no_line_is_lost(withholding: Withholding) -> None:
    begin, end = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
    text = f'@key """\r\n{begin}\r\nMIIEowIBAAKC\r\nAQEAq2\r\n{end}\r\n"""\r\nafter'
    masked = withholding.masked("lib/a.ex", text)
    assert masked.text == '@key """\r\n' + "«hidden»\r\n" * 4 + '"""\r\nafter'
    assert masked.hidden == 1


@pytest.mark.parametrize(
    "line",
    [
        'password: System.get_env("DATABASE_PASSWORD")',
        'add_error(changeset, :password, "does not match")',
        'password: "can\'t be blank"',
        'secret: "#{prefix}abcdefgh"',
        "field :password_hash, :string, redact: true",
        "alias Phoenix.LiveView.Controllers.SomeVeryLongModuleName",
        'import_file "lib/shop_web/controllers/very_long_name_controller.ex"',
        'get "/orders/:order_id/lines/:line_id", OrderController',
        "home = /home/ann/somewhere",
        '"PGPASSWORD"',
        "defp token(conn), do: conn.assigns.token",
    ],
)
def test_code_is_left_as_it_is(withholding: Withholding, line: str) -> None:
    assert withholding.masked("lib/a.ex", line) == type(withholding.masked("a", ""))(line, 0)


def test_without_a_list_only_keys_are_withheld(tmp_path: Path) -> None:
    nothing_listed = Withholding.of(tmp_path, {})
    assert nothing_listed.reason("lib/patents/a.ex") is None
    assert nothing_listed.reason(".env") is not None
