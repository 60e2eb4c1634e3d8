// Search by section. A question need not match in all its words: each word adds to the score of the sections that
// have it, by how rare it is (BM25); words that no section has are corrected if a near one exists, or ignored.
"use strict";

const SMALL_WORDS = new Set((
  "a about after all also am an and any are as at be because been before being but by can could d did do does " +
  "doing done each else for from get gets getting give given go got had has have having he help her here him his how i if in " +
  "into is it its just know like ll m make makes many may me might more most much must my need no not of off on once " +
  "one only or other our out over own please really s same she should shows so some something still such t tell than that the " +
  "their them then there these they thing this those to too try use used using very want was way we were what when " +
  "where which while who why will with within without work would yes yet you your").split(" "));

// What people call it, and what it is called here.
const SYNONYMS = {
  churn: "dropout lapsed alive", churned: "dropout lapsed alive", inactive: "alive dropout lapsed", dead: "alive dropout",
  ltv: "clv lifetime value", cltv: "clv lifetime value", clv: "lifetime value", profit: "margin value",
  refund: "returns", refunds: "returns", return: "returns", cancellation: "returns", cancellations: "returns",
  negative: "returns", subscription: "contract retention", subscriptions: "contract retention", subscribers: "contract",
  monthly: "time unit", weekly: "time unit", daily: "time unit", month: "time unit", period: "time unit horizon",
  seasonality: "season", christmas: "season", autumn: "season", holiday: "season", black: "season",
  confidence: "interval", uncertainty: "interval", credible: "interval", error: "interval", bayesian: "prior interval",
  converge: "identified boundary fit", convergence: "identified boundary fit", nan: "identified boundary", penalizer: "prior",
  regularization: "prior", regularisation: "prior", regularize: "prior", mcmc: "prior interval", pymc: "coming from",
  excel: "file spreadsheet", csv: "file read", sql: "database", big: "memory cluster", large: "memory cluster",
  gdpr: "personal data", privacy: "personal data", deploy: "serve registry", production: "serve registry champion",
  api: "serve http", endpoint: "serve http", covariate: "covariates", feature: "covariates", features: "covariates",
  train: "calibration holdout", test: "holdout", validation: "holdout", validate: "holdout", split: "holdout",
  accuracy: "holdout comparison metrics", evaluate: "holdout comparison", metric: "metrics", roi: "economics lift",
  cac: "acquisition cost", discount: "discount rate", wacc: "discount rate", monetary: "spend gamma", aov: "average order value",
  cohort: "cohorts", rfm: "rfm segments", clusters: "segments k-means", cluster: "segments k-means", quantity: "price amount",
  remove: "drop", exclude: "drop", excluded: "drop", delete: "personal data", estimation: "fit", training: "fit", available: "history",
  once: "one-time buyers", zero: "one-time frequency", one: "one-time", onetime: "one-time buyers frequency",
  new: "new customers", prospects: "new customers", install: "installation start", tutorial: "start five minutes",
  user: "customers", users: "customers", client: "customers", clients: "customers", order: "purchase", orders: "purchases",
  plot: "figure", plots: "figures", chart: "figure", graph: "figure", plotting: "figures", visualize: "figures",
  artificial: "simulate", synthetic: "simulate", generate: "simulate", generating: "simulate", survival: "contract retention",
  region: "groups", regions: "groups", country: "groups", countries: "groups", hierarchical: "groups pooling",
  lapsing: "lapsed dropout alive", active: "alive", missing: "missing excluded", misses: "missing excluded", lost: "lapsed missing",
  spark: "cluster", pyspark: "spark cluster", parallel: "cluster", poor: "fit", poorly: "fit", underestimates: "too low bias",
  overestimates: "too high bias", disparity: "bias", interpret: "read meaning", explain: "read meaning",
};

const RESULTS = 30;
const PER_PAGE = 3;  // of the reference, whose methods resemble each other
const K1 = 1.2;
const B = 0.6;
const IN_TITLE = 5;
const IN_PAGE_TITLE = 2;
const IN_CODE = 0.5;
const SMALL = 0.2;  // how much a small word counts
const SIMILAR = 0.65;  // how much another word for it counts

const stemmer = new window.Stemmer();  // in Sphinx's language_data.js
const stems = new Map();

function stem(word) {
  if (!stems.has(word)) stems.set(word, stemmer.stemWord(word));
  return stems.get(word);
}

