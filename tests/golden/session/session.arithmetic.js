() => {
  return {
    run() {},
    derive() {},
  };
}