import fc from "fast-check";
import { suite } from "uvu";
import type { KernelOperand, ScalarId } from "../compiler/ir/nest.ts";
import { addDims, dimOf, dimSymbol, mulDims } from "../compiler/ir/dims.ts";
import { affine, assertMeaning, input, kernelOf, NestMaker, output, randomFloats } from "./tile-nests.ts";

const test = suite("contractions");
const seed = Number(process.env.TFGC_SEED ?? 20261121);
const runs = Number(process.env.TFGC_RUNS ?? 40);

const packed: KernelOperand = { dtype: "f32", access: "read", packed: true };
/** `[K, N]` as panels of 8 columns, the last one filled with zeros. */
function pack(b: Float32Array, depth: number, columns: number): Float32Array {
  const panels = new Float32Array(Math.ceil(columns / 8) * depth * 8);
  for (let k = 0; k < depth; k++)
    for (let n = 0; n < columns; n++) panels[(n - (n % 8)) * depth + k * 8 + (n % 8)] = b[k * columns + n] ?? 0;
  return panels;
}

/** relu(x @ w + bias + residual): `rows` literal or of this run, weights packed or not. */
async function assertDense(
  rows: number,
  depth: number,
  columns: number,
  isRun: boolean,
  isPacked: boolean,
  isDepthRun = false,
): Promise<void> {
  const make = new NestMaker();
  const depthSize = isDepthRun ? "K" : depth;
  const m = make.axis("m", isRun ? "N" : rows);
  const n = make.axis("n", columns);
  const k = make.axis("k", depthSize);
  const x = make.read(
    0,
    affine([
      [m, depthSize],
      [k, 1],
    ]),
  );
  const w = make.read(
    1,
    isPacked
      ? affine([
          [n, depthSize],
          [k, 8],
        ])
      : affine([
          [n, 1],
          [k, columns],
        ]),
  );
  const sum = make.reduce("sum", [k], make.apply("mul", "f32", x, w));
  const out = affine([
    [m, columns],
    [n, 1],
  ]);
  const biased = make.apply(
    "add",
    "f32",
    make.apply("add", "f32", sum, make.read(2, affine([[n, 1]]))),
    make.read(3, out),
  );
  make.store(4, out, make.apply("maximum", "f32", biased, make.constant(0)));
  const b = randomFloats(depth * columns, 2);
  const kernel = kernelOf(make.nest, [input(), isPacked ? packed : input(), input(), input(), output()], ["N", "K"]);
  const data = [
    randomFloats(rows * depth, 1),
    isPacked ? pack(b, depth, columns) : b,
    randomFloats(columns, 3),
    randomFloats(rows * columns, 4),
    new Float32Array(rows * columns),
  ];
  await assertMeaning(kernel, data, { N: rows, K: depth }, 1e-6 * Math.max(1, Math.sqrt(depth)));
}

test("a matrix product with its epilogue is right at every height and width of a tile", async () => {
  for (const rows of [1, 2, 3, 4, 5, 6, 7, 12, 13])
    for (const columns of [1, 2, 4, 5, 7, 8, 10, 31, 37])
      await assertDense(rows, 5, columns, rows % 2 === 0, columns % 2 === 0);
});

test("a depth that is odd, short, long or of this run is summed over completely", async () => {
  for (const depth of [1, 2, 4, 6, 7, 8, 33, 513, 1024, 1025, 2051])
    for (const rows of [1, 7]) await assertDense(rows, depth, 9, true, depth % 2 === 1, depth % 3 === 0);
});

