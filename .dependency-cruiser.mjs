/**
 * The layers of ARCHITECTURE.md: each imports only from itself and from the layers before it in its list.
 * `tests/layers.test.ts` runs these rules, and runs them on one planted violation.
 */

/** The compiler's layers in order; a folder stands for its files. `index.ts` stands in front of what does input and output. */
const order = [
  "ir",
  "ops",
  "differentiate",
  "diagnostics",
  "check",
  "passes",
  "tile",
  "targets",
  "report",
  "pipeline.ts",
  "index.ts",
  "cli",
];

const layer = (name) =>
  name === "cli"
    ? "^compiler/(cli\\.ts|cli/)"
    : `^compiler/${name.replace(".", "\\.")}${name.includes(".") ? "$" : "/"}`;

const rule = (name, comment, from, to) => ({ name, comment, severity: "error", from: { path: from }, to });

export default {
  forbidden: [
    rule("runtime-alone", "runtime/ imports nothing outside itself and has no dependency.", "^runtime/", {
      pathNot: "^runtime/",
      dependencyTypesNot: ["core"],
    }),
    rule(
      "runtime-portable",
      "What reads files in Node is imported when it is needed, since browsers lack it.",
      "^runtime/",
      {
        dependencyTypes: ["core"],
        dynamic: false,
      },
    ),
    rule("grammar-alone", "grammar/ knows no op: nothing of compiler/ or runtime/.", "^grammar/", {
      path: "^(compiler|runtime|samples|bench|tests)/",
    }),
    rule(
      "compiler-inward",
      "Nothing in the product imports tests, samples or benchmarks.",
      "^(compiler|runtime|grammar)/",
      {
        path: "^(samples|bench|tests|build)/",
      },
    ),
    rule(
      "interpreter-apart",
      "The interpreter never sees the nests it is there to check.",
      "^compiler/interpret\\.ts$",
      {
        path: "^compiler/(ir/nest\\.ts|passes/|tile/|targets/)",
      },
    ),
    ...order
      .map((name, i) =>
        rule(`layer-${name}`, `compiler/${name} imports only from the layers before it.`, layer(name), {
          path: order.slice(i + 1).map(layer),
        }),
      )
      .slice(0, -1),
    rule(
      "io-in-cli",
      "Only cli and plugins read or write files; std/generate is a step of the build.",
      "^(grammar|compiler/(?!cli|std/generate))",
      {
        path: "^(node:)?(fs|child_process|http|https|net|worker_threads)",
      },
    ),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    parser: "swc",
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: [".ts", ".mjs", ".js"],
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default"],
    },
  },
};