// BG/NBD, Gamma-Gamma and predict_interval are words as a whole, and so are their parts.
function words(text) {
  const found = [];
  for (const token of text.toLowerCase().match(/[\p{L}\p{N}]+(?:[_/'’-][\p{L}\p{N}]+)*/gu) || []) {
    const parts = token.split(/[_/'’-]/);
    found.push(...parts.map(stem));
    if (parts.length > 1) found.push(stem(parts.join("")));
  }
  return found;
}

function counts(entry) {
  const found = new Map();
  const add = (text, times) => words(text).forEach((w) => found.set(w, (found.get(w) || 0) + times));
  add(entry[0], IN_TITLE);
  add(entry[1], IN_PAGE_TITLE);
  add(entry[3], 1);
  add(entry[5], IN_CODE);
  return found;
}

function buildIndex(entries) {
  const postings = new Map();
  const lengths = entries.map((entry, number) => {
    let length = 0;
    for (const [word, times] of counts(entry)) {
      if (!postings.has(word)) postings.set(word, []);
      postings.get(word).push([number, times]);
      length += times;
    }
    return length;
  });
  const mean = lengths.reduce((a, b) => a + b, 0) / Math.max(lengths.length, 1);
  return { entries, postings, lengths, mean };
}

function isNear(a, b) {
  if (Math.abs(a.length - b.length) > 1) return false;
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  const [x, y] = [a.slice(i), b.slice(i)];
  const swapped = x[0] === y[1] && x[1] === y[0] && x.slice(2) === y.slice(2);
  return x.slice(1) === y.slice(1) || x.slice(1) === y || x === y.slice(1) || swapped;
}

// The words of the index that a word of the question stands for: itself, longer ones, or one letter beside it.
function known(index, word) {
  if (index.postings.has(word)) return [word];
  if (word.length < 4) return [];
  const all = [...index.postings.keys()];
  const longer = all.filter((other) => other.startsWith(word));
  return (longer.length ? longer : all.filter((other) => isNear(word, other))).slice(0, 8);
}

// The words to look for, each with how much it counts.
function terms(index, question) {
  const found = new Map();
  const add = (word, weight) =>
    known(index, word).forEach((w) => found.set(w, Math.max(found.get(w) || 0, weight)));
  const asked = question.toLowerCase().match(/[\p{L}\p{N}_/'’-]+/gu) || [];
  for (const token of asked) {
    words(token).forEach((word) => add(word, SMALL_WORDS.has(token) || SMALL_WORDS.has(word) ? SMALL : 1));
  }
  for (const token of asked) words(SYNONYMS[token.replace(/['’].*/, "")] || "").forEach((word) => add(word, SIMILAR));
  return found;
}

function scores(index, wanted) {
  const total = new Map();
  for (const [word, weight] of wanted) {
    const list = index.postings.get(word);
    const rarity = Math.log(1 + (index.entries.length - list.length + 0.5) / (list.length + 0.5));
    for (const [number, times] of list) {
      const norm = K1 * (1 - B + (B * index.lengths[number]) / index.mean);
      const gain = (weight * rarity * times * (K1 + 1)) / (times + norm);
      total.set(number, (total.get(number) || 0) + gain);
    }
  }
  return total;
}

function search(index, question) {
  const wanted = terms(index, question);
  const exact = question.trim().toLowerCase();
  const found = [...scores(index, wanted)].map(([number, score]) => {
    const [title, , , text, weight] = index.entries[number];
    const named = title.toLowerCase() === exact || title.toLowerCase().endsWith("." + exact);
    return { number, score: score * weight + (named ? 100 * weight + text.length / 100 : 0) };
  });
  found.sort((a, b) => b.score - a.score || a.number - b.number);
  const perPage = new Map();
  return found.filter(({ number }) => {
    const page = index.entries[number][2].split("#")[0];
    perPage.set(page, (perPage.get(page) || 0) + 1);
    return perPage.get(page) <= PER_PAGE || !page.startsWith("reference/");
  }).slice(0, RESULTS).map(({ number, score }) => {
    const [title, page, address, text] = index.entries[number];
    const telling = [...wanted].filter(([, weight]) => weight > SMALL).map(([word]) => word);
    return { title, page, address, text, score, wanted: telling };
  });
}

// The part of the text around the most of the words that were found.
function excerpt(text, wanted) {
  const set = new Set(wanted);
  const tokens = text.split(" ");
  const hits = tokens.map((token) => (words(token).some((word) => set.has(word)) ? 1 : 0));
  const width = 32;
  let best = 0, bestSum = -1;
  for (let start = 0; start < Math.max(1, tokens.length - width + 1); start += 4) {
    const sum = hits.slice(start, start + width).reduce((a, b) => a + b, 0);
    if (sum > bestSum) [best, bestSum] = [start, sum];
  }
  const shown = tokens.slice(best, best + width).map((token, i) => ({ token, hit: hits[best + i] === 1 }));
  return { shown, before: best > 0, after: best + width < tokens.length };
}

function element(name, attributes, ...children) {
  const node = Object.assign(document.createElement(name), attributes);
  node.append(...children);
  return node;
}

function resultElement(result, root) {
  const { shown, before, after } = excerpt(result.text, result.wanted);
  const summary = element("p", { className: "search-excerpt" });
  if (before) summary.append("… ");
  shown.forEach(({ token, hit }) => summary.append(hit ? element("mark", {}, token) : token, " "));
  if (after) summary.append("…");
  const place = result.page === result.title ? [] : [element("span", { className: "search-page" }, result.page)];
  return element("li", {}, element("a", { href: root + result.address }, result.title), ...place, summary);
}

function show(index) {
  const target = document.getElementById("search-results");
  const question = (new URLSearchParams(window.location.search).get("q") || "").trim();
  document.querySelectorAll("form.bd-search input").forEach((input) => { input.value = question; });
  if (!target || !question) return;
  const results = search(index, question);
  const message = results.length ? `${results.length} sections, the best first.`
    : "Nothing was found. Try other words, the reference or the list of questions in the FAQ.";
  const list = element("ol", { className: "search-list" });
  results.forEach((result) => list.append(resultElement(result, document.documentElement.dataset.content_root || "")));
  target.append(element("p", { role: "status" }, message), list);
}

if (typeof document !== "undefined") show(buildIndex(SECTIONS));
if (typeof module !== "undefined") module.exports = { buildIndex, search };
