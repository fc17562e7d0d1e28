/**
 * A Chromium for tests: the one that is installed, else the one that a dev dependency carries with the libraries it
 * needs, so that the tests need nothing but the clone and npm.
 */
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const installed = "/usr/bin/chromium";

export async function launchChromium(): Promise<Browser> {
  const quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];
  const args = ["--no-sandbox", "--disable-gpu", ...quiet];
  if (existsSync(installed)) return chromium.launch({ executablePath: installed, args });
  // The package unpacks its libraries only where this names a runtime without them.
  process.env.AWS_LAMBDA_JS_RUNTIME ??= "nodejs24.x";
  const { default: packaged } = await import("@sparticuz/chromium");
  return chromium.launch({ executablePath: await packaged.executablePath(), args });
}
