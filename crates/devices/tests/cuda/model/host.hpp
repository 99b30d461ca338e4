// CUDA's words for a compiler for the host, by which a kernel runs one thread after the other, the
// last one first: what a thread writes behind its own elements stays there.
// What is not here, no kernel of the tests uses.
#include <utility>

#define __device__
#define __global__

struct dim3 {
    unsigned x, y, z;
};

static dim3 gridDim, blockDim, blockIdx, threadIdx;

extern "C" float expf(float), fmaf(float, float, float), sqrtf(float);
extern "C" float fmaxf(float, float), fminf(float, float);

static inline unsigned min(unsigned one, unsigned other) {
    return one < other ? one : other;
}

static inline float __uint_as_float(unsigned bits) {
    return __builtin_bit_cast(float, bits);
}

// A kernel whose parameters are addresses, by the number of these and their values.
template <auto kernel>
struct Launched;

template <class... Parameters, void (*kernel)(Parameters...)>
struct Launched<kernel> {
    static_assert((std::is_pointer_v<Parameters> && ...), "an address for each parameter");
    static const unsigned parameters = sizeof...(Parameters);

    template <std::size_t... at>
    static void call(void *const *values, std::index_sequence<at...>) {
        kernel(static_cast<Parameters>(values[at])...);
    }

    static void launch(dim3 grid, dim3 block, void *const *values) {
        gridDim = grid;
        blockDim = block;
        for (unsigned at = grid.x * grid.y * grid.z; at-- > 0;) {
            blockIdx = {at % grid.x, at / grid.x % grid.y, at / grid.x / grid.y};
            for (unsigned in = block.x * block.y * block.z; in-- > 0;) {
                threadIdx = {in % block.x, in / block.x % block.y, in / block.x / block.y};
                call(values, std::make_index_sequence<parameters>());
            }
        }
    }
};

// What the model of the driver looks for of a kernel.
#define LAUNCHED(kernel)                                                                    \
    extern "C" unsigned kernel##_parameters() { return Launched<kernel>::parameters; }      \
    extern "C" void kernel##_launch(const dim3 *grid, const dim3 *block, void *const *values) { \
        Launched<kernel>::launch(*grid, *block, values);                                    \
    }
