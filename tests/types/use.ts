/**
 * What a program that uses a generated module may write, and what TypeScript refuses. Compiled by
 * `tests/types.test.ts` beside the module of `lenet.tfg`, in each of its forms; never run.
 */
import { createSession, type Feeds, type Fetch, lenet, type Session, signature } from "./lenet.js";

export async function main(image: Float32Array, label: Int32Array) {
  await using session = await createSession({ seed: 42 });
  const a = await session.run("probs", { image });
  const p: Float32Array = a.probs.data;
  const ten: 10 = a.probs.shape[1];
  const b = await session.run(["error", "predicted"], { image, label });
  const error: number = b.error;
  const predicted: Int32Array = b.predicted.data;
  const c = await session.run("error", { image, label, scale: 2 });
  const d = await session.run("hits", { image: { data: image, shape: [1, 8, 8, 1] }, label });
  const hits: Uint8Array = d.hits.data;
  const e = await session.run("fixed");
  const f = await session.run("probs", {
    image: { data: image, shape: a.probs.shape[0] === 1 ? [1, 8, 8, 1] : [2, 8, 8, 1] },
  });
  const g = await session.run("probs", { image }, { dims: { N: 2 } });
  const kernel: Float32Array = await session.params["conv1/kernel"].get();
  const three: 3 = session.params["conv1/kernel"].shape[0];
  const again: Session = await lenet.createSession();
  const feeds: Feeds = { image, label, scale: 1 };
  const fetch: Fetch = "predicted";
  const dtype: "f32" = signature.feeds.image.dtype;
  const needs: readonly ["image"] = signature.fetches.probs.feeds;

  // @ts-expect-error `error` needs `label`
  await session.run("error", { image });
  // @ts-expect-error one of the fetches needs `label`
  await session.run(["probs", "hits"], { image });
  // @ts-expect-error no feeds at all
  await session.run("probs");
  // @ts-expect-error unknown fetch
  await session.run("prob", { image });
  // @ts-expect-error wrong element type
  await session.run("probs", { image: new Float64Array(64) });
  // @ts-expect-error wrong element type
  await session.run("hits", { image, label: image });
  // @ts-expect-error a number is no tensor
  await session.run("probs", { image: 1 });
  // @ts-expect-error a misspelt feed
  await session.run("probs", { image, lable: label });
  // @ts-expect-error a feed that only other fetches use
  await session.run("probs", { image, label });
  // @ts-expect-error a shape that the input does not have
  await session.run("probs", { image: { data: image, shape: [1, 8, 9, 1] } });
  // @ts-expect-error a result that was not fetched
  a.predicted;
  // @ts-expect-error a misspelt dim
  await session.run("probs", { image }, { dims: { M: 2 } });
  // @ts-expect-error a misspelt parameter
  session.params["conv1/kernal"];
  // @ts-expect-error no such graph
  lenet.open();
  // @ts-expect-error a scalar has no data
  b.error.data;
  return { p, ten, error, predicted, c, hits, e, f, g, kernel, three, again, feeds, fetch, dtype, needs };
}
