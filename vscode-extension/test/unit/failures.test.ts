import * as assert from "node:assert/strict";
import { test } from "node:test";
import { failure } from "../../src/failures";

class Answer extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

test("a server that does not know what is asked is said to be too old", () => {
  const said = failure(new Answer(-32601, "Method Not Found: otpGenesis/verify"), "Verify", "0.0.9");
  assert.equal(said, "this server (version 0.0.9) does not know “Verify”: install a newer one");
});

test("what the user cancelled is not said again", () => {
  for (const code of [-32800, -32802]) {
    assert.equal(failure(new Answer(code, "cancelled"), "Verify", "0.1.0"), undefined);
  }
});

test("all else is said in the server's words", () => {
  assert.equal(failure(new Answer(-32803, "no tests"), "Verify", "0.1.0"), "Verify: no tests");
  assert.equal(failure("gone", "Verify", "0.1.0"), "Verify: gone");
});
