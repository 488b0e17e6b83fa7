// Reads {tables: {name: schema}, queries: {name: text}} on standard input, has Microsoft's own analyser look at the
// queries, and writes {name: [what it says]}.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { runInThisContext } from "node:vm";

// Made for browsers: two scripts that fill the global scope.
const folder = dirname(createRequire(import.meta.url).resolve("@kusto/language-service-next/package.json"));
for (const script of ["bridge.min.js", "Kusto.Language.Bridge.min.js"]) {
  runInThisContext(readFileSync(join(folder, script), "utf8"), { filename: script });
}
const { GlobalState, KustoCode, Symbols } = globalThis.Kusto.Language;

const { tables, queries } = JSON.parse(readFileSync(0, "utf8"));
const symbols = Object.entries(tables).map(([name, schema]) => Symbols.TableSymbol.From(schema).WithName(name));
const globals = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.$ctor1("workspace", symbols));

const said = {};
for (const [name, text] of Object.entries(queries)) {
  const diagnostics = KustoCode.ParseAndAnalyze(text, globals).GetDiagnostics();
  said[name] = Array.from({ length: diagnostics.Count }, (_, i) => diagnostics.getItem(i).Message);
}
process.stdout.write(JSON.stringify(said));
