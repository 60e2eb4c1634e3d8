// Answers questions from standard input, one a line, by the search of a built site: the addresses found, one line each.
"use strict";
const fs = require("fs");
const vm = require("vm");

const context = vm.createContext({ window: {}, module: { exports: {} } });
for (const file of ["language_data.js", "sections.js", "site_search.js"]) {
  vm.runInContext(fs.readFileSync(`${process.argv[2]}/_static/${file}`, "utf8"), context, { filename: file });
}
vm.runInContext("const index = buildIndex(SECTIONS);", context);
for (const question of fs.readFileSync(0, "utf8").split("\n")) {
  context.question = question;
  const found = vm.runInContext("search(index, question).map((result) => result.address)", context);
  process.stdout.write(found.join("\t") + "\n");
}
