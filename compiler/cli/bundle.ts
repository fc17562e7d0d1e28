/** Puts the runtime into a JavaScript module: `--standalone --js`. */
import { runtimeEntry } from "./package.ts";

/** The module with what it uses of the runtime, readable, as one ES module for Node and browsers. */
export async function bundleRuntime(code: string, checkpoints: boolean): Promise<string> {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    stdin: { contents: code, loader: "js", sourcefile: "module.js" },
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    logLevel: "silent",
    plugins: [
      {
        name: "tfgc-runtime",
        setup(builder) {
          builder.onResolve({ filter: /^tfgc\/runtime$/ }, () => ({
            path: runtimeEntry(checkpoints),
            sideEffects: false,
          }));
        },
      },
    ],
  });
  return outputFiles[0]?.text ?? "";
}
