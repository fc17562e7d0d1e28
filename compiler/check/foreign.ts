/**
 * Names of TensorFlow, NumPy, PyTorch and Python, and what they are here. People who come from there write them, and
 * no distance between letters leads from `reduce_mean` to `mean`.
 */

export interface Foreign {
  /** A function or name of the language that means the same and is called alike. */
  readonly name?: string;
  /** Otherwise, how the same is written. */
  readonly written?: string;
  /** It declares something: its arguments are the declaration's, and no news. */
  readonly isDeclaration?: boolean;
}

const called = (name: string): Foreign => ({ name });
const written = (text: string): Foreign => ({ written: text });
const declared = (text: string): Foreign => ({ written: text, isDeclaration: true });

const variable = declared(
  "a variable is declared: `param w: f32[784, 10] = glorot_uniform`, or `state` if it is not trained",
);
const input = declared("what a run is fed is declared: `input x: f32[N, 784]`");
const product = written("the matrix product is written `a @ b`");
const operator = (sign: string): Foreign => written(`it is written \`a ${sign} b\``);
const host = written("sessions belong to the program that runs the graph: `createSession`, `session.run`");

const NAMES: ReadonlyMap<string, Foreign> = new Map<string, Foreign>([
  ...Object.entries({
    True: "true",
    False: "false",
    reduce_mean: "mean",
    reduce_sum: "sum",
    reduce_max: "max",
    reduce_min: "min",
    reduce_prod: "prod",
    reduce_any: "any",
    reduce_all: "all",
    reduce_logsumexp: "logsumexp",
    amax: "max",
    amin: "min",
    maximum: "max",
    minimum: "min",
    arg_max: "argmax",
    arg_min: "argmin",
    log_softmax_v2: "log_softmax",
    softmax_cross_entropy_with_logits: "softmax_cross_entropy",
    softmax_cross_entropy_with_logits_v2: "softmax_cross_entropy",
    sparse_softmax_cross_entropy_with_logits: "sparse_softmax_cross_entropy",
    sigmoid_cross_entropy_with_logits: "sigmoid_cross_entropy",
    binary_cross_entropy_with_logits: "sigmoid_cross_entropy",
    mean_squared_error: "mse",
    mse_loss: "mse",
    huber_loss: "huber",
    Linear: "dense",
    linear: "dense",
    fully_connected: "dense",
    BatchNormalization: "batch_norm",
    batch_normalization: "batch_norm",
    LayerNormalization: "layer_norm",
    layer_normalization: "layer_norm",
    max_pooling2d: "max_pool2d",
    MaxPooling2D: "max_pool2d",
    average_pooling2d: "avg_pool2d",
    AveragePooling2D: "avg_pool2d",
    GlobalAveragePooling2D: "global_avg_pool",
    GlobalMaxPooling2D: "global_max_pool",
    SeparableConv2D: "separable_conv2d",
    DepthwiseConv2D: "depthwise_conv2d",
    Conv2DTranspose: "conv2d_transpose",
    conv_transpose2d: "conv2d_transpose",
    embedding_lookup: "gather",
    clip_by_value: "clamp",
    clip: "clamp",
    concatenate: "concat",
    cat: "concat",
    permute: "transpose",
    T: "transpose",
    flip: "reverse",
    arange: "iota",
    broadcast_to: "broadcast",
    tensor_scatter_nd_add: "scatter_add",
    xavier_uniform: "glorot_uniform",
    xavier_normal: "glorot_normal",
    truncated_normal_initializer: "truncated_normal",
    random_normal_initializer: "random_normal",
    zeros_initializer: "zeros",
    ones_initializer: "ones",
    constant_initializer: "constant",
    randn: "random_normal",
    rand: "random_uniform",
    identity_fn: "identity",
    gradients: "grad",
    detach: "stop_gradient",
    AdamOptimizer: "adam",
    AdamWOptimizer: "adamw",
    GradientDescentOptimizer: "sgd",
    MomentumOptimizer: "momentum",
  }).map(([foreign, name]): [string, Foreign] => [foreign, called(name)]),
  ...["placeholder", "placeholder_with_default", "Input", "InputLayer"].map((name): [string, Foreign] => [name, input]),
  ...["Variable", "get_variable", "Parameter"].map((name): [string, Foreign] => [name, variable]),
  ...["matmul", "mm", "bmm", "dot", "tensordot", "batch_matmul"].map((name): [string, Foreign] => [name, product]),
  ...Object.entries({
    add: "+",
    add_n: "+",
    subtract: "-",
    multiply: "*",
    divide: "/",
    true_divide: "/",
    floordiv: "/",
    floor_divide: "/",
    mod: "%",
    pow: "**",
    power: "**",
    equal: "==",
    not_equal: "!=",
    greater: ">",
    greater_equal: ">=",
    less: "<",
    less_equal: "<=",
    logical_and: "&&",
    logical_or: "||",
  }).map(([foreign, sign]): [string, Foreign] => [foreign, operator(sign)]),
  ...["Session", "InteractiveSession", "global_variables_initializer", "run"].map((name): [string, Foreign] => [
    name,
    host,
  ]),
  ...["cast", "to_float", "to_int32", "astype", "float", "int", "float32", "int32"].map((name): [string, Foreign] => [
    name,
    written("conversions are written `x as f32`, `x as i32`"),
  ]),
  ["None", written("there is no `None`: leave the argument out, and declare unknown sizes as `graph g[N]`")],
  ["null", written("there is no `null`: leave the argument out")],
  ["self", written("layers have no `self`: a `param` in a `layer` is read by its name")],
  ["expand_dims", written("a dimension of 1 is put in by an index: `x[:, new]`")],
  ["unsqueeze", written("a dimension of 1 is put in by an index: `x[:, new]`")],
  ["squeeze", written("a dimension is dropped by an index: `x[:, 0]`")],
  ["tile", written("`broadcast(x[:, new], [N, 3])` repeats a tensor along a new dimension")],
  ["zeros_like", written("write `zeros(shape(x))`")],
  ["ones_like", written("write `ones(shape(x))`")],
  ["logical_not", written("it is written `!a`")],
  ["cond", written("it is written `if c then a else b`")],
  ["size", written("sizes have names, as `N` in `f32[N, 784]`; `shape(x)` is the list of them")],
  ["numel", written("sizes have names, as `N` in `f32[N, 784]`; `prod(shape(x))` is the number of elements")],
  ["range", written("the ints from a up to b are `a..b`, a tensor of them is `iota(n)`")],
  ["print", written("nothing is printed inside a graph: make the node an `output` and fetch it")],
  ["Print", written("nothing is printed inside a graph: make the node an `output` and fetch it")],
  ["same", written('strings have quotes: `"same"`')],
  ["valid", written('strings have quotes: `"valid"`')],
  ["SAME", written('strings have quotes: `"same"`')],
  ["VALID", written('strings have quotes: `"valid"`')],
]);

