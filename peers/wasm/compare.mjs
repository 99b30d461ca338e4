// Compares global allocators in WebAssembly: bytes of code, time of an operation, pages of memory.
//
//     node peers/wasm/compare.mjs
//
// It builds a module with each allocator and optimization level, and writes a table in Markdown.
// Every load runs in an instance of its own, whose pages are counted afterwards: memory never
// shrinks. Times are the best of several rounds, in which the allocators take turns.

import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const TARGET = "wasm32-unknown-unknown";
const ALLOCATORS = [
  { name: "none", features: ["none"] },
  { name: "dlmalloc", features: [] },
  { name: "talc", features: ["talc"] },
  { name: "WasmAlloc", features: ["orion"] },
];
const LEVELS = ["s", "3"];
const ROUNDS = 15;
const PAGE = 64 << 10;

/** Builds both modules with an allocator; returns their bytes. */
async function build({ name, features }, level) {
  const folder = `${HERE}target/${level}-${name}`;
  const args = ["build", "-q", "--release", "--examples", "--target", TARGET];
  args.push("--manifest-path", `${HERE}Cargo.toml`, "--target-dir", folder);
  args.push("--features", features.join(","));
  const env = { ...process.env, CARGO_PROFILE_RELEASE_OPT_LEVEL: level };
  execFileSync("cargo", args, { env, stdio: ["ignore", "inherit", "inherit"] });
  const module = (name) => readFile(`${folder}/${TARGET}/release/examples/${name}.wasm`);
  return { calls: await module("calls"), loads: await module("loads") };
}

/** The exports of a fresh instance. */
const started = async (module) => (await WebAssembly.instantiate(module)).exports;

/** The names of the loads. */
async function names(module) {
  const { memory, count, name_start, name_length } = await started(module);
  const text = (load) => new Uint8Array(memory.buffer, name_start(load), name_length(load));
  return Array.from({ length: count() }, (_, load) => new TextDecoder().decode(text(load)));
}

/** The pages that a load adds, and a function that runs it once more: nanoseconds an operation. */
async function measured(module, load) {
  const { memory, run } = await started(module);
  const before = memory.buffer.byteLength;
  run(load);
  const pages = (memory.buffer.byteLength - before) / PAGE;
  const time = () => {
    const start = process.hrtime.bigint();
    const operations = run(load);
    return Number(process.hrtime.bigint() - start) / operations;
  };
  return { pages, time };
}

function row(cells) {
  console.log(`| ${cells.join(" | ")} |`);
}

function head(cells) {
  row(cells);
  row(cells.map((_, at) => (at === 0 ? "---" : "---:")));
}

const peers = ALLOCATORS.slice(1);
console.log(`node ${process.version}, ${process.arch}\n`);
const modules = {};
for (const level of LEVELS) {
  modules[level] = {};
  for (const allocator of ALLOCATORS) {
    modules[level][allocator.name] = await build(allocator, level);
  }
}

head(["bytes of code, opt-level", ...peers.map(({ name }) => name)]);
for (const level of LEVELS) {
  const none = modules[level].none.calls.length;
  row([level, ...peers.map(({ name }) => modules[level][name].calls.length - none)]);
}

const pages = [];
for (const level of LEVELS) {
  const compiled = {};
  for (const { name } of peers) {
    compiled[name] = await WebAssembly.compile(modules[level][name].loads);
  }
  console.log();
  head([`nanoseconds an operation, opt-level ${level}`, ...peers.map(({ name }) => name)]);
  for (const [load, title] of (await names(compiled.dlmalloc)).entries()) {
    const runs = await Promise.all(peers.map(({ name }) => measured(compiled[name], load)));
    const best = runs.map(() => Infinity);
    for (let round = 0; round < ROUNDS; round += 1) {
      runs.forEach(({ time }, at) => {
        best[at] = Math.min(best[at], time());
      });
    }
    row([title, ...best.map((time) => time.toFixed(1))]);
    pages[load] = [title, ...runs.map((run) => run.pages)];
  }
}

console.log();
head(["pages of 64 KiB at the peak", ...peers.map(({ name }) => name)]);
pages.forEach(row);
