// Prints the report of a WebAssembly module: node run.mjs MODULE
import { readFile } from "node:fs/promises";

const { instance } = await WebAssembly.instantiate(await readFile(process.argv[2]));
const { memory, report_start, report_length } = instance.exports;
// Addresses above 2 GiB are negative numbers to JavaScript.
const [start, length] = [report_start() >>> 0, report_length()];
process.stdout.write(new TextDecoder().decode(new Uint8Array(memory.buffer, start, length)));
