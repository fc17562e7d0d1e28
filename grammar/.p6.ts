import { parse } from "./read.ts";
import { printSyntax } from "./print.ts";
import { sourceFile } from "./source.ts";
import { readFileSync } from "node:fs";
console.log(
  printSyntax(parse(sourceFile("a", readFileSync("/work/shared/design/language/bad/TFG0301.tfg", "utf8"))).tree),
);
console.log(
  printSyntax(
    parse(
      sourceFile(
        "a",
        '/// d\n// x\nimport {a, b as c} from "x"\nlayer f[..B, T: float](@a x: T[..B], g: fn = h) -> (a: f32, b: f32[2]) where T > 1 { q, r = x[1, :, new, ..., 1:2:3] \n return tensor(i in N: "h{i}") } ',
      ),
    ).tree,
  ),
);
