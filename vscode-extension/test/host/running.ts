/** Runs the tests of a suite where extensions run: the function that VS Code calls is made by `suite`. */

import Mocha from "mocha";

/** Each test is a line on the console, with `│` before it, since VS Code writes there too. */
export function suite(define: () => void): () => Promise<void> {
  return () => {
    const mocha = new Mocha({ ui: "bdd", timeout: 60_000, reporter: Lines });
    mocha.suite.emit("pre-require", globalThis, "", mocha);
    define();
    return new Promise((resolve, reject) => {
      mocha.run((failures) => (failures ? reject(new Error(`${failures} tests failed`)) : resolve()));
    });
  };
}

class Lines extends Mocha.reporters.Base {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    runner.on("pass", (test) => console.log(`│ ok ${test.title} (${test.duration} ms)`));
    runner.on("fail", (test, error) => {
      for (const line of `not ok ${test.title}\n${error.stack}`.split("\n")) console.log(`│ ${line}`);
    });
  }
}
