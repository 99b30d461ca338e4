// A 3x3 convolution of blocks of channels, each an image [height * width, channels of the block],
// with weight [9, channels of the block, outputs] for each block and zeros outside of the image:
// four channels of one pixel at a time. The channels of each block are behind the other sizes.
// Products of one line of a window are summed in runs of DEPTH, then added to the others, as the
// processor does it.
const DEPTH = 256u;

fn compute(tile: u32) {
    let height = sizes[1];
    let width = sizes[2];
    let outputs = sizes[3];
    let blocks = sizes[4];
    let across = (outputs + 3u) / 4u;
    let output = tile % across * 4u;
    let pixel = tile / across;
    let row = pixel / width;
    let column = pixel % width;
    // Beyond the edge, the last channel is computed once more, and not written.
    let c = min(vec4<u32>(output) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(outputs - 1u));

    var sum = vec4<f32>(bias[c.x], bias[c.y], bias[c.z], bias[c.w]);
    var image = 0u;
    var right = 0u;
    for (var block = 0u; block < blocks; block++) {
        let channels = sizes[5u + block];
        // The pixels of a line are next to each other, and so are their channels.
        let start = select(0u, channels, column == 0u);
        let stop = select(3u, 2u, column + 1u == width) * channels;
        for (var line = 0u; line < 3u; line++) {
            // One more than the row, so that it is not negative; the column likewise below.
            if row + line >= 1u && row + line <= height {
                let origin = image + ((row + line - 1u) * width + column) * channels;
                for (var first = start; first < stop; first += DEPTH) {
                    let end = min(first + DEPTH, stop);
                    var run = vec4<f32>();
                    for (var k = first; k < end; k++) {
                        let at = vec4<u32>((right + line * 3u * channels + k) * outputs) + c;
                        let w = vec4<f32>(weight[at.x], weight[at.y], weight[at.z], weight[at.w]);
                        run = fma(vec4<f32>(x[origin + k - channels]), w, run);
                    }
                    sum += run;
                }
            }
        }
        image += height * width * channels;
        right += 9u * channels;
    }

    let at = pixel * outputs + output;
    result[at] = sum.x;
    if output + 1u < outputs {
        result[at + 1u] = sum.y;
    }
    if output + 2u < outputs {
        result[at + 2u] = sum.z;
    }
    if output + 3u < outputs {
        result[at + 3u] = sum.w;
    }
}
