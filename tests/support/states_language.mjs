// Validates state machines: {name: definition} on standard input, {name: [fault, …]} on standard output.
// usage: node states_language.mjs FOLDER_WITH_NODE_MODULES
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(`${process.argv[2]}/`);
const validate = require("asl-validator");
const jsonata = require("jsonata");

const isExpression = (value) => typeof value === "string" && value.startsWith("{%");

function* strings(value, place = "") {
  if (typeof value === "string") yield [place, value];
  if (value === null || typeof value !== "object") return;
  for (const [name, one] of Object.entries(value)) yield* strings(one, `${place}/${name}`);
}

// The schema of asl-validator 4 takes an empty text both for an expression and for a literal.
function withoutEmptyTexts(value) {
  return JSON.parse(JSON.stringify(value), (_, one) => (one === "" ? "empty" : one));
}

function* faults(definition) {
  for (const error of validate(withoutEmptyTexts(definition)).errors) {
    yield `${error["Error code"]}: ${error.Message}`;
  }
  for (const [place, text] of strings(definition)) {
    if (!isExpression(text)) continue;
    if (!text.endsWith("%}")) yield `${place}: the expression has no end`;
    try {
      jsonata(text.slice(2, -2));
    } catch (error) {
      yield `${place}: ${error.message}`;
    }
  }
}

const machines = JSON.parse(readFileSync(0, "utf8"));
const found = Object.entries(machines).map(([name, one]) => [name, [...faults(one)]]);
process.stdout.write(JSON.stringify(Object.fromEntries(found)));
