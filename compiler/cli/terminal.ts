/** What the commands write to: stdout for results, stderr for everything said about them. */

export interface Terminal {
  out(text: string): void;
  error(text: string): void;
  /** Whether stderr is a terminal on which a line may be rewritten. */
  readonly isInteractive: boolean;
}

// A reader that has seen enough, as `head` has, is no error.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error) => {
    if ("code" in error && error.code === "EPIPE") process.exit();
    throw error;
  });

export const terminal: Terminal = {
  out: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
  isInteractive: process.stderr.isTTY === true && process.env.TERM !== "dumb",
};

const afterMilliseconds = 1000;

/** One line on a terminal that says what goes on once it has taken over a second; it is wiped at the end. */
export class Progress {
  readonly #terminal: Terminal;
  readonly #started = performance.now();
  #isShown = false;
  #last = 0;

  constructor(to: Terminal) {
    this.#terminal = to;
  }

  /** `done` of `total`, both in the unit of `what`. */
  show(what: string, done?: number, total?: number): void {
    const now = performance.now();
    if (now - this.#started < afterMilliseconds || now - this.#last < 50) return;
    this.#last = now;
    this.#write(`${what}${share(done, total)}`);
  }

  /** At once: for work that may be long and lets nothing else happen meanwhile. */
  announce(what: string): void {
    this.#write(`${what} …`);
  }

  #write(line: string): void {
    if (!this.#terminal.isInteractive) return;
    this.#isShown = true;
    this.#terminal.error(`\r\u001b[K${line}`);
  }

  end(): void {
    if (this.#isShown) this.#terminal.error("\r\u001b[K");
    this.#isShown = false;
  }
}

function share(done: number | undefined, total: number | undefined): string {
  if (done === undefined || !total) return " …";
  const width = 24;
  const filled = Math.round((width * Math.min(done, total)) / total);
  return ` ${"█".repeat(filled)}${"░".repeat(width - filled)} ${Math.floor((100 * done) / total)} %`;
}
