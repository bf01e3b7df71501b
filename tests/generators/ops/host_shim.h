// What a kernel expects of CUDA, for a C++ compiler: blocks and threads are loops, intrinsics are plain code.
#pragma once

#include <math.h>
#include <string.h>

#define HOST_SHIM
#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)

struct Three {
    unsigned int x, y, z;
};
static Three gridDim, blockDim, blockIdx, threadIdx;

static inline unsigned int __float_as_uint(float value)
{
    unsigned int bits;
    memcpy(&bits, &value, 4);
    return bits;
}

static inline float __uint_as_float(unsigned int bits)
{
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

static inline float float_of_half(unsigned short half)
{
    int exponent = half >> 10 & 31, mantissa = half & 1023;
    float size = exponent == 31 ? (mantissa ? NAN : INFINITY)
        : exponent              ? ldexpf(1024 + mantissa, exponent - 25)
                                : ldexpf(mantissa, -24);
    return half >> 15 ? -size : size;
}

// To the nearest, ties to even, as the machine rounds: a multiple of the step is a whole number of steps.
static inline unsigned short half_of_float(float value)
{
    unsigned short sign = (unsigned short)(__float_as_uint(value) >> 31 << 15);
    float size = fabsf(value);
    if (size != size)
        return sign | 0x7e00;
    if (size >= 65520)
        return sign | 0x7c00;
    int exponent = size < ldexpf(1, -14) ? -14 : ilogbf(size);
    int steps = (int)nearbyintf(ldexpf(size, 10 - exponent));  // 2048 carries into the exponent, as it should
    return sign | (unsigned short)(steps + ((exponent + 14) << 10));
}

// As cuLaunchKernel: an address for each argument, whose types are the kernel's own. Only grids along x.
template <int... At>
struct Places {};

template <int Count, int... At>
struct Counted : Counted<Count - 1, Count - 1, At...> {};

template <int... At>
struct Counted<0, At...> {
    typedef Places<At...> places;
};

template <typename... Args, int... At>
static void threads(void (*kernel)(Args...), void** args, Places<At...>)
{
    for (blockIdx.x = 0; blockIdx.x < gridDim.x; blockIdx.x++)
        for (threadIdx.x = 0; threadIdx.x < blockDim.x; threadIdx.x++)
            kernel(*(Args*)args[At]...);
}

template <typename... Args>
static int launch_on_host(void (*kernel)(Args...), unsigned int blocks, unsigned int size, void** args, int given)
{
    if (given != (int)sizeof...(Args))
        return (int)sizeof...(Args);
    gridDim = {blocks, 1, 1};
    blockDim = {size, 1, 1};
    threads(kernel, args, typename Counted<(int)sizeof...(Args)>::places());
    return 0;
}
