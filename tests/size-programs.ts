/** Programs whose sizes are right, and ones whose sizes are wrong: what people write with sizes that feeds decide. */

export const RIGHT: readonly (readonly [name: string, source: string])[] = [
  [
    "unet",
    `def up2[N, H, W, C](x: f32[N, H, W, C]) -> f32[N, 2 * H, 2 * W, C] = tensor(n in N, i in 2 * H, j in 2 * W, c in C: x[n, i / 2, j / 2, c])
layer block[N, H, W, C](x: f32[N, H, W, C], filters: int) -> f32[N, H, W, filters] { return x |> conv2d(filters, 3, padding="same", act=relu) |> conv2d(filters, 3, padding="same", act=relu) }
graph unet[N, H, W] where H % 8 == 0, W % 8 == 0 { input x: f32[N, H, W, 3]
 a = block(x, 8) b = a |> max_pool2d |> block(16) c = b |> max_pool2d |> block(32) d = c |> max_pool2d |> block(64)
 e = concat([up2(d), c], axis=-1) |> block(32) f = concat([up2(e), b], axis=-1) |> block(16) h = concat([up2(f), a], axis=-1) |> block(8)
 output y = conv2d(h, 1, 1) }`,
  ],
  [
    "unet with crop",
    `def up2[N, H, W, C](x: f32[N, H, W, C]) -> f32[N, 2 * H, 2 * W, C] = tensor(n in N, i in 2 * H, j in 2 * W, c in C: x[n, i / 2, j / 2, c])
def crop[N, H, W, C, K, L](x: f32[N, H, W, C], small: f32[N, K, L, C]) -> f32[N, K, L, C] where H >= K, W >= L = x[:, (H - K) / 2 : (H - K) / 2 + K, (W - L) / 2 : (W - L) / 2 + L]
graph g[N, H, W] where H >= 8, W >= 8 { input x: f32[N, H, W, 3] d = x |> conv2d(3, 3) output y = crop(x, d) + d }`,
  ],
  [
    "patchify",
    `graph vit[N, H, W] where H % 16 == 0, W % 16 == 0 { input x: f32[N, H, W, 3] p = rearrange(x, "n (h a) (w b) c -> n (h w) (a b c)", a=16, b=16) q = conv2d(x, 768, 16, strides=16) |> reshape([N, H * W / 256, 768]) output y = dense(p, 768) + q }`,
  ],
  [
    "patchify reshape",
    `graph vit[N, H] where H % 16 == 0 { input x: f32[N, H, H, 3] q = conv2d(x, 768, 16, strides=16) output y = reshape(q, [N, (H / 16) ** 2, 768]) output z = reshape(q, [N, -1, 768]) }`,
  ],
  [
    "attention heads",
    `config HEADS: int = 8
layer attn[B, T, D](x: f32[B, T, D]) -> f32[B, T, D] where D % HEADS == 0 { qkv = dense(x, 3 * D) |> reshape([B, T, 3, HEADS, D / HEADS]) q, k, v = unstack(qkv, axis=2) s = einsum("b t h d, b s h d -> b h t s", q, k) / sqrt(D / HEADS) m = select(tensor(i in T, j in T: j <= i), s, -inf) w = softmax(m) o = einsum("b h t s, b s h d -> b t h d", w, v) return dense(reshape(o, [B, T, D]), D) }
graph g[B, T] { input x: f32[B, T, 64] output y = attn(x) + x }`,
  ],
  [
    "frames",
    `config WIN: int = 400
config HOP: int = 160
graph stft[T] where T >= WIN { input x: f32[T] frames = tensor(f in (T - WIN) / HOP + 1, i in WIN: x[f * HOP + i]) output y = frames output n = (T - WIN) / HOP + 1 last = frames[-1] output l = last prev = frames[:-1] }`,
  ],
  [
    "frames diff",
    `config WIN: int = 400
config HOP: int = 160
graph stft[T] where T >= WIN + HOP { input x: f32[T] frames = tensor(f in (T - WIN) / HOP + 1, i in WIN: x[f * HOP + i]) output d = frames[1:] - frames[:-1] }`,
  ],
  [
    "pixel shuffle",
    `def shuffle[N, H, W, C](x: f32[N, H, W, C], r: int) -> f32[N, H * r, W * r, C / r ** 2] where C % r ** 2 == 0 = rearrange(x, "n h w (c a b) -> n (h a) (w b) c", a=r, b=r)
graph g[N, H, W] { input x: f32[N, H, W, 36] output y = shuffle(x, 3) output z = shuffle(x, 2) }`,
  ],
  [
    "space to depth",
    `def s2d[N, H, W, C](x: f32[N, H, W, C], r: int = 2) -> f32[N, H / r, W / r, C * r * r] where H % r == 0, W % r == 0 = reshape(transpose(reshape(x, [N, H / r, r, W / r, r, C]), [0, 1, 3, 2, 4, 5]), [N, H / r, W / r, C * r * r])
graph g[N, H, W] where H % 4 == 0, W % 4 == 0 { input x: f32[N, H, W, 3] output y = x |> s2d |> s2d output z = s2d(x, 4) }`,
  ],
  [
    "windows with overlap, pad",
    `graph g[N, T] { input x: f32[N, T, 4] p = pad(x, [[0, 0], [2, 2], [0, 0]]) output y = tensor(n in N, t in T, c in 4: mean(u in 5: p[n, t + u, c])) output z = y + x }`,
  ],
  [
    "pad to multiple",
    `graph g[N, T] { input x: f32[N, T] p = pad(x, [[0, 0], [0, ceil_div(T, 8) * 8 - T]]) output y = reshape(p, [N, ceil_div(T, 8), 8]) }`,
  ],
  [
    "dilated conv",
    `def dil[T, K](x: f32[T], k: f32[K], d: int) -> f32[T - (K - 1) * d] where T > (K - 1) * d = tensor(t in T - (K - 1) * d: sum(u in K: x[t + u * d] * k[u]))
graph g[T] where T >= 10 { input x: f32[T] input k: f32[3] output y = dil(x, k, 4) }`,
  ],
  [
    "causal shift",
    `graph g[B, T] { input x: f32[B, T, 4] shifted = concat([zeros([B, 1, 4]), x[:, :-1]], axis=1) output y = x + shifted }`,
  ],
  [
    "split halves",
    `graph g[B, D] where D % 2 == 0 { input x: f32[B, D] a, b = split(x, 2, axis=1) output y = concat([-b, a], axis=1) * x output z = a + x[:, D / 2:] output w = reshape(x, [B, D / 2, 2])[:, :, 0] + b }`,
  ],
  [
    "rope even odd",
    `graph g[T, D] where D % 2 == 0 { input x: f32[T, D] output y = stack([x[:, ::2], x[:, 1::2]], axis=-1) |> reshape([T, D]) output z = x[:, ::2] + x[:, 1::2] }`,
  ],
  ["interleave no fact", `graph g[T, D] { input x: f32[T, D] output z = x[:, ::2][:, :D / 2] + x[:, 1::2] }`],
  [
    "max pool stride 3 then unpool sizes",
    `graph g[H] where H >= 3 { input x: f32[1, H, H, 1] p = max_pool2d(x, 3, 3) output y = p[:, :H / 3] output z = p + p[:, 0:(H - 3) / 3 + 1] }`,
  ],
  [
    "residual downsample",
    `layer res[N, H, W, C](x: f32[N, H, W, C], f: int) -> f32[N, ceil_div(H, 2), ceil_div(W, 2), f] { a = x |> conv2d(f, 3, strides=2, padding="same") |> conv2d(f, 3, padding="same") b = x |> conv2d(f, 1, strides=2, padding="same") return a + b }
graph g[N, H] { input x: f32[N, H, H, 3] output y = x |> res(8) |> res(16) |> res(32) }`,
  ],
  [
    "valid convs odd kernels vs pool",
    `graph g[N, H] where H >= 20 { input x: f32[N, H, H, 3] a = x |> conv2d(4, 3) |> conv2d(4, 3) b = x |> conv2d(4, 5) output y = a + b  c = x |> conv2d(4, 7, strides=2) d = x |> conv2d(4, 5) |> conv2d(4, 3, strides=2) output z = c + d }`,
  ],
  [
    "relative positions",
    `graph g[T] { input x: f32[T, 8] input r: f32[2 * T - 1, 8] output y = tensor(i in T, j in T: sum(d in 8: x[i, d] * r[i - j + T - 1, d])) }`,
  ],
  [
    "outer blocks kron",
    `graph g[N, M] { input a: f32[N, N] input b: f32[M, M] output k = tensor(i in N * M, j in N * M: a[i / M, j / M] * b[i % M, j % M]) output y = k @ ones([N * M, 1]) }`,
  ],
  [
    "tile repeat",
    `graph g[N, M] { input x: f32[N] output y = tensor(i in N * M: x[i / M]) output z = tensor(i in N * M: x[i % N]) input w: f32[M] output u = sum(w) }`,
  ],
  [
    "upper triangle flat",
    `graph g[N] { input x: f32[N, N] output y = tensor(i in N, j in N: if j >= i then x[i, j] - x[i, j - i] else 0.0) }`,
  ],
  [
    "cumulative reverse",
    `graph g[N] { input x: f32[N] output y = tensor(i in N: sum(j in N: if j >= i then x[j] else 0.0)) output z = x[::-1] + tensor(i in N: x[N - 1 - i]) }`,
  ],
  [
    "block matrix",
    `graph g[N, B] { input x: f32[N * B, N * B] output d = tensor(n in N, i in B, j in B: x[n * B + i, n * B + j]) }`,
  ],
  [
    "conv transpose size",
    `def ct[H, K](x: f32[H], k: f32[K], s: int) -> f32[(H - 1) * s + K] = tensor(o in (H - 1) * s + K: sum(u in K: (if o - u >= 0 && (o - u) % s == 0 && (o - u) / s < H then x[(o - u) / s] else 0.0) * k[u]))
graph g[H] { input x: f32[H] input k: f32[4] output y = ct(x, k, 2) }`,
  ],
  [
    "avg window with edge",
    `graph g[T] { input x: f32[T] output y = tensor(t in T: sum(u in 3: x[clamp(t + u - 1, 0, T - 1)]) / 3.0) }`,
  ],
  [
    "mirror pad",
    `graph g[T] where T >= 3 { input x: f32[T] output y = tensor(t in T + 4: x[min(abs(t - 2), 2 * (T - 1) - abs(t - 2))]) }`,
  ],
  [
    "batch groups",
    `config G: int = 4
layer gn[N, H, W, C](x: f32[N, H, W, C]) -> f32[N, H, W, C] where C % G == 0 { y = reshape(x, [N, H * W, G, C / G]) m = mean(y, axis=[1, 3], keep=true) return reshape(y - m, [N, H, W, C]) }
graph g[N, H, W] { input x: f32[N, H, W, 32] output y = gn(x) + x }`,
  ],
  [
    "concat symbolic",
    `graph g[N, M] { input a: f32[N, 3] input b: f32[M, 3] c = concat([a, b], axis=0) output d = c[:N] - a output e = c[N:] + b output f = c[-M:] - b }`,
  ],
  [
    "two uses",
    `graph g[N] where N >= 2 { input x: f32[N] output y = x[1:] * x[:-1] output z = x[1:N] + x[0:N - 1] output w = x[2:] - 2.0 * x[1:-1] + x[:-2] }`,
  ],
];

