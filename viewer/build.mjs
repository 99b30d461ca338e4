// Builds the page's template: bundles `src/main.ts` and `src/page.css`, puts both into
// `src/page.html` and writes `../cli/assets/viewer.html` (or the file named as the argument).
//
// The same sources give the same bytes. The page's Content-Security-Policy allows exactly this
// script and this style, by their hashes; the data that a command puts in is not a script.
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const DATA = '<!--ORIONRT-DATA-->';

/** Bundles one file into text that can stand inside a `script` or a `style`. */
async function bundle(path) {
  const result = await build({
    entryPoints: [here(path)],
    bundle: true,
    charset: 'utf8',
    format: 'iife',
    legalComments: 'none',
    minify: true,
    target: ['es2022', 'chrome105', 'firefox113', 'safari16.4'],
    write: false,
  });
  const text = result.outputFiles[0].text.trimEnd();
  if (/<\/(script|style)|<!--/i.test(text)) {
    throw new Error(`${path}: its text would end the element that it stands in`);
  }
  return text;
}

/** What a Content-Security-Policy calls this inline text. */
const hash = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

const script = await bundle('src/main.ts');
const style = await bundle('src/page.css');
const policy = [
  "default-src 'none'",
  `script-src ${hash(script)}`,
  `style-src ${hash(style)}`,
  // The script again, beside the page: it unpacks the data.
  'worker-src blob:',
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');
const parts = { POLICY: policy, STYLE: style, SCRIPT: script };
const source = await readFile(here('src/page.html'), 'utf8');
const page = source.replace(/\{\{(\w+)\}\}/g, (_, name) => {
  if (!(name in parts)) throw new Error(`src/page.html: {{${name}}} stands for nothing`);
  return parts[name];
});
if (page.split(DATA).length !== 2) throw new Error(`src/page.html: ${DATA} must occur once`);

const target = process.argv[2] ?? here('../cli/assets/viewer.html');
await mkdir(dirname(target), { recursive: true });
await writeFile(target, page);
console.log(`${target}: ${Buffer.byteLength(page)} bytes`);