test("a random matrix product is right", async () => {
  const sizes = fc.record({
    rows: fc.integer({ min: 1, max: 40 }),
    depth: fc.integer({ min: 1, max: 70 }),
    columns: fc.integer({ min: 1, max: 70 }),
    isRun: fc.boolean(),
    isPacked: fc.boolean(),
    isDepthRun: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(sizes, (s) => assertDense(s.rows, s.depth, s.columns, s.isRun, s.isPacked, s.isDepthRun)),
    { seed, numRuns: runs, endOnFailure: true },
  );
});

test("a direct convolution over a padded image is right for batches, strides and run-time sizes", async () => {
  const sizes = fc.record({
    batch: fc.integer({ min: 1, max: 3 }),
    high: fc.integer({ min: 1, max: 6 }),
    wide: fc.integer({ min: 1, max: 9 }),
    channels: fc.integer({ min: 1, max: 5 }),
    filters: fc.integer({ min: 1, max: 19 }),
    window: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 2 }),
    isRun: fc.boolean(),
    isMerged: fc.boolean(),
    isPacked: fc.boolean(),
    isBatchMinor: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(sizes, async (s) => {
      const make = new NestMaker();
      // Of a run-time size: output height H, the image is (H - 1) * stride + window high.
      const highSize = s.isRun ? dimSymbol("H") : dimOf(s.high);
      const inHigh = addDims(mulDims(highSize, dimOf(s.stride)), dimOf(s.window - s.stride));
      const inWide = (s.wide - 1) * s.stride + s.window;
      const row = inWide * s.channels;
      const image = mulDims(inHigh, dimOf(row));
      const b = make.axis("b", "N");
      const h = make.axis("h", highSize);
      const w = make.axis("w", s.wide);
      const f = make.axis("f", s.filters);
      const depth = s.window * s.window * s.channels;
      const at: [number, number | ReturnType<typeof dimOf>][] = [
        [b, image],
        [h, s.stride * row],
        [w, s.stride * s.channels],
      ];
      const kernel: [number, number][] = [];
      const over: number[] = [];
      const dense = s.isPacked ? 8 : s.filters;
      const tap = (name: string, extent: number, inImage: number, inKernel: number): void => {
        const axis = make.axis(name, extent);
        over.push(axis);
        at.push([axis, inImage]);
        kernel.push([axis, inKernel * dense]);
      };
      tap("kh", s.window, row, s.window * s.channels);
      if (s.isMerged) tap("kwc", s.window * s.channels, 1, 1);
      else {
        tap("kw", s.window, s.channels, s.channels);
        tap("c", s.channels, 1, 1);
      }
      const x = make.read(0, affine(at));
      const y: ScalarId = make.read(1, affine([[f, s.isPacked ? depth : 1], ...kernel]));
      const sum = make.reduce("sum", over, make.apply("mul", "f32", y, x));
      const outRow = s.wide * s.filters;
      const out = affine([
        [b, mulDims(highSize, dimOf(outRow))],
        [h, outRow],
        [w, s.filters],
        [f, 1],
      ]);
      const order = s.isBatchMinor ? [h, b, w, f] : [b, h, w, f];
      make.store(
        3,
        out,
        make.apply("maximum", "f32", make.apply("add", "f32", sum, make.read(2, affine([[f, 1]]))), make.constant(0)),
        order,
      );
      const weights = randomFloats(depth * s.filters, 5);
      const inSize = s.batch * ((s.high - 1) * s.stride + s.window) * row;
      const data = [
        randomFloats(inSize, 6),
        s.isPacked ? pack(weights, depth, s.filters) : weights,
        randomFloats(s.filters, 7),
        new Float32Array(s.batch * s.high * outRow),
      ];
      await assertMeaning(
        kernelOf(make.nest, [input(), s.isPacked ? packed : input(), input(), output()], ["N", "H"]),
        data,
        { N: s.batch, H: s.high },
        2e-6,
      );
    }),
    { seed, numRuns: runs, endOnFailure: true },
  );
});

