// The pixels of a PNG file as chromium writes it: 8 bits a channel, RGB or RGBA, not interlaced;
// and a smaller file of the same pixels.

import { crc32, deflateSync, inflateSync } from 'node:zlib';

export type Colour = [red: number, green: number, blue: number];

export class Picture {
  constructor(
    readonly width: number,
    readonly height: number,
    private readonly channels: number,
    private readonly bytes: Uint8Array,
  ) {}

  at(x: number, y: number): Colour {
    const at = (Math.floor(y) * this.width + Math.floor(x)) * this.channels;
    return [this.bytes[at]!, this.bytes[at + 1]!, this.bytes[at + 2]!];
  }
}

export function decode(png: Buffer): Picture {
  let [width, height, channels] = [0, 0, 0];
  const parts: Buffer[] = [];
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const type = png.toString('latin1', at + 4, at + 8);
    const content = png.subarray(at + 8, at + 8 + length);
    if (type === 'IHDR') {
      [width, height] = [content.readUInt32BE(0), content.readUInt32BE(4)];
      channels = { 2: 3, 6: 4 }[content[9]!] ?? 0;
      if (content[8] !== 8 || channels === 0 || content[12] !== 0) throw new Error('unknown PNG');
    } else if (type === 'IDAT') {
      parts.push(content);
    }
    at += length + 12;
  }
  return new Picture(width, height, channels, unfilter(inflateSync(Buffer.concat(parts)),
    width * channels, height, channels));
}

/** A PNG file without filters, which packs flat colours and text best. */
export function encode(picture: Picture): Buffer {
  const { width, height } = picture;
  const rows = Buffer.alloc((width * 3 + 1) * height);
  for (let y = 0, to = 0; y < height; y++) {
    to += 1; // the filter: none
    for (let x = 0; x < width; x++) for (const value of picture.at(x, y)) rows[to++] = value;
  }
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0]);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  const pixels = part('IDAT', deflateSync(rows, { level: 9 }));
  return Buffer.concat([signature, part('IHDR', header), pixels, part('IEND', Buffer.alloc(0))]);
}

function part(type: string, content: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}

/** Undoes the filter that each row begins with. */
function unfilter(from: Buffer, row: number, height: number, channels: number): Uint8Array {
  const out = new Uint8Array(row * height);
  for (let y = 0; y < height; y++) {
    const filter = from[y * (row + 1)]!;
    for (let x = 0; x < row; x++) {
      const at = y * row + x;
      const left = x >= channels ? out[at - channels]! : 0;
      const up = y > 0 ? out[at - row]! : 0;
      const corner = x >= channels && y > 0 ? out[at - row - channels]! : 0;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter]!;
      out[at] = from[y * (row + 1) + 1 + x]! + guess;
    }
  }
  return out;
}

function paeth(left: number, up: number, corner: number): number {
  const sum = left + up - corner;
  const [a, b, c] = [Math.abs(sum - left), Math.abs(sum - up), Math.abs(sum - corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}