export const WRONG: readonly (readonly [code: string, source: string])[] = [
  [
    "TFG0301",
    `def up2[N, H, W, C](x: f32[N, H, W, C]) -> f32[N, 2 * H, 2 * W, C] = tensor(n in N, i in 2 * H, j in 2 * W, c in C: x[n, i / 2, j / 2, c])
graph unet[N, H] where H % 4 == 0 { input x: f32[N, H, H, 3] b = x |> max_pool2d |> max_pool2d |> max_pool2d output y = concat([up2(up2(up2(b))), x], axis=-1) }`,
  ],
  [
    "TFG0310",
    `config HEADS: int = 7
def heads[T, D](x: f32[T, D]) -> f32[T, HEADS, D / HEADS] where D % HEADS == 0 = reshape(x, [T, HEADS, D / HEADS])
graph g[T] { input x: f32[T, 64] output y = heads(x) }`,
  ],
  [
    "TFG0310",
    `def shuffle[N, H, W, C](x: f32[N, H, W, C], r: int) -> f32[N, H * r, W * r, C / r ** 2] where C % r ** 2 == 0 = rearrange(x, "n h w (c a b) -> n (h a) (w b) c", a=r, b=r)
graph g[N, H, W] { input x: f32[N, H, W, 36] output y = shuffle(x, 4) }`,
  ],
  [
    "TFG0311",
    `def s2d[N, H, C](x: f32[N, H, C], r: int = 2) -> f32[N, H / r, C * r] where H % r == 0 = reshape(x, [N, H / r, C * r])
graph g[N, H] where H % 2 == 0 { input x: f32[N, H, 3] output y = s2d(x, 4) }`,
  ],
  [
    "TFG0302",
    `graph g[N, M] { input a: f32[N, 3] input b: f32[M, 3] c = concat([a, b], axis=0) output d = c[:M] - a output e = sum(b) }`,
  ],
  [
    "TFG0315",
    `graph g[T] where T >= 3 { input x: f32[T] output y = tensor(t in T + 4: x[min(abs(t - 2), 2 * T - abs(t - 2))]) }`,
  ],
  [
    "TFG0315",
    `graph g[T] { input x: f32[T, 8] input r: f32[2 * T - 1, 8] output y = tensor(i in T, j in T: sum(d in 8: x[i, d] * r[i - j + T, d])) }`,
  ],
  [
    "TFG0315",
    `graph g[N, M] { input a: f32[N, N] input b: f32[M, M] output k = tensor(i in N * M, j in N * M: a[i % M, j / M] * b[i % M, j % M]) }`,
  ],
  [
    "TFG0315",
    `graph g[H] where H >= 5 { input x: f32[H] output b = tensor(i in (H - 5) / 2 + 2: sum(u in 5: x[2 * i + u])) }`,
  ],
  ["TFG0315", `graph g[N] { input x: f32[N] output y = tensor(i in N: if i >= 0 then x[i - 1] else 0.0) }`],
  [
    "TFG0315",
    `graph g[N, V] { input t: f32[V] input ids: i32[N] output y = tensor(i in N: if ids[i] < V then t[ids[i]] else 0.0) }`,
  ],
  ["TFG0315", `graph g[N] { input t: f32[255] input ids: u8[N] output y = tensor(i in N: t[ids[i] as i32]) }`],
  [
    "TFG0315",
    `graph g[N, B] { input x: f32[N * B, N * B] output d = tensor(n in N, i in B, j in N: x[n * B + i, n * B + j]) }`,
  ],
  [
    "TFG0311",
    `graph g[N, H] { input x: f32[N, H, H, 3] a = x |> conv2d(4, 3, strides=2, padding="same") b = x |> max_pool2d output y = conv2d(b, 4, 1) + a }`,
  ],
  [
    "TFG0305",
    `graph g[N, H] where H % 8 == 0 { input x: f32[N, H, H, 3] q = conv2d(x, 12, 8, strides=8) output y = reshape(q, [N, H * H / 32, 12]) }`,
  ],
  ["TFG0311", `graph g[T, D] { input x: f32[T, D] output z = x[:, ::2] + x[:, 1::2] }`],
  [
    "TFG0311",
    `def f[N](x: f32[N]) -> f32[N] where N % 3 == 0 = x
graph g[N] where N % 2 == 0 { input x: f32[N] output y = f(x) }`,
  ],
];
