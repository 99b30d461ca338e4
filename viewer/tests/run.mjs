// Runs tests: `node tests/run.mjs FOLDER [WORD]` bundles each `FOLDER/*.test.ts` whose name
// contains the word into `build/tests/FOLDER` and hands the files to node's test runner.
import { spawnSync } from 'node:child_process';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const [name, word = ''] = process.argv.slice(2);
const viewer = fileURLToPath(new URL('..', import.meta.url));
const folder = join(viewer, 'tests', name);
const outdir = join(viewer, 'build', 'tests', name);
const isMeant = (file) => file.endsWith('.test.ts') && file.includes(word);
const tests = (await readdir(folder)).filter(isMeant).sort();
if (tests.length === 0) throw new Error(`${folder}: no tests`);
await rm(outdir, { recursive: true, force: true });
await build({
  entryPoints: tests.map((file) => join(folder, file)),
  bundle: true,
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  outdir,
  packages: 'external',
  platform: 'node',
  sourcemap: 'inline',
  target: 'node20',
});
const built = tests.map((file) => join(outdir, file.replace(/\.ts$/, '.mjs')));
// Two files at a time, since a browser and its test wait for each other.
const options = ['--enable-source-maps', '--test', '--test-concurrency=2'];
const run = spawnSync(process.execPath, [...options, ...built], {
  cwd: viewer,
  stdio: 'inherit',
});
process.exitCode = run.status ?? 1;
