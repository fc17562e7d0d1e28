// The planted violation: `ir` comes before `tile`.
import { lanes } from "../tile/template.ts";

export const width = lanes * 8;