test("batched products, transposed left operands and masks in the epilogue", async () => {
  for (const [batch, rows, depth, columns] of [
    [2, 5, 9, 11],
    [3, 1, 4, 8],
    [1, 9, 12, 3],
  ] as const) {
    const make = new NestMaker();
    const g = make.axis("g", batch);
    const m = make.axis("m", rows);
    const n = make.axis("n", "N");
    const k = make.axis("k", depth);
    const x = make.read(
      0,
      affine([
        [g, rows * depth],
        [m, 1],
        [k, rows],
      ]),
    );
    const y = make.read(
      1,
      affine([
        [g, mulDims(dimOf(depth), dimSymbol("N"))],
        [n, 1],
        [k, "N"],
      ]),
    );
    const sum = make.reduce("sum", [k], make.apply("mul", "f32", x, y));
    const out = affine([
      [g, mulDims(dimOf(rows), dimSymbol("N"))],
      [m, "N"],
      [n, 1],
    ]);
    make.store(2, out, make.apply("tanh", "f32", sum));
    make.store(
      3,
      out,
      make.apply(
        "greater",
        "bool",
        sum,
        make.apply(
          "cast",
          "f32",
          make.index(
            affine([
              [n, 1],
              [m, -1],
            ]),
          ),
        ),
      ),
    );
    const data = [
      randomFloats(batch * rows * depth, 1),
      randomFloats(batch * depth * columns, 2),
      new Float32Array(batch * rows * columns),
      new Int32Array(batch * rows * columns),
    ];
    await assertMeaning(kernelOf(make.nest, [input(), input(), output(), output("bool")], ["N"]), data, { N: columns });
  }
});

test("operands may be read backwards and with strides of this run", async () => {
  for (const rows of [2, 9]) {
    const [depth, columns] = [7, 10];
    const make = new NestMaker();
    const m = make.axis("m", "N");
    const n = make.axis("n", columns);
    const k = make.axis("k", depth);
    // The left operand is [depth, N] with its rows and columns reversed, the right one [depth, columns] with its rows reversed.
    const last = addDims(mulDims(dimSymbol("N"), dimOf(depth)), dimOf(-1));
    const x = make.read(
      0,
      affine(
        [
          [m, -1],
          [k, mulDims(dimSymbol("N"), dimOf(-1))],
        ],
        last,
      ),
    );
    const y = make.read(
      1,
      affine(
        [
          [n, 1],
          [k, -columns],
        ],
        (depth - 1) * columns,
      ),
    );
    make.store(
      2,
      affine([
        [m, columns],
        [n, 1],
      ]),
      make.reduce("sum", [k], make.apply("mul", "f32", x, y)),
    );
    const data = [randomFloats(rows * depth, 1), randomFloats(depth * columns, 2), new Float32Array(rows * columns)];
    await assertMeaning(kernelOf(make.nest, [input(), input(), output()], ["N"]), data, { N: rows });
  }
});

test("an expensive epilogue runs over the sums in place", async () => {
  for (const columns of [3, 8, 21]) {
    const make = new NestMaker();
    const m = make.axis("m", "N");
    const n = make.axis("n", columns);
    const k = make.axis("k", 6);
    const x = make.read(
      0,
      affine([
        [m, 6],
        [k, 1],
      ]),
    );
    const sum = make.reduce(
      "sum",
      [k],
      make.apply(
        "mul",
        "f32",
        x,
        make.read(
          1,
          affine([
            [n, 1],
            [k, columns],
          ]),
        ),
      ),
    );
    const biased = make.apply("add", "f32", sum, make.read(2, affine([[n, 1]])));
    make.store(
      3,
      affine([
        [m, columns],
        [n, 1],
      ]),
      make.apply("mul", "f32", biased, make.apply("tanh", "f32", biased)),
    );
    const data = [
      randomFloats(42, 1),
      randomFloats(6 * columns, 2),
      randomFloats(columns, 3),
      new Float32Array(7 * columns),
    ];
    await assertMeaning(kernelOf(make.nest, [input(), input(), input(), output()], ["N"]), data, { N: 7 });
  }
});

test.run();
