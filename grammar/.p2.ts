import { defaultParserErrorProvider } from "chevrotain";
import { Grammar } from "./parser.ts";
import { readWords } from "./tokens.ts";
const g = new Grammar(defaultParserErrorProvider, true);
const text = "graph g {\n input x: f32\n}";
const w = readWords({path:"",text,lineStarts:[]});
console.log(w.tokens.map(t=>t.tokenType.name+" "+t.tokenType.tokenTypeIdx));
g.begin(text, w.tokens); g.file();
console.log(g.errors[0]?.message, g.errors[0]?.token.image);