/** What a name of another framework is here. */
export const foreignName = (name: string): Foreign | undefined => NAMES.get(name);

/** Every name of the language that a foreign one is replaced by. */
export const foreignTargets = (): string[] => [...NAMES.values()].flatMap(({ name }) => name ?? []);

const MODULES: ReadonlySet<string> = new Set(
  [
    "tf",
    "np",
    "jnp",
    "jax",
    "torch",
    "nn",
    "F",
    "K",
    "keras",
    "layers",
    "numpy",
    "math",
    "slim",
    "tensorflow",
  ].values(),
);

/** `tf` in `tf.nn.relu`. */
export const isForeignModule = (name: string): boolean => MODULES.has(name);

const ARGUMENTS: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>(
  Object.entries({
    dim: ["axis"],
    axes: ["axis"],
    dims: ["axis", "shape"],
    keepdim: ["keep"],
    keepdims: ["keep"],
    keep_dims: ["keep"],
    activation: ["act"],
    activation_fn: ["act"],
    nonlinearity: ["act"],
    kernel: ["kernel_size"],
    ksize: ["size", "kernel_size"],
    pool_size: ["size"],
    window: ["size", "kernel_size"],
    out_channels: ["filters"],
    num_outputs: ["units", "filters"],
    out_features: ["units"],
    bias: ["use_bias"],
    kernel_initializer: ["kernel_init"],
    bias_initializer: ["bias_init"],
    learning_rate: ["lr"],
    eps: ["epsilon"],
    depth: ["k", "size"],
    num_heads: ["heads"],
    n_heads: ["heads"],
    minval: ["min"],
    maxval: ["max"],
    std: ["stddev"],
    clip_value_min: ["lo"],
    clip_value_max: ["hi"],
    low: ["lo", "min"],
    high: ["hi", "max"],
    min: ["lo"],
    max: ["hi"],
    perm: ["axes", "perm"],
  }),
);

const ADVICE: ReadonlyMap<string, string> = new Map([
  ["keep_prob", "`rate` is the part that is dropped: 1 - keep_prob"],
  ["training", "layers know whether the run trains; it does if a `train` step is fetched"],
  ["is_training", "layers know whether the run trains; it does if a `train` step is fetched"],
  ["input_shape", "shapes follow from the input"],
  ["in_channels", "the number of channels follows from the input"],
  ["in_features", "the number of features follows from the input"],
  ["dtype", "the dtype follows from the arguments; `as` converts a result"],
  ["data_format", "images are [batch, height, width, channels]"],
  ["trainable", "a `param` is trained, a `state` is not"],
]);

/** What to do about an argument of another framework that has none beside it here. */
export const foreignAdvice = (name: string): string | undefined => ADVICE.get(name);

/** The one of `candidates` that an argument of another framework is here. */
export const foreignArgument = (name: string, candidates: readonly string[]): string | undefined =>
  ARGUMENTS.get(name)?.find((candidate) => candidates.includes(candidate));
