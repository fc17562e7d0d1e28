(memory) => {
  const F = new Float32Array(memory);
  const I = new Int32Array(memory);

  // samples/session/session.tfg:22
  function k_matmul_add(in0, in1, in2, out3, N) {
    const size = N;
    const x_1 = F[in1];
    const x_3 = F[in1 + 1];
    const x_5 = F[in1 + 2];
    const x_6 = F[in2];
    for (let i0 = 0; i0 < size; i0++) {
      let sum = 0;
      const p0 = in0 + i0 * 3;
      sum += F[p0] * x_1;
      sum += F[p0 + 1] * x_3;
      sum += F[p0 + 2] * x_5;
      F[out3 + i0] = sum + x_6;
    }
  }

  // std/losses.tfg
  function k_mse(in0, in1, out2, N) {
    const size = N;
    for (let i0 = 0; i0 < size; i0++) {
      const sub = F[in0 + i0] - F[in1 + i0];
      F[out2 + i0] = sub * sub;
    }
  }

  // std/losses.tfg
  function k_mse_1(in0, out1, N) {
    const size = N;
    let sum = 0;
    for (let r0 = 0; r0 < size; r0++) {
      sum = sum + F[in0 + r0];
    }
    F[out1] = sum / Math.fround(size);
  }
  return {
    run(block) {
      const at = block >> 2;
      if (I[at]) k_matmul_add(I[at + 1] >> 2, I[at + 2] >> 2, I[at + 3] >> 2, I[at + 4] >> 2, I[at + 5]);
      if (I[at + 6]) k_mse(I[at + 7] >> 2, I[at + 8] >> 2, I[at + 9] >> 2, I[at + 10]);
      if (I[at + 11]) k_mse_1(I[at + 12] >> 2, I[at + 13] >> 2, I[at + 14]);
    },
    derive() {},
  };
}