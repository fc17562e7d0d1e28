(memory) => {
  const F = new Float32Array(memory);
  const I = new Int32Array(memory);


  return {
    run(block) {
    },
    derive(block) {
    },
  };
}