// Objects and texts: most of them lie in the engine's own heap, which it takes from the system.
for (let round = 0; round < 4; round++) {
  const objects = Array.from({ length: 60000 }, (_, i) => ({ i, text: `object ${i}`, list: [i, round] }));
  const again = JSON.parse(JSON.stringify(objects));
  const buffers = again.slice(0, 3000).map((one) => Buffer.alloc(500 + one.i % 9000, 1));
  if (again.length !== objects.length || !buffers.length) throw new Error('lost');
}
