// Runs the unit tests: bundles each `unit/*.test.ts` and hands the files to node's test runner.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const folder = fileURLToPath(new URL('unit/', import.meta.url));
const tests = (await readdir(folder)).filter((name) => name.endsWith('.test.ts')).sort();
if (tests.length === 0) throw new Error(`${folder}: no tests`);
const outdir = await mkdtemp(join(tmpdir(), 'orionrt-unit-'));
try {
  await build({
    entryPoints: tests.map((name) => join(folder, name)),
    bundle: true,
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    outdir,
    platform: 'node',
    sourcemap: 'inline',
    target: 'node20',
  });
  const built = tests.map((name) => join(outdir, name.replace(/\.ts$/, '.mjs')));
  const run = spawnSync(process.execPath, ['--enable-source-maps', '--test', ...built], {
    stdio: 'inherit',
  });
  process.exitCode = run.status ?? 1;
} finally {
  await rm(outdir, { recursive: true });
}
