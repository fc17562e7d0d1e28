import { suite } from "uvu";
import { affine, assertMeaning, input, kernelOf, NestMaker, output, randomFloats } from "./tile-nests.ts";

const test = suite("tile");

test("an element-wise chain is computed at every length, whole vectors or not", async () => {
  for (const n of [1, 2, 3, 4, 5, 7, 8, 13]) {
    for (const extent of [n, "N"]) {
      const make = new NestMaker();
      const i = make.axis("i", extent);
      const x = make.read(0, affine([[i, 1]]));
      const y = make.apply(
        "maximum",
        "f32",
        make.apply("add", "f32", make.apply("mul", "f32", x, make.constant(2)), make.constant(0.5)),
        make.constant(0),
      );
      make.store(1, affine([[i, 1]]), y);
      await assertMeaning(kernelOf(make.nest, [input(), output()], ["N"]), [randomFloats(n, n), new Float32Array(n)], {
        N: n,
      });
    }
  }
});

test("softmax over rows is one nest with two reductions", async () => {
  for (const columns of [1, 3, 4, 10, 17, 67]) {
    const make = new NestMaker();
    const r = make.axis("r", "N");
    const c = make.axis("c", columns);
    const x = make.read(
      0,
      affine([
        [r, columns],
        [c, 1],
      ]),
    );
    const e = make.apply("exp", "f32", make.apply("sub", "f32", x, make.reduce("max", [c], x)));
    make.store(
      1,
      affine([
        [r, columns],
        [c, 1],
      ]),
      make.apply("div", "f32", e, make.reduce("sum", [c], e)),
    );
    await assertMeaning(
      kernelOf(make.nest, [input(), output()], ["N"]),
      [randomFloats(3 * columns, 1), new Float32Array(3 * columns)],
      { N: 3 },
    );
  }
});

test.run();
